# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from mammozoo.cli.main import main


def test_masks_of_a_folder_with_a_broken_file(
    phantom_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "study"
    study.mkdir()
    for file in sorted((phantom_dir / "images").iterdir())[:4]:
        (study / file.name).write_bytes(file.read_bytes())
    (study / "broken.dcm").write_bytes(b"nothing")
    assert main(["mask", str(study), str(tmp_path / "out"), "--pectoral"]) == 0
    assert "4 masks" in capsys.readouterr().out
    summary = {row["id"]: row for row in json.loads((tmp_path / "out" / "summary.json").read_text())}
    assert summary["broken"]["status"] == "failed"
    assert summary["broken"]["reason"]
    for name, row in summary.items():
        if row["status"] == "ok":
            mask = cv2.imread(str(tmp_path / "out" / name / "breast_mask.png"), cv2.IMREAD_GRAYSCALE)
            truth = cv2.imread(str(phantom_dir / "breast_masks" / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
            assert mask.shape == truth.shape
            assert (mask > 0).sum() <= 1.03 * (truth > 0).sum()
            assert {"threshold", "chest_side", "line", "score", "flags", "box_xyxy"} <= set(row)
    assert main(["mask", str(study), str(tmp_path / "again"), "--strict"]) == 1


def test_a_missing_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mask", str(tmp_path / "none"), str(tmp_path / "out")]) == 1
    assert "no such file" in capsys.readouterr().err

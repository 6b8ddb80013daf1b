# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import pydicom
import pytest

from mammozoo.cli.main import main
from mammozoo.report.breast_masks import write_breast_masks


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


def test_masks_name_nobody_and_leave_nothing_of_an_earlier_run(
    phantom_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = sorted((phantom_dir / "images").glob("*.dcm"))[0]
    dataset = pydicom.dcmread(source)
    dataset.PatientName, dataset.PatientBirthDate = "CANARYSSON^MATHILDA", "19431207"
    study = tmp_path / "study"
    study.mkdir()
    dataset.save_as(study / "CanaryssonMathilda_LCC.dcm")
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    (study / "MathildaCanarysson.dcm").write_bytes(b"nothing")
    (study / "07.12.1943.dcm").symlink_to(tmp_path / "absent")
    dataset.PixelData = bytes(len(dataset.PixelData))
    dataset.SOPInstanceUID = "1.2.3"
    dataset.save_as(study / "flat.dcm")
    out = tmp_path / "out"
    for _ in range(2):
        rows = write_breast_masks(study, out)
        assert sorted(row["status"] for row in rows) == ["failed", "failed", "incomplete", "ok"]
        (flat,) = [row["id"] for row in rows if row["status"] == "incomplete"]
        assert not (out / flat / "breast_mask.png").exists()
        (out / flat).mkdir(exist_ok=True)
        (out / flat / "breast_mask.png").write_bytes(b"of an earlier run")
    assert main(["mask", str(study), str(out)]) == 0
    printed = capfd.readouterr()
    written = "".join(str(path.relative_to(out)) for path in out.rglob("*")) + (out / "summary.json").read_text()
    assert not re.search("canary|mathilda|1943", (written + printed.out + printed.err), re.IGNORECASE)


def test_masks_inside_the_source_are_refused(phantom_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mask", str(phantom_dir), str(phantom_dir / "out")]) == 1
    assert "inside the input" in capsys.readouterr().err
    assert not (phantom_dir / "out").exists()


def test_other_kinds_are_skipped_unless_included(phantom_dir: Path, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(sorted((phantom_dir / "images").glob("*.dcm"))[0])
    dataset.SeriesDescription = "Specimen"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    (tmp_path / "in").mkdir()
    dataset.save_as(tmp_path / "in" / "a.dcm")
    (row,) = write_breast_masks(tmp_path / "in", tmp_path / "out")
    assert (row["status"], "specimen" in row["reason"]) == ("skipped", True)
    (row,) = write_breast_masks(tmp_path / "in", tmp_path / "out", include=["specimen"])
    assert row["status"] == "ok"


def test_an_unexpected_error_ends_no_run(phantom_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        msg = f"no memory for {phantom_dir}"
        raise MemoryError(msg)

    monkeypatch.setattr("mammozoo.report.breast_masks.segment_breast", failing)
    rows = write_breast_masks(sorted((phantom_dir / "images").glob("*.dcm"))[:2], tmp_path / "out")
    assert [row["status"] for row in rows] == ["failed", "failed"]

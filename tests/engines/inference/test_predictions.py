# SPDX-License-Identifier: Apache-2.0
"""The handler that writes results and the summary of all inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor

from mammozoo.engines.inference.predictions import SavePredictions
from mammozoo.engines.inference.readable import ReadableImages
from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
from mammozoo.io.write import write_png

SHAPE = (120, 90)


def _summary(folder: Path, source: Path, **options: Any) -> list[dict[str, Any]]:
    """Run the handler over one image with findings of 400, 399 and 1 pixels, and a text file that is not an image."""
    probability = torch.zeros(1, *SHAPE[::-1])
    probability[0, 2:22, 2:22] = 0.9
    probability[0, 40:60, 40:60] = 0.8
    probability[0, 40, 40] = 0
    probability[0, 80, 80] = 0.7
    (folder / "text.dcm").write_text("text")
    data = [{"image": str(source), "id": "a"}, {"image": str(folder / "text.dcm"), "id": "text"}]

    def load(item: dict[str, Any]) -> dict[str, Any]:
        if item["id"] == "text":
            raise RuntimeError from ValueError("no image")
        meta = {"filename_or_obj": item["image"]}
        return {"image": MetaTensor(torch.zeros(1, 1, 1), meta=meta), "id": item["id"]}

    dataset = ReadableImages(data, load)
    engine = Engine(lambda engine, batch: [{"probability": probability}])
    SavePredictions(folder / "out", dataset=dataset, **options).attach(engine)
    engine.run([[item] for item in dataset])
    return list(json.loads((folder / "out" / "summary.json").read_text()))


@pytest.fixture
def mammogram(tmp_path: Path) -> Path:
    view: dict[str, Any] = {"laterality": "L", "view_position": "CC", "pixel_spacing": (0.1, 0.1)}
    header = MammogramHeader(patient_id="SYNTHETIC-1", uid_key="1", study_key="1", **view)
    path = tmp_path / "a.dcm"
    path.write_bytes(mammogram_bytes(np.zeros(SHAPE, np.uint16), header))
    return path


@pytest.mark.parametrize(
    ("options", "dropped", "note"),
    [
        ({}, 2, "2 findings below 4 mm2 dropped"),
        ({"min_area_mm2": 3.99}, 1, "1 finding below 3.99 mm2 dropped"),
        ({"min_area_mm2": 0}, 0, ""),
        ({"min_area_mm2": 100}, 3, "3 findings below 100 mm2 dropped"),
    ],
)
def test_the_summary_counts_what_was_too_small(
    options: dict[str, Any], dropped: int, note: str, mammogram: Path, tmp_path: Path
) -> None:
    rows = _summary(tmp_path, mammogram, **options)
    assert rows == [
        {"id": "a", "input": "a.dcm", "status": "ok", "reason": "", "dropped": dropped, "note": note},
        {"id": "text", "input": "text.dcm", "status": "failed", "reason": "no image", "dropped": 0, "note": ""},
    ]
    assert len(json.loads((tmp_path / "out" / "a" / "findings.json").read_text())) == 3 - dropped


def test_without_spacing_the_least_area_counts_pixels_and_says_so(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.zeros(SHAPE, np.uint8) + np.arange(SHAPE[1], dtype=np.uint8))
    row = _summary(tmp_path, tmp_path / "a.png")[0]
    assert (row["dropped"], row["note"]) == (1, "1 finding below 4 pixels dropped (the pixel spacing is unknown)")

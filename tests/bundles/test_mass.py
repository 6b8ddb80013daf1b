# SPDX-License-Identifier: Apache-2.0
"""The flagship on small synthetic exams: it trains on crops of the breast and is scored on whole images."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mammozoo.engines.training.inferers import AutocastInferer
from mammozoo.functional.lesion_size import area_224

NAME = "mammo_mass_segmentation"


def test_it_is_scored_on_whole_images_at_native_size(evaluation_of: Callable[[str], Path], phantom_dir: Path) -> None:
    out = evaluation_of(NAME)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["resolution"].endswith("whole images as read")
    with (out / "per_case.csv").open() as file:
        truths = {row["id"]: float(row["area_224"]) for row in csv.DictReader(file)}
    assert truths
    files = list((phantom_dir / "masks").iterdir())
    masks = {path.stem: np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) > 0 for path in files}
    assert all(area == pytest.approx(area_224(masks[name]), abs=1e-6) for name, area in truths.items())


def test_the_last_network_is_kept_where_asked(run_bundle: Callable[..., Path], tmp_path: Path) -> None:
    run = run_bundle(NAME, tmp_path / "run", keep="last", epochs=2, flip_average=False)
    files = [run / "models" / f"{name}.pt" for name in ("model", "checkpoint")]
    model, checkpoint = (torch.load(file, weights_only=True) for file in files)
    assert checkpoint["progress"]["epoch"] == 2
    assert all(torch.equal(model[name], checkpoint["network"][name]) for name in model)


def test_flips_are_averaged() -> None:
    inferer = AutocastInferer(flip_average=True)
    first = torch.nn.Conv2d(1, 1, 3, padding=1)
    image = torch.rand(1, 1, 8, 6)
    for axes in ((2,), (3,), (2, 3)):
        assert torch.allclose(inferer(image, first).flip(axes), inferer(image.flip(axes), first), atol=1e-6)

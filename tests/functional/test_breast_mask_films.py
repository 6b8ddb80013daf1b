# SPDX-License-Identifier: Apache-2.0
"""Breast masks on real films: a mask that loses lesions is worse than none."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammozoo.functional.breast.segment import segment_breast

DATA = os.environ.get("MAMMOZOO_REAL_DATA", "")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA, reason="MAMMOZOO_REAL_DATA names the folder with the manifests"),
]


def _films() -> list[dict[str, str]]:
    file = Path(DATA) / "cbis_ddsm_mass" / "manifest_film_800.csv"
    with file.open(encoding="utf-8") as lines:
        return [{**row, "root": str(file.parent)} for row in csv.DictReader(lines) if row["mask_suspect"] != "1"]


def _kept(row: dict[str, str], *, pectoral: bool) -> tuple[float, float]:
    """Share of the lesion's pixels inside the mask, and inside its box."""
    image, lesion = (cv2.imread(str(Path(row["root"], row[name])), cv2.IMREAD_GRAYSCALE) for name in ("image", "mask"))
    found = segment_breast(image, pectoral=pectoral)
    inside = lesion > 0
    x1, y1, x2, y2 = found.box_xyxy
    return float(found.mask[inside].mean()), float(inside[y1:y2, x1:x2].sum() / inside.sum())


def test_lesions_survive_the_mask_and_the_crop() -> None:
    shares = np.array([_kept(row, pectoral=False) for row in _films()])
    masked, cropped = (shares >= 0.99).mean(0)
    print(f"n = {len(shares)}: mask {masked:.4f}, crop {cropped:.4f} keep 99 % of the lesion's pixels")
    assert masked >= 0.985
    assert cropped >= 0.995


def test_most_lesions_survive_the_removal_of_the_pectoral_muscle() -> None:
    shares = np.array([_kept(row, pectoral=True)[0] for row in _films() if row["view"] == "MLO"])
    print(f"n = {len(shares)}: {int((shares < 0.99).sum())} lose more than 1 % of the lesion's pixels")
    assert (shares >= 0.99).mean() >= 0.9

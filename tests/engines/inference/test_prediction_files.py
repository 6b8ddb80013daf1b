# SPDX-License-Identifier: Apache-2.0
"""Result files of one image."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from mammozoo.engines.inference.prediction_files import (
    Region,
    dropped_note,
    prediction_overlay,
    threshold_prediction,
    write_prediction,
)
from mammozoo.io.raster.nifti import read_nifti

FILES = {"mask.png", "mask.nii.gz", "probability.png", "overlay.png", "findings.json"}


@pytest.fixture
def probability() -> np.ndarray:
    """Not square, not symmetric: two lesions, one pixel just on the threshold."""
    probability = np.full((120, 70), 0.1, np.float32)
    probability[10:20, 5:30] = 0.8
    probability[12, 7] = 0.9
    probability[100, 60] = 0.5
    return probability


@pytest.fixture
def image() -> np.ndarray:
    ramp = np.linspace(0, 4000, 70)
    return np.tile(ramp, (120, 1)).astype(np.uint16)


def _read(folder: Path, name: str) -> np.ndarray:
    return cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED)


def test_files(tmp_path: Path, probability: np.ndarray, image: np.ndarray) -> None:
    found = write_prediction(tmp_path, probability=probability, image=image, pixel_spacing=(0.1, 0.2))
    assert {path.name for path in tmp_path.iterdir()} == FILES
    mask = _read(tmp_path, "mask.png")
    np.testing.assert_array_equal(mask, 255 * (probability >= 0.5).astype(np.uint8))
    stored, spacing = read_nifti(tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(stored * 255, mask)
    assert spacing == pytest.approx((0.1, 0.2))
    values = _read(tmp_path, "probability.png")
    assert values.dtype == np.uint16
    np.testing.assert_array_equal(values, np.rint(65535 * probability.astype(np.float64)))
    assert _read(tmp_path, "overlay.png").shape == (120, 70, 3)
    findings = json.loads((tmp_path / "findings.json").read_text())
    assert findings == [
        {"box_xyxy": [5, 10, 30, 20], "score": 0.9, "area_px": 250, "area_mm2": 5.0},
        {"box_xyxy": [60, 100, 61, 101], "score": 0.5, "area_px": 1, "area_mm2": 0.02},
    ]
    assert len(found.components) == 2


def test_without_spacing_and_findings(tmp_path: Path, probability: np.ndarray, image: np.ndarray) -> None:
    write_prediction(tmp_path / "a", probability=probability, image=image)
    assert json.loads((tmp_path / "a" / "findings.json").read_text())[0]["area_mm2"] is None
    write_prediction(tmp_path / "b", probability=probability, image=image, threshold=0.95)
    assert json.loads((tmp_path / "b" / "findings.json").read_text()) == []
    assert not _read(tmp_path / "b", "mask.png").any()


@pytest.mark.parametrize(
    ("least", "spacing", "areas"),
    [
        (4.0, (0.1, 0.2), [250]),  # 5.0 and 0.02 mm2
        (5.0, (0.1, 0.2), [250]),
        (5.1, (0.1, 0.2), []),
        (0.02, (0.1, 0.2), [250, 1]),
        (0.0, (0.1, 0.2), [250, 1]),
        (4.0, None, [250]),  # pixels
        (1.0, None, [250, 1]),
        (251.0, None, []),
    ],
)
def test_small_findings_are_dropped_and_counted(
    least: float, spacing: tuple[float, float] | None, areas: list[int], tmp_path: Path, probability: np.ndarray,
    image: np.ndarray,
) -> None:  # fmt: skip
    found = write_prediction(tmp_path, probability=probability, image=image, min_area_mm2=least, pixel_spacing=spacing)
    assert [item["area_px"] for item in json.loads((tmp_path / "findings.json").read_text())] == areas
    assert (_read(tmp_path, "mask.png") > 0).sum() == sum(areas)
    assert found.dropped == 2 - len(areas)
    said = dropped_note(found.dropped, min_area_mm2=least, pixel_spacing=spacing)
    assert bool(said) == bool(found.dropped)
    if said:
        assert said.startswith(f"{found.dropped} finding")
        assert ("unknown" in said) == (spacing is None)


def test_small_regions_of_a_detector_go_with_their_mask(probability: np.ndarray) -> None:
    regions = [
        Region(box=(5, 10, 30, 20), score=0.8, window=(4, 9, 31, 21)),
        Region(box=(60, 100, 62, 102), score=0.9, window=(58, 98, 64, 104)),
        Region(box=(40, 60, 60, 80), score=0.3, window=(38, 58, 62, 82)),  # nothing segmented: its box decides
    ]
    found = threshold_prediction(probability, regions=regions, min_area_mm2=4, pixel_spacing=(0.1, 0.2))
    assert [(item.score, item.area) for item in found.components] == [(0.8, 250), (0.3, 0)]
    assert (found.dropped, int(found.mask.sum())) == (1, 250)


@pytest.mark.parametrize("least", [-1.0, np.nan, np.inf])
def test_a_least_area_that_is_none_is_refused(least: float, probability: np.ndarray) -> None:
    with pytest.raises(ValueError, match="min_area_mm2"):
        threshold_prediction(probability, min_area_mm2=least)


def test_score_map_gives_the_scores(probability: np.ndarray) -> None:
    fused = np.zeros_like(probability)
    fused[95:105, 55:65] = 0.97
    scores = [item.score for item in threshold_prediction(probability, score_map=fused).components]
    assert scores == [pytest.approx(0.97), 0.0]


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.5, 7.0])
def test_what_is_no_probability_is_refused(probability: np.ndarray, value: float) -> None:
    probability[0, 0] = value
    with pytest.raises(ValueError, match="sigmoid"):
        threshold_prediction(probability)


def test_sizes_must_agree(tmp_path: Path, probability: np.ndarray, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="size"):
        write_prediction(tmp_path, probability=probability, image=image.T)
    assert not list(tmp_path.iterdir())


def test_overlay_leaves_the_lesion_visible(probability: np.ndarray) -> None:
    image = np.full(probability.shape, 70, np.uint8)
    found = threshold_prediction(probability)
    drawn = prediction_overlay(image, found)
    np.testing.assert_array_equal(drawn[10:20, 5:30], 70)
    assert (drawn[8:22, 3:32] != 70).any()


def _item(probability: np.ndarray, file: Path, **meta: object) -> dict[str, object]:
    pred = MetaTensor(torch.from_numpy(probability.T[None].copy()), meta={"filename_or_obj": str(file), **meta})
    return {"pred": pred, "id": "P 1/left"}

# SPDX-License-Identifier: Apache-2.0
"""Outlines along the edges of pixels, and findings as regions."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mammozoo.io.clinical.outline import finding_regions, pixel_outline


def _area(polygon: np.ndarray) -> float:
    x, y = polygon.T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2)


def _blob(seed: int, *, holes: bool = False) -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(40, 50)).astype(np.float32), (0, 0), 2)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((noise > 0).astype(np.uint8), connectivity=8)
    blob = (labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])).astype(np.uint8)
    if not holes:
        outer, _ = cv2.findContours(blob, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(blob, outer, -1, 1, cv2.FILLED)
    return blob


@pytest.mark.parametrize(
    "mask",
    [
        [[1]],
        [[1, 0], [0, 1]],
        [[0, 1], [1, 0]],
        [[0, 1, 0], [1, 1, 1], [0, 1, 0]],
        [[1, 0, 1], [0, 1, 0], [1, 0, 1]],
        [[0, 0, 1, 1], [0, 0, 1, 0], [1, 1, 0, 0]],
    ],
)
def test_area_is_the_number_of_pixels(mask: list[list[int]]) -> None:
    polygon = pixel_outline(np.array(mask))
    assert _area(polygon) == np.count_nonzero(mask)
    np.testing.assert_array_equal(polygon[0], polygon[-1])


@pytest.mark.parametrize("seed", range(8))
def test_pixel_centres_lie_inside_exactly_where_the_mask_is(seed: int) -> None:
    mask = _blob(seed)
    polygon = pixel_outline(mask)
    assert _area(polygon) == np.count_nonzero(mask)
    contour = (2 * polygon).astype(np.int32)  # doubled, pixel centres are whole numbers
    inside = [
        [cv2.pointPolygonTest(contour, (2.0 * x + 1, 2.0 * y + 1), False) > 0 for x in range(50)] for y in range(40)
    ]
    np.testing.assert_array_equal(inside, mask != 0)


def test_empty_mask_has_no_outline() -> None:
    assert pixel_outline(np.zeros((3, 3))).shape == (0, 2)


def test_long_outlines_are_simplified_below_the_limit() -> None:
    mask = _blob(3)
    polygon = pixel_outline(mask, max_vertices=20)
    assert 4 <= len(polygon) <= 20
    assert abs(_area(polygon) - np.count_nonzero(mask)) < 0.3 * np.count_nonzero(mask)


def test_regions_take_the_largest_piece_in_the_box() -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[4:10, 5:9] = 1
    mask[5, 6] = 0  # a hole
    mask[8:10, 11:13] = 1
    (region,) = finding_regions(
        [{"box_xyxy": (5, 4, 13, 10), "score": 0.5}], mask=mask, shape=(20, 30), pixel_spacing=(0.1, 0.2)
    )
    assert region.outline.min(0).tolist() == [5, 4]
    assert region.outline.max(0).tolist() == [9, 10]
    assert region.center == (7.0, 7.0)
    assert region.area_px == 23
    assert region.area_mm2 == pytest.approx(0.46)


@pytest.mark.parametrize("mask", [None, np.zeros((20, 30), np.uint8)])
def test_without_a_mask_the_box_is_the_outline(mask: np.ndarray | None) -> None:
    finding = SimpleNamespace(box_xyxy=(1.5, 2, 4, 6), score=1.0, area_px=7, area_mm2=None)
    (region,) = finding_regions([finding], mask=mask, shape=(20, 30), pixel_spacing=None)
    assert region.outline.tolist() == [[1.5, 2], [4, 2], [4, 6], [1.5, 6], [1.5, 2]]
    assert (region.center, region.area_px, region.area_mm2) == ((2.75, 4.0), 7.0, None)


def test_given_areas_are_kept() -> None:
    finding = {"box_xyxy": (0, 0, 2, 2), "score": 0, "area_px": 3, "area_mm2": 0.25}
    (region,) = finding_regions([finding], mask=None, shape=(4, 4), pixel_spacing=(1.0, 1.0))
    assert (region.area_px, region.area_mm2) == (3.0, 0.25)


@pytest.mark.parametrize(
    ("finding", "mask", "message"),
    [
        ({"score": 0.5}, None, "no box_xyxy"),
        ({"box_xyxy": (0, 0, 1, 1)}, None, "no score"),
        ({"box_xyxy": (0, 0, 5, 1), "score": 0.5}, None, "outside the image"),
        ({"box_xyxy": (1, 1, 1, 2), "score": 0.5}, None, "empty or outside"),
        ({"box_xyxy": (0, 0, 1, 1), "score": 1.5}, None, "not a probability"),
        ({"box_xyxy": (0, 0, 1, 1), "score": float("nan")}, None, "not a probability"),
        ({"box_xyxy": (0, 0, 1, 1), "score": 0.5}, np.zeros((4, 5)), "native size"),
    ],
)
def test_refuses_what_is_no_finding(finding: dict[str, object], mask: np.ndarray | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        finding_regions([finding], mask=mask, shape=(4, 4), pixel_spacing=None)

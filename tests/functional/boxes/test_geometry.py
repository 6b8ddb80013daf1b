# SPDX-License-Identifier: Apache-2.0
"""Boxes against hand-worked cases, painted masks and MONAI."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data.box_utils import box_iou

from mammozoo.functional.boxes.geometry import (
    as_boxes,
    box_iou_matrix,
    round_boxes,
    square_crop_box,
)


def _random_boxes(generator: np.random.Generator, count: int) -> np.ndarray:
    corners = generator.integers(0, 20, (count, 2, 2))
    return np.concatenate([corners.min(axis=1), corners.max(axis=1) + 1], axis=1)


def _paint(box: np.ndarray) -> np.ndarray:
    mask = np.zeros((24, 24), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


def test_iou_counts_pixels() -> None:
    generator = np.random.default_rng(0)
    first, second = _random_boxes(generator, 7), _random_boxes(generator, 5)
    pixels = [[(_paint(a) & _paint(b)).sum() / (_paint(a) | _paint(b)).sum() for b in second] for a in first]
    np.testing.assert_allclose(box_iou_matrix(first, second), pixels, atol=1e-12)
    np.testing.assert_allclose(box_iou(first.astype(float), second.astype(float)), pixels, atol=1e-6)


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ([[0, 0, 4, 4]], [[0, 0, 4, 4]], [[1.0]]),
        ([[0, 0, 4, 4]], [[4, 0, 8, 4]], [[0.0]]),  # they share an edge and no pixel
        ([[0, 0, 4, 4]], [[4, 4, 8, 8]], [[0.0]]),
        ([[2, 2, 2, 2]], [[2, 2, 2, 2], [0, 0, 4, 4]], [[0.0, 0.0]]),
        ([[-4, 0, 4, 8]], [[0, 0, 4, 8]], [[0.5]]),
    ],
)
def test_iou_by_hand(first: list[list[int]], second: list[list[int]], wanted: list[list[float]]) -> None:
    assert box_iou_matrix(first, second).tolist() == wanted


@pytest.mark.parametrize(("first", "second", "shape"), [(0, 0, (0, 0)), (0, 3, (0, 3)), (2, 0, (2, 0))])
def test_iou_of_no_boxes(first: int, second: int, shape: tuple[int, int]) -> None:
    assert box_iou_matrix([[0, 0, 1, 1]] * first, [[0, 0, 1, 1]] * second).shape == shape


@pytest.mark.parametrize(
    ("box", "wanted"),
    [
        ([0.5, 1.5, 2.5, 3.5], [1, 2, 3, 4]),
        ([0.49, 0.51, 3.49, 3.51], [0, 1, 3, 4]),
        ([-7.2, -0.5, 9.9, 99.0], [0, 0, 10, 8]),
        ([1e30, -1e30, 1e30, 1e30], [10, 0, 10, 8]),
        ([3.1, 3.1, 3.4, 3.4], [3, 3, 3, 3]),
    ],
)
def test_rounding_then_clipping(box: list[float], wanted: list[int]) -> None:
    rounded = round_boxes([box], shape=(8, 10))
    assert rounded.tolist() == [wanted]
    assert rounded.dtype == np.int64


def test_rounding_keeps_the_size_of_a_box_that_moves() -> None:
    boxes = np.array([[x + 0.5, 2.5, x + 1.5, 3.5] for x in range(6)])
    sizes = np.diff(round_boxes(boxes, shape=(8, 10)).reshape(-1, 2, 2), axis=1)
    assert (sizes == 1).all()


@pytest.mark.parametrize(
    ("box", "margin", "wanted"),
    [
        ((40, 40, 48, 44), 1.25, (39, 37, 49, 47)),
        ((40, 40, 48, 44), 1.0, (40, 38, 48, 46)),
        ((40, 40, 44, 48), 2.0, (34, 36, 50, 52)),
        ((0, 0, 80, 80), 1.25, (0, 0, 90, 90)),  # cut at two sides
        ((90, 70, 120, 78), 1.25, (86, 55, 120, 93)),  # cut at one side: no square
        ((0, 0, 120, 100), 1.5, (0, 0, 120, 100)),
        ((10, 10, 10, 10), 1.25, (10, 10, 11, 11)),  # without area: one pixel
        ((7, 7, 10, 10), 1.1, (7, 7, 10, 10)),  # 3.3 rounds to 3
    ],
)
def test_square_crop(box: tuple[int, ...], margin: float, wanted: tuple[int, ...]) -> None:
    assert square_crop_box(box, shape=(100, 120), margin=margin) == wanted


@settings(max_examples=100, deadline=None)
@given(
    corner=st.tuples(st.integers(0, 90), st.integers(0, 110)),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    margin=st.floats(1, 3),
)
def test_a_square_crop_holds_the_region(corner: tuple[int, int], size: tuple[int, int], margin: float) -> None:
    box = np.array([*corner, corner[0] + size[0], corner[1] + size[1]])
    x1, y1, x2, y2 = square_crop_box(box, shape=(200, 180), margin=margin)
    assert x1 <= box[0] < box[2] <= x2
    assert y1 <= box[1] < box[3] <= y2
    if min(x1, y1) > 0 and x2 < 180 and y2 < 200:
        assert x2 - x1 == y2 - y1 == max(int(margin * max(size) + 0.5), *size)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: as_boxes([[0, 0, 1]]), r"shape \(N, 4\) are needed, got \(1, 3\)"),
        (lambda: as_boxes([[0, 0, 1, 1], [0, 3, 1, 2]], name="truths"), r"truths must be finite .* at index 1"),
        (lambda: as_boxes([[0, 0, 1, np.nan]]), "finite"),
        (lambda: box_iou_matrix([[0, 0, 1, 1]], [[0, 0, np.inf, 1]]), "second must be finite"),
        (lambda: square_crop_box((0, 0, 1, 1), shape=(4, 4), margin=0.9), "margin must be at least 1"),
        (lambda: square_crop_box((50, 50, 52, 52), shape=(8, 10)), "outside the image of 10 x 8"),
        (lambda: square_crop_box((0, 0, 1), shape=(8, 10)), r"box of shape \(N, 4\)"),
    ],
)
def test_errors_say_what_came(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()

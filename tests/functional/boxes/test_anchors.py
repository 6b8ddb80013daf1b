# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from mammozoo.functional.boxes.anchors import kmeans_anchors, mean_best_iou, shape_iou

NINE = [(4, 5), (8, 6), (10, 20), (20, 11), (25, 25), (30, 60), (62, 45), (59, 119), (116, 90)]  # by area


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_shape_iou_worked_values() -> None:
    boxes = [(10, 10), (20, 10), (40, 40)]
    np.testing.assert_array_equal(shape_iou(boxes, boxes), [[1, 1 / 2, 1 / 16], [1 / 2, 1, 1 / 8], [1 / 16, 1 / 8, 1]])
    assert shape_iou([(10, 20)], [(20, 10)]).item() == 1 / 3
    assert shape_iou([], boxes).shape == (0, 3)


def test_mean_best_iou() -> None:
    assert mean_best_iou([(10, 10), (20, 10), (40, 40)], [(10, 10), (40, 40)]) == pytest.approx((1 + 0.5 + 1) / 3)
    with pytest.raises(ValueError, match="at least one box and one anchor are needed, got 0 and 1"):
        mean_best_iou([], [(1, 1)])


@pytest.mark.parametrize("seed", range(5))
def test_nine_distinct_boxes_are_their_own_anchors(seed: int) -> None:
    many = np.repeat(_rng(seed).permutation(NINE), 3, axis=0)
    np.testing.assert_array_equal(kmeans_anchors(many, k=9, generator=_rng(seed)), NINE)


def test_centres_are_medians_and_sorted_by_area() -> None:
    small, large = [(9, 10), (10, 11), (17, 12)], [(80, 90), (90, 95), (100, 190)]
    anchors = kmeans_anchors(large + small, k=2, generator=_rng())
    np.testing.assert_array_equal(anchors, [(10, 11), (90, 95)])


def test_found_clusters_fit_better_than_any_draw() -> None:
    centres = np.array(NINE)[_rng().integers(0, 9, 400)]
    sizes = centres * _rng(1).uniform(0.9, 1.1, (400, 2))
    anchors = kmeans_anchors(sizes, generator=_rng())
    drawn = max(mean_best_iou(sizes, _rng(seed).choice(sizes, 9, replace=False)) for seed in range(20))
    assert anchors.shape == (9, 2)
    assert mean_best_iou(sizes, anchors) > drawn
    assert mean_best_iou(sizes, kmeans_anchors(sizes, generator=_rng(), restarts=1)) < mean_best_iou(sizes, anchors)
    assert (np.diff(anchors.prod(axis=1)) >= 0).all()


def test_a_seed_fixes_the_result_and_the_input_is_kept() -> None:
    sizes = _rng(3).uniform(5, 200, (200, 2))
    before = sizes.copy()
    first, again = (kmeans_anchors(sizes, k=9, generator=_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(sizes, before)


@pytest.mark.parametrize("seed", range(8))
def test_no_anchor_is_found_twice(seed: int) -> None:
    few = _rng(seed).integers(1, 5, (60, 2))  # at most 16 sizes, many ties
    anchors = kmeans_anchors(few, k=9, generator=_rng(seed))
    assert len(np.unique(anchors, axis=0)) == 9


def test_helpful_errors() -> None:
    with pytest.raises(ValueError, match="9 anchors need at least 9 boxes of distinct size, got 16 boxes of 8 sizes"):
        kmeans_anchors(NINE[:8] * 2, generator=_rng())
    with pytest.raises(ValueError, match="k and restarts must be at least 1, got 0 and 10"):
        kmeans_anchors(NINE, k=0, generator=_rng())
    with pytest.raises(ValueError, match=r"positive and finite, got \[0.0, 5.0\] at index 1"):
        kmeans_anchors([(1, 1), (0, 5)], k=1, generator=_rng())
    with pytest.raises(ValueError, match=r"shape \(N, 2\), width and height, are needed, got \(1, 4\)"):
        shape_iou([(0, 0, 1, 1)], NINE)

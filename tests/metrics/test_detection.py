# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from mammozoo.metrics.detection import average_precision, detection_curve, operating_point
from mammozoo.metrics.matching import BoxMatch, match_boxes


def case(scores: list[float], hits: list[bool], truths: int) -> BoxMatch:
    """A matched image; each hit finds a lesion of its own."""
    found = np.asarray(hits, dtype=bool)
    return BoxMatch(np.asarray(scores, dtype=float), np.where(found, np.cumsum(found) - 1, -1).astype(int), truths)


WORKED = case([0.95, 0.9, 0.8, 0.7, 0.6], [True, False, True, True, False], 4)


def test_worked_average_precision() -> None:
    assert average_precision([WORKED]) == pytest.approx(0.604167, abs=1e-6)
    parts = [case([0.9, 0.6], [False, False], 0), case([0.8, 0.95], [True, True], 3), case([0.7], [True], 1)]
    assert average_precision(parts) == pytest.approx(0.604167, abs=1e-6)


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ([case([], [], 2)], 0.0),
        ([case([0.9], [False], 2)], 0.0),
        ([case([0.9], [True], 1)], 1.0),
        ([case([0.9, 0.9], [False, True], 1)], 0.5),  # equal scores enter together, in either order
        ([case([0.9, 0.9], [True, False], 1)], 0.5),
        ([case([0.9], [False], 0)], math.nan),
        ([], math.nan),
    ],
)
def test_edges_of_average_precision(cases: list[BoxMatch], expected: float) -> None:
    assert average_precision(cases) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("seed", range(3))
def test_when_every_lesion_is_found_it_agrees_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, hits = rng.integers(0, 20, 60) / 20, rng.random(60) > 0.5
    found = detection_curve([case(list(scores), list(hits), int(hits.sum()))])
    assert found.average_precision == pytest.approx(sklearn_metrics.average_precision_score(hits, scores))
    half = detection_curve([case(list(scores), list(hits), 2 * int(hits.sum()))])
    assert half.average_precision == pytest.approx(found.average_precision / 2)
    np.testing.assert_allclose(half.recall, found.recall / 2)


def test_operating_point() -> None:
    cases = [WORKED, case([0.8, 0.3], [False, False], 0), case([], [], 0), case([0.75], [False], 1)]
    point = operating_point(cases, threshold=0.75)
    assert (point.true_positives, point.false_positives, point.false_negatives) == (2, 3, 3)
    assert point.sensitivity == pytest.approx(2 / 5)
    assert point.false_positives_per_image == pytest.approx(3 / 4)
    assert point.false_positives_per_normal_image == pytest.approx(1 / 2)
    assert point.precision == pytest.approx(2 / 5)
    assert (point.images, point.normal_images) == (4, 2)


def test_empty_operating_points() -> None:
    nothing = operating_point([], threshold=0.5)
    assert math.isnan(nothing.sensitivity)
    assert math.isnan(nothing.false_positives_per_image)
    silent = operating_point([WORKED], threshold=1.0)
    assert (silent.sensitivity, silent.false_positives_per_image) == (0, 0)
    assert math.isnan(silent.precision)
    assert math.isnan(silent.false_positives_per_normal_image)


def test_dropping_boxes_before_matching_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    corners = rng.uniform(0, 40, (30, 2))
    boxes, scores = np.hstack([corners, corners + 20]), rng.random(30)
    truths = [[0, 0, 20, 20], [20, 20, 40, 40], [5, 30, 25, 50]]
    kept = scores >= 0.4
    before = match_boxes(boxes[kept], scores[kept], truths, hit="iou20")
    after = operating_point([match_boxes(boxes, scores, truths, hit="iou20")], threshold=0.4)
    assert (before.true_positives, before.false_positives) == (after.true_positives, after.false_positives)
    assert before.true_positives > 0

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from mammozoo.metrics.matching import BoxMatch, HitRule, match_boxes

TRUTH = [[0, 0, 10, 10]]


@pytest.mark.parametrize(
    ("hit", "box", "found"),
    [
        ("iou50", [0, 0, 10, 5], True),  # exactly 1/2
        ("iou50", [0, 0, 10, 4.99], False),
        ("iou20", [0, 0, 10, 2], True),  # exactly 1/5
        ("iou20", [0, 0, 10, 1.99], False),
        ("iou10", [0, 0, 10, 1], True),  # exactly 1/10
        ("iou10", [0, 0, 10, 0.99], False),
        ("iou10", [10, 0, 20, 10], False),  # half-open boxes that share an edge do not overlap
        ("iou10", [5, 5, 5, 5], False),  # no area
        ("centre", [-2, -2, 2, 2], True),  # the centre (0, 0) is the first pixel
        ("centre", [8, 8, 12, 12], False),  # the centre (10, 10) is past the last one
        ("centre", [5, 5, 5, 5], True),
    ],
)
def test_hit_rules(hit: HitRule, box: list[float], found: bool) -> None:
    match = match_boxes([box], [0.9], TRUTH, hit=hit)
    assert match.truth_of_box.tolist() == [0 if found else -1]
    assert (match.true_positives, match.false_positives, match.false_negatives) == (found, not found, not found)


@pytest.mark.parametrize(
    ("box", "truth_of_box"),
    [
        ([2, 0, 5, 3], 0),  # centre (3.5, 1.5): column 3, row 1
        ([0, 2, 3, 5], -1),  # transposed
        ([4, 2, 6, 4], 1),  # centre (5, 3): label 7
        ([-9, -9, 1, 1], -1),
        ([5, 3, 13, 7], -1),  # centre outside the frame
    ],
)
def test_the_centre_falls_on_a_pixel_of_the_lesion(box: list[float], truth_of_box: int) -> None:
    labels = np.zeros((4, 7), np.uint8)
    labels[1, 3], labels[3, 5] = 2, 7
    match = match_boxes([box], [1.0], labels, hit="centre_in_mask")
    assert (match.truth_of_box.tolist(), match.truths) == ([truth_of_box], 2)


def test_the_best_score_chooses_first_and_a_lesion_is_found_once() -> None:
    boxes = [[0, 0, 10, 9], [0, 0, 10, 10], [0, 0, 10, 10], [40, 40, 50, 50]]
    match = match_boxes(boxes, [0.9, 0.8, 0.7, 0.95], [*TRUTH, [100, 100, 110, 110]])
    assert match.truth_of_box.tolist() == [0, -1, -1, -1]
    assert (match.true_positives, match.false_positives, match.false_negatives) == (1, 3, 1)


def test_of_equal_scores_the_earlier_box_chooses() -> None:
    assert match_boxes([[0, 0, 10, 8], [0, 0, 10, 10]], [0.5, 0.5], TRUTH).truth_of_box.tolist() == [0, -1]


def test_a_box_takes_the_free_truth_of_largest_overlap() -> None:
    truths = [[0, 0, 10, 10], [1, 0, 11, 10]]
    match = match_boxes([[1, 0, 11, 10], [1, 0, 11, 10], [1, 0, 11, 10]], [0.9, 0.8, 0.7], truths)
    assert match.truth_of_box.tolist() == [1, 0, -1]


def test_the_order_of_the_boxes_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 30, (12, 2))
    boxes, scores = np.hstack([corners, corners + rng.uniform(5, 20, (12, 2))]), rng.random(12)
    order = rng.permutation(12)
    straight, shuffled = (match_boxes(boxes[i], scores[i], boxes[:5] + 1.0) for i in (np.arange(12), order))
    np.testing.assert_array_equal(straight.truth_of_box[order], shuffled.truth_of_box)
    assert straight.true_positives >= 5


@pytest.mark.parametrize("hit", ["iou50", "centre", "centre_in_mask"])
def test_nothing_to_match(hit: HitRule) -> None:
    mask = hit == "centre_in_mask"
    nothing, lesion = (np.zeros((4, 6), int), np.eye(4, 6, dtype=int)) if mask else ([], TRUTH)
    assert match_boxes([], [], lesion, hit=hit).false_negatives == 1
    assert match_boxes(TRUTH, [0.5], nothing, hit=hit).false_positives == 1
    empty = match_boxes([], [], nothing, hit=hit)
    assert (len(empty.scores), empty.truths, len(empty.hits)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("boxes", "scores", "truths", "hit", "message"),
    [
        ([[0, 0, 1]], [0.5], TRUTH, "iou50", "shape"),
        ([[5, 0, 1, 1]], [0.5], TRUTH, "iou50", "x1 <= x2"),
        ([[0, 0, np.nan, 1]], [0.5], TRUTH, "iou50", "finite"),
        (TRUTH, [0.5, 0.4], TRUTH, "iou50", "as many"),
        (TRUTH, [np.nan], TRUTH, "iou50", "finite scores"),
        (TRUTH, [0.5], TRUTH, "iou75", "no hit rule 'iou75'"),
        (TRUTH, [0.5], np.zeros((4, 4)), "centre_in_mask", "labelled mask"),
    ],
)
def test_bad_input_is_named(boxes: list, scores: list, truths: list, hit: HitRule, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        match_boxes(boxes, scores, truths, hit=hit)


def test_a_match_can_be_written_by_hand() -> None:
    match = BoxMatch(np.array([0.9, 0.8]), np.array([-1, 1]), truths=3)
    assert match.hits.tolist() == [False, True]
    assert (match.true_positives, match.false_positives, match.false_negatives) == (1, 1, 2)

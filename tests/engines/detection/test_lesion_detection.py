# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from mammozoo.engines.detection.lesion_detection import match_lesions, predicted_boxes, summarise_detection
from mammozoo.metrics.detection import average_precision

TRUTH = np.zeros((20, 20), bool)
TRUTH[2:6, 2:6] = TRUTH[10:16, 10:16] = True


def test_components_become_boxes_with_their_highest_probability() -> None:
    probability = np.where(TRUTH, 0.6, 0.0)
    probability[3, 3] = 0.9
    boxes, scores = predicted_boxes(TRUTH, probability)
    assert boxes.tolist() == [[2, 2, 6, 6], [10, 10, 16, 16]]
    assert scores.tolist() == [0.9, 0.6]
    assert predicted_boxes(TRUTH)[1].tolist() == [1, 1]
    assert predicted_boxes(~TRUTH & TRUTH)[0].shape == (0, 4)


@pytest.mark.parametrize(("hit", "found"), [("iou50", 1), ("iou10", 2), ("centre", 2), ("centre_in_mask", 2)])
def test_lesions_of_a_mask(hit: str, found: int) -> None:
    boxes = np.array([[2.0, 2, 6, 6], [11, 11, 15, 15]])
    match = match_lesions(boxes, np.array([0.9, 0.8]), hit=hit, mask=TRUTH)
    assert (match.truths, match.true_positives) == (2, found)
    assert match_lesions(boxes, np.array([0.9, 0.8]), mask=TRUTH, truths=boxes).true_positives == 2


def test_what_is_missing_is_said() -> None:
    with pytest.raises(ValueError, match="use centre"):
        match_lesions(np.zeros((0, 4)), np.zeros(0), hit="centre_in_mask")
    with pytest.raises(ValueError, match="mask or as boxes"):
        match_lesions(np.zeros((0, 4)), np.zeros(0))


def test_summary_agrees_with_the_metrics_and_tells_unranked_boxes() -> None:
    cases = [match_lesions(np.array([[2.0, 2, 6, 6], [0, 0, 2, 2]]), np.array(s), mask=TRUTH)
             for s in ([0.9, 0.8], [0.3, 0.7])]  # fmt: skip
    found = summarise_detection(cases, ["a", "b"], hit="iou50", resamples=50)
    assert found["average_precision"]["estimate"] == pytest.approx(average_precision(cases))
    assert found["operating_point"]["true_positives"] == 2
    assert found["froc"][-1]["sensitivity"] == 0.5
    at = summarise_detection(cases, ["a", "b"], hit="iou50", threshold=0.75, resamples=50)["operating_point"]
    assert (at["true_positives"], at["false_positives"]) == (1, 1)
    flat = [match_lesions(np.array([[2.0, 2, 6, 6]]), np.ones(1), mask=TRUTH)]
    assert "froc" not in summarise_detection(flat, ["a"], hit="iou50")
    assert summarise_detection([], [], hit="iou50")["lesions"] == 0

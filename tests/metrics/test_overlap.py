# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from mammozoo.metrics.detection import is_detected
from mammozoo.metrics.overlap import DiceMetric, IoUMetric, compute_overlap, dice_and_iou


def worked_example() -> tuple[np.ndarray, np.ndarray]:
    """The 8 x 8 example: prediction and truth."""
    prediction, truth = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)
    prediction[3:6, 3:7] = 1
    truth[2:5, 2:5] = 1
    return prediction, truth


def test_worked_example() -> None:
    overlap = compute_overlap(*worked_example())
    assert overlap.dice == pytest.approx(0.380952, abs=1e-6)
    assert overlap.iou == pytest.approx(0.235294, abs=1e-6)
    assert overlap.accuracy == pytest.approx(0.796875)
    assert overlap.sensitivity == pytest.approx(0.444444, abs=1e-6)
    assert overlap.area_difference == pytest.approx(0.333333, abs=1e-6)
    assert is_detected(overlap.iou)


def test_empty_masks() -> None:
    empty, full = np.zeros((4, 4)), np.ones((4, 4))
    both = compute_overlap(empty, empty)
    assert (both.dice, both.iou, both.accuracy) == (1, 1, 1)
    assert math.isnan(both.sensitivity)
    assert math.isnan(both.area_difference)
    missed, invented = compute_overlap(empty, full), compute_overlap(full, empty)
    assert (missed.dice, missed.sensitivity, missed.area_difference) == (0, 0, 1)
    assert math.isnan(missed.precision)
    assert (invented.dice, invented.specificity) == (0, 0)
    assert math.isnan(invented.area_difference)


@pytest.mark.parametrize("seed", range(5))
def test_agreement_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prediction, truth = rng.random((2, 20, 30)) > 0.6
    overlap = compute_overlap(prediction, truth)
    flat = truth.ravel(), prediction.ravel()
    assert overlap.dice == pytest.approx(sklearn_metrics.f1_score(*flat))
    assert overlap.iou == pytest.approx(sklearn_metrics.jaccard_score(*flat))
    assert overlap.accuracy == pytest.approx(sklearn_metrics.accuracy_score(*flat))
    assert overlap.sensitivity == pytest.approx(sklearn_metrics.recall_score(*flat))
    assert overlap.precision == pytest.approx(sklearn_metrics.precision_score(*flat))
    assert overlap.specificity == pytest.approx(sklearn_metrics.recall_score(*flat, pos_label=0))


def test_batch_form_equals_the_array_form() -> None:
    rng = np.random.default_rng(0)
    predictions, truths = (rng.random((2, 4, 1, 9, 7)) > 0.5).astype(np.float32)
    predictions[0] = truths[0] = 0
    dice, iou = dice_and_iou(torch.from_numpy(predictions), torch.from_numpy(truths))
    single = [compute_overlap(p[0], t[0]) for p, t in zip(predictions, truths, strict=True)]
    np.testing.assert_allclose(dice[:, 0], [s.dice for s in single], rtol=1e-6)
    np.testing.assert_allclose(iou[:, 0], [s.iou for s in single], rtol=1e-6)
    for metric, expected in ((DiceMetric(), dice), (IoUMetric(), iou)):
        metric(y_pred=torch.from_numpy(predictions[:1]), y=torch.from_numpy(truths[:1]))
        metric(y_pred=torch.from_numpy(predictions[1:]), y=torch.from_numpy(truths[1:]))
        assert metric.aggregate().item() == pytest.approx(expected.mean().item())


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="compare them on one grid"):
        compute_overlap(np.zeros((2, 2)), np.zeros((3, 2)))


def test_iou_of_exactly_a_tenth_is_missed() -> None:
    prediction, truth = np.zeros((1, 20)), np.zeros((1, 20))
    truth[0, :10] = 1
    prediction[0, 0] = 1
    assert compute_overlap(prediction, truth).iou == 0.1
    assert not is_detected(0.1)

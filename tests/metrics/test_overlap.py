# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from mammozoo.metrics.detection import is_detected
from mammozoo.metrics.overlap import DiceMetric, FalsePositiveRateMetric, IoUMetric, compute_overlap, dice_and_iou


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


def patches() -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions and truths of six patches, of which two show a lesion of 8 pixels."""
    predictions, truths = torch.zeros(2, 6, 1, 8, 8)
    truths[1, :, :2, :4] = truths[4, :, 4:, :2] = 1
    return predictions, truths


@pytest.mark.parametrize("metric", [DiceMetric, IoUMetric])
def test_who_predicts_nothing_scores_nothing(metric: type[DiceMetric]) -> None:
    """One positive and two negatives: an empty answer scored 0.667, and stage 1 kept it."""
    predictions, truths = patches()
    whole, lesions = metric(), metric(lesion_only=True)
    for one in (whole, lesions):
        one(y_pred=predictions, y=truths)
    assert whole.aggregate().item() == pytest.approx(2 / 3)
    assert lesions.aggregate().item() == 0.0


def test_lesion_only_is_the_mean_over_lesions_whatever_the_batches() -> None:
    predictions, truths = patches()
    predictions[1, :, :2, :2] = predictions[0] = 1
    metric = DiceMetric(lesion_only=True)
    for index in range(6):
        metric(y_pred=predictions[index : index + 1], y=truths[index : index + 1])
    assert metric.aggregate().item() == pytest.approx((2 * 4 / 12 + 0) / 2)


@pytest.mark.parametrize(("per", "expected"), [("image", 2 / 4), ("pixel", (1 + 3 / 64) / 4)])
def test_false_positives_count_on_lesion_free_images(per: str, expected: float) -> None:
    predictions, truths = patches()
    predictions[0], predictions[1], predictions[2, :, 0, :3] = 1, 1, 0.9
    metric = FalsePositiveRateMetric(per=per)
    metric(y_pred=predictions[:3], y=truths[:3])
    metric(y_pred=predictions[3:], y=truths[3:])
    assert metric.aggregate().item() == pytest.approx(expected)


def test_metrics_without_an_image_that_counts_are_nan() -> None:
    predictions, truths = patches()
    for metric, chosen in ((DiceMetric(lesion_only=True), [0, 2]), (FalsePositiveRateMetric(), [1, 4])):
        metric(y_pred=predictions[chosen], y=truths[chosen])
        assert math.isnan(metric.aggregate().item())


def test_wrong_options() -> None:
    with pytest.raises(ValueError, match="per must be"):
        FalsePositiveRateMetric(per="case")
    with pytest.raises(TypeError, match="lesion_only"):
        DiceMetric(lesion_only="true")  # type: ignore[arg-type]

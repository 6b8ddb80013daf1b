# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve

from mammozoo.metrics.curves import calibration_bins, compute_auroc, precision_recall_curve, roc_curve


def cases(seed: int, *, levels: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=80)
    return np.round(np.clip(rng.random(80) * 0.7 + 0.3 * labels, 0, 1) * levels) / levels, labels


@pytest.mark.parametrize("levels", [4, 10_000])
@pytest.mark.parametrize("seed", range(3))
def test_agreement_with_scikit_learn(seed: int, levels: int) -> None:
    scores, labels = cases(seed, levels=levels)
    assert compute_auroc(scores, labels) == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores))
    curve = roc_curve(scores, labels)
    expected = sklearn_metrics.roc_curve(labels, scores, drop_intermediate=False)
    for ours, theirs in zip((curve.false_positive_rate, curve.sensitivity, curve.thresholds), expected, strict=True):
        np.testing.assert_allclose(ours, theirs)
    assert sklearn_metrics.auc(curve.false_positive_rate, curve.sensitivity) == pytest.approx(
        compute_auroc(scores, labels)
    )
    found = precision_recall_curve(scores, labels)
    precision, recall, thresholds = sklearn_metrics.precision_recall_curve(labels, scores)
    np.testing.assert_allclose(found.precision[::-1], precision[:-1])
    np.testing.assert_allclose(found.recall[::-1], recall[:-1])
    np.testing.assert_allclose(found.thresholds[::-1], thresholds)
    assert found.average_precision == pytest.approx(sklearn_metrics.average_precision_score(labels, scores))


def test_calibration_agrees_with_scikit_learn() -> None:
    scores, labels = cases(0, levels=10_000)
    scores = np.clip(scores, 0.1, 0.9)  # leaves the first bin almost and the last wholly empty
    found = calibration_bins(scores, labels)
    rate, mean = calibration_curve(labels, scores, n_bins=10)
    filled = found.count > 0
    assert 0 < filled.sum() < 10
    np.testing.assert_allclose(found.positive_rate[filled], rate)
    np.testing.assert_allclose(found.mean_score[filled], mean)
    assert np.isnan(found.mean_score[~filled]).all()
    assert found.ece == pytest.approx(np.sum(found.count[filled] * np.abs(rate - mean)) / 80)


def test_a_bin_holds_its_upper_edge() -> None:
    edges = [0.0, 0.1, 0.3, 0.7, 1.0]
    assert calibration_bins(edges, [0] * 5).count.tolist() == [2, 0, 1, 0, 0, 0, 1, 0, 0, 1]


def test_one_class_and_none() -> None:
    assert math.isnan(compute_auroc([0.5, 0.6], [1, 1]))
    assert math.isnan(compute_auroc([], []))
    only_positives = roc_curve([0.5, 0.6], [1, 1])
    assert only_positives.sensitivity.tolist() == [0, 0.5, 1]
    assert np.isnan(only_positives.false_positive_rate).all()
    assert math.isnan(precision_recall_curve([0.5], [0]).average_precision)
    assert precision_recall_curve([], [], positives=3).average_precision == 0
    assert math.isnan(calibration_bins([], []).ece)


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([0.1, 0.2], [1], "shape"),
        ([0.1, math.nan], [1, 0], "1 of 2 scores are not finite"),
        ([0.1, 0.2], [1, 2], "labels must be 0 or 1"),
    ],
)
def test_bad_input_is_named(scores: list[float], labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        roc_curve(scores, labels)


def test_impossible_requests_are_named() -> None:
    with pytest.raises(ValueError, match="only 1 positives"):
        precision_recall_curve([0.1, 0.2], [1, 1], positives=1)
    with pytest.raises(ValueError, match="probabilities in 0-1"):
        calibration_bins([-0.1], [0])

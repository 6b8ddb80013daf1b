# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from mammozoo.metrics.classification import (
    AUROCMetric,
    by_group,
    compute_classification,
    youden_threshold,
)
from mammozoo.metrics.curves import compute_auroc, roc_curve


@pytest.mark.parametrize("seed", range(4))
def test_agreement_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=90)
    scores = np.round(0.3 * labels + 0.7 * rng.random(90), 2)
    found = compute_classification(scores, labels, threshold=0.5)
    called = scores >= 0.5
    assert found.auroc == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores))
    assert found.auprc == pytest.approx(sklearn_metrics.average_precision_score(labels, scores))
    assert found.accuracy == pytest.approx(sklearn_metrics.accuracy_score(labels, called))
    assert found.balanced_accuracy == pytest.approx(sklearn_metrics.balanced_accuracy_score(labels, called))
    assert found.sensitivity == pytest.approx(sklearn_metrics.recall_score(labels, called))
    assert found.specificity == pytest.approx(sklearn_metrics.recall_score(labels, called, pos_label=0))
    assert found.ppv == pytest.approx(sklearn_metrics.precision_score(labels, called))
    assert found.npv == pytest.approx(sklearn_metrics.precision_score(labels, called, pos_label=0))
    assert found.f1 == pytest.approx(sklearn_metrics.f1_score(labels, called))
    assert found.mcc == pytest.approx(sklearn_metrics.matthews_corrcoef(labels, called))
    assert found.brier == pytest.approx(sklearn_metrics.brier_score_loss(labels, scores))
    assert (found.n, found.positives, found.threshold) == (90, labels.sum(), 0.5)


def test_balanced_accuracy_of_the_published_row() -> None:
    """Sensitivity 0.842 and specificity 0.930 give 0.886."""
    labels = np.repeat([1, 0], 1000)
    scores = np.concatenate([np.arange(1000) < 842, np.arange(1000) >= 930]).astype(float)
    assert compute_classification(scores, labels, threshold=0.5).balanced_accuracy == pytest.approx(0.886)


def test_hand_worked_case() -> None:
    found = compute_classification([0.9, 0.8, 0.3, 0.6, 0.1], [1, 1, 1, 0, 0], threshold=0.5)
    assert found.auroc == pytest.approx(5 / 6)
    assert found.auprc == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert (found.ppv, found.npv, found.specificity) == pytest.approx((2 / 3, 1 / 2, 1 / 2))
    assert found.mcc == pytest.approx(1 / 6)
    assert found.brier == pytest.approx((0.01 + 0.04 + 0.49 + 0.36 + 0.01) / 5)
    assert found.ece == pytest.approx((0.1 + 0.2 + 0.7 + 0.6 + 0.1) / 5)


def undefined(scores: list[float], labels: list[int], threshold: float = 0.5) -> set[str]:
    found = dataclasses.asdict(compute_classification(scores, labels, threshold=threshold))
    return {name for name, value in found.items() if math.isnan(value)}


@pytest.mark.parametrize(
    ("scores", "labels", "expected"),
    [
        ([0.9, 0.2], [1, 1], {"auroc", "auprc", "balanced_accuracy", "specificity", "mcc"}),
        ([0.9, 0.2], [0, 0], {"auroc", "auprc", "balanced_accuracy", "sensitivity", "mcc"}),
        ([0.1, 0.2], [0, 1], {"ppv", "mcc"}),
        ([0.8, 0.9], [0, 1], {"npv", "mcc"}),
        ([1.8, -2.0], [1, 0], {"brier", "ece"}),
    ],
)
def test_what_is_undefined_is_nan(scores: list[float], labels: list[int], expected: set[str]) -> None:
    assert undefined(scores, labels) == expected


def test_without_cases_all_is_nan() -> None:
    assert len(undefined([], [])) == 12


def test_a_score_at_the_threshold_is_positive() -> None:
    assert compute_classification([0.5, 0.4], [1, 0], threshold=0.5).sensitivity == 1


@pytest.mark.parametrize("seed", range(3))
def test_youden_is_the_best_point_of_the_curve(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=40)
    scores = np.round(0.2 * labels + rng.random(40), 1)
    found = compute_classification(scores, labels, threshold=youden_threshold(scores, labels))
    curve = roc_curve(scores, labels)
    assert found.sensitivity + found.specificity - 1 == pytest.approx(
        max(curve.sensitivity[1:] - curve.false_positive_rate[1:])
    )
    assert math.isnan(youden_threshold(scores, np.ones(40)))


def test_breasts_and_patients() -> None:
    scores, labels = [0.1, 0.7, 0.2, 0.9], [0, 1, 0, 0]
    breasts = [("p", "L"), ("p", "R"), ("p", "L"), ("q", "L")]
    grouped = by_group(scores, labels, breasts)
    assert grouped.groups == [("p", "L"), ("p", "R"), ("q", "L")]
    assert grouped.scores.tolist() == [0.2, 0.7, 0.9]
    assert grouped.labels.tolist() == [0, 1, 0]
    patients = by_group(scores, labels, [name for name, _ in breasts], how="mean")
    assert patients.scores == pytest.approx([1 / 3, 0.9])
    assert patients.labels.tolist() == [1, 0]
    assert len(by_group([], [], []).scores) == 0
    with pytest.raises(ValueError, match="4 scores but 1 groups"):
        by_group(scores, labels, ["p"])
    with pytest.raises(ValueError, match="'max' or 'mean'"):
        by_group(scores, labels, breasts, how="median")  # type: ignore[arg-type]


def test_batches_accumulate() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=30).astype(np.float32), rng.integers(2, size=30)
    metric = AUROCMetric()
    for part in (slice(0, 7), slice(7, 30)):
        metric(y_pred=torch.from_numpy(scores[part, None]), y=torch.from_numpy(labels[part]))
    assert metric.aggregate().item() == pytest.approx(compute_auroc(scores, labels))
    metric.reset()
    metric(y_pred=[torch.tensor([0.3]), torch.tensor([0.4])], y=[torch.tensor([1]), torch.tensor([1])])
    assert math.isnan(metric.aggregate())
    with pytest.raises(ValueError, match="one score"):
        metric(y_pred=torch.zeros(2, 2), y=torch.zeros(2, 2))

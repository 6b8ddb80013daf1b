# SPDX-License-Identifier: Apache-2.0
"""Classification of images, breasts or patients: one score each, label 1 is positive."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from monai.metrics import CumulativeIterationMetric

from .._typing import Array
from .curves import calibration_bins, check_scores, compute_auroc, cumulative_counts, precision_recall_curve

__all__ = ["AUROCMetric", "Classification", "GroupedScores", "by_group", "compute_classification", "youden_threshold"]

Values = Sequence[float] | Array


@dataclass(frozen=True)
class Classification:
    """Figures of a classifier; NaN where a denominator is 0."""

    auroc: float
    auprc: float
    accuracy: float
    balanced_accuracy: float
    sensitivity: float
    specificity: float
    ppv: float
    npv: float
    f1: float
    mcc: float
    brier: float
    ece: float
    n: int
    positives: int
    threshold: float


@dataclass(frozen=True, eq=False)
class GroupedScores:
    """Scores and labels of breasts or patients, in the order in which the groups first appear."""

    scores: Array
    labels: Array
    groups: list[Hashable]


def compute_classification(scores: Values, labels: Values, *, threshold: float) -> Classification:
    """Score a classifier on independent units: images, breasts or patients.

    Parameters
    ----------
    scores : array_like, shape (n,)
        Finite; probabilities where calibration is wanted.
    labels : array_like, shape (n,)
        0 or 1.
    threshold : float
        A score at or above it is called positive. Choose it on validation data.

    Returns
    -------
    Classification

    Raises
    ------
    ValueError
        If the lengths differ, a score is not finite or a label is neither 0 nor 1.

    Notes
    -----
    With one class only `auroc`, `auprc`, `balanced_accuracy` and `mcc` are NaN; sensitivity needs a positive,
    specificity a negative, `ppv` and `npv` a call of their kind, `mcc` calls of both kinds. Without cases all are NaN.

    References
    ----------
    Hanley and McNeil, Radiology 143, 29-36, 1982 (AUROC as a rank statistic), doi:10.1148/radiology.143.1.7063747.

    Examples
    --------
    >>> found = compute_classification([0.9, 0.6, 0.4, 0.2], [1, 0, 1, 0], threshold=0.5)
    >>> found.auroc, found.sensitivity, found.ppv
    (0.75, 0.5, 0.5)
    """
    values, truth = check_scores(scores, labels)
    called, positives = values >= threshold, int(truth.sum())
    tp = int(np.count_nonzero(called & truth))
    fp = int(np.count_nonzero(called)) - tp
    fn, tn = positives - tp, len(truth) - positives - fp
    sensitivity, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    probabilities = bool(len(values)) and bool(((values >= 0) & (values <= 1)).all())
    return Classification(
        auroc=compute_auroc(values, truth),
        auprc=precision_recall_curve(values, truth).average_precision if positives < len(truth) else math.nan,
        accuracy=_ratio(tp + tn, len(truth)),
        balanced_accuracy=(sensitivity + specificity) / 2,
        sensitivity=sensitivity,
        specificity=specificity,
        ppv=_ratio(tp, tp + fp),
        npv=_ratio(tn, tn + fn),
        f1=_ratio(2 * tp, 2 * tp + fp + fn),
        mcc=_ratio(tp * tn - fp * fn, math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))),
        brier=float(np.mean((values - truth) ** 2)) if probabilities else math.nan,
        ece=calibration_bins(values, truth).ece if probabilities else math.nan,
        n=len(truth),
        positives=positives,
        threshold=float(threshold),
    )


def youden_threshold(scores: Values, labels: Values) -> float:
    """Highest score that maximises sensitivity + specificity - 1 (Youden, Cancer 1950); NaN with one class."""
    values, truth = check_scores(scores, labels)
    m = int(truth.sum())
    n = len(truth) - m
    if not m or not n:
        return math.nan
    thresholds, tp, fp = cumulative_counts(values, truth)
    return float(thresholds[np.argmax(tp * n - fp * m)])  # whole numbers: equal values are equal


def by_group(
    scores: Values, labels: Values, groups: Sequence[Hashable], *, how: Literal["max", "mean"] = "max"
) -> GroupedScores:
    """Aggregate images to breasts or patients (`groups`); a group is positive when one of its images is."""
    values, truth = check_scores(scores, labels)
    if len(groups) != len(values):
        msg = f"{len(values)} scores but {len(groups)} groups"
        raise ValueError(msg)
    if how not in ("max", "mean"):
        msg = f"how must be 'max' or 'mean', got {how!r}"
        raise ValueError(msg)
    position: dict[Hashable, int] = {}
    index = np.asarray([position.setdefault(group, len(position)) for group in groups], dtype=int)
    if how == "max":
        grouped = np.full(len(position), -math.inf)
        np.maximum.at(grouped, index, values)
    else:
        grouped = np.bincount(index, weights=values) / np.bincount(index)
    return GroupedScores(grouped, (np.bincount(index, weights=truth) > 0).astype(int), list(position))


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan


class AUROCMetric(CumulativeIterationMetric):  # type: ignore[misc]
    """AUROC over all images, cumulative and synchronised between processes; NaN until both classes came.

    Call it with ``y_pred`` (logits or probabilities) and ``y`` (0 or 1), each of shape (B, 1) or (B,).

    Examples
    --------
    >>> metric = AUROCMetric()
    >>> _ = metric(y_pred=torch.tensor([[0.2], [0.9]]), y=torch.tensor([[0], [1]]))
    >>> metric.aggregate()
    tensor(1.)
    """

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor | None = None, **_: Any) -> torch.Tensor:
        assert y is not None
        if y_pred.numel() != len(y_pred) or y.numel() != len(y_pred):
            msg = f"one score and one label an image are needed, got {tuple(y_pred.shape)} and {tuple(y.shape)}"
            raise ValueError(msg)
        return torch.stack([y_pred.detach().float().flatten(), y.to(y_pred.device).float().flatten()], dim=1)

    def aggregate(self) -> torch.Tensor:
        """AUROC of all images so far, float32."""
        scores, labels = self.get_buffer().cpu().numpy().T
        return torch.tensor(compute_auroc(scores, labels))

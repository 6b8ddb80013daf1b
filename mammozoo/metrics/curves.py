# SPDX-License-Identifier: Apache-2.0
"""ROC, precision-recall and calibration curves of scores against labels 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from .._typing import Array

__all__ = [
    "CalibrationBins", "PrecisionRecallCurve", "RocCurve", "calibration_bins", "check_scores", "compute_auroc",
    "cumulative_counts", "precision_recall_curve", "roc_curve",
]  # fmt: skip

Values = Sequence[float] | Array


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Points at falling thresholds, first (0, 0) at infinity; arrays of one shape (k,)."""

    thresholds: Array
    sensitivity: Array
    false_positive_rate: Array


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """Points at falling thresholds, one per distinct score; arrays of one shape (k,), and the area under the steps."""

    thresholds: Array
    precision: Array
    recall: Array
    average_precision: float


@dataclass(frozen=True, eq=False)
class CalibrationBins:
    """Reliability of probabilities in bins of equal width."""

    edges: Array  # (bins + 1,); a bin holds its upper edge, the first also 0
    count: Array
    mean_score: Array  # as the rate, NaN in an empty bin
    positive_rate: Array
    ece: float  # mean of |mean_score - positive_rate| weighted by count


def check_scores(scores: Values, labels: Values) -> tuple[Array, Array]:
    """Finite scores as float64 and labels 0 or 1 as bool, both (n,); ValueError for others."""
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    if values.ndim != 1 or values.shape != truth.shape:
        msg = f"scores and labels must both have shape (n,), got {values.shape} and {truth.shape}"
        raise ValueError(msg)
    if not np.isfinite(values).all():
        msg = f"{int((~np.isfinite(values)).sum())} of {len(values)} scores are not finite: leave those cases out"
        raise ValueError(msg)
    if not np.isin(truth, (0, 1)).all():
        msg = f"labels must be 0 or 1, got {sorted(set(truth.tolist()), key=str)[:5]}"
        raise ValueError(msg)
    return values, truth.astype(bool)


def compute_auroc(scores: Values, labels: Values) -> float:
    """Area under the ROC curve by mid-ranks; NaN unless both classes are there.

    Examples
    --------
    >>> compute_auroc([0.1, 0.5, 0.5, 0.9], [0, 0, 1, 1])
    0.875
    """
    values, truth = check_scores(scores, labels)
    m = int(truth.sum())
    n = len(truth) - m
    if not m or not n:
        return math.nan
    return float((rankdata(values)[truth].sum() - m * (m + 1) / 2) / (m * n))


def cumulative_counts(scores: Array, hits: Array) -> tuple[Array, Array, Array]:
    """Distinct scores, falling, and how many hits and others stand at or above each; three arrays of shape (k,)."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.flatnonzero(np.diff(ranked, append=-np.inf))
    tp = np.cumsum(hits[order], dtype=np.int64)[last]
    return ranked[last], tp, last + 1 - tp


def roc_curve(scores: Values, labels: Values) -> RocCurve:
    """All points of the ROC curve; a rate without denominator is NaN."""
    values, truth = check_scores(scores, labels)
    thresholds, tp, fp = cumulative_counts(values, truth)
    positives = int(truth.sum())
    rates = [
        np.insert(counts, 0, 0) / total if total else np.full(len(counts) + 1, math.nan)
        for counts, total in ((tp, positives), (fp, len(truth) - positives))
    ]
    return RocCurve(np.insert(thresholds, 0, math.inf), rates[0], rates[1])


def precision_recall_curve(scores: Values, labels: Values, *, positives: int | None = None) -> PrecisionRecallCurve:
    """Precision, recall (of `positives`, found or not) and average precision at every distinct score."""
    values, truth = check_scores(scores, labels)
    total = int(truth.sum()) if positives is None else positives
    if total < truth.sum():
        msg = f"{int(truth.sum())} positive labels, but only {total} positives in all"
        raise ValueError(msg)
    thresholds, tp, fp = cumulative_counts(values, truth)
    precision = tp / np.maximum(tp + fp, 1)
    recall = tp / total if total else np.full(len(tp), math.nan)
    area = float(np.sum(np.diff(recall, prepend=0.0) * precision)) if total else math.nan
    return PrecisionRecallCurve(thresholds, precision, recall, area)


def calibration_bins(scores: Values, labels: Values, *, bins: int = 10) -> CalibrationBins:
    """Mean probability and rate of positives in bins of equal width (Guo et al., arXiv:1706.04599, section 2)."""
    values, truth = check_scores(scores, labels)
    if ((values < 0) | (values > 1)).any():
        msg = f"calibration needs probabilities in 0-1, got {values.min():g} to {values.max():g}"
        raise ValueError(msg)
    edges = np.arange(bins + 1) / bins
    index = np.searchsorted(edges[1:-1], values)
    count = np.bincount(index, minlength=bins)
    share = np.where(count > 0, 1 / np.maximum(count, 1), math.nan)
    mean_score = np.bincount(index, weights=values, minlength=bins) * share
    rate = np.bincount(index, weights=truth, minlength=bins) * share
    ece = float(np.nansum(count * np.abs(mean_score - rate)) / len(values)) if len(values) else math.nan
    return CalibrationBins(edges, count, mean_score, rate, ece)

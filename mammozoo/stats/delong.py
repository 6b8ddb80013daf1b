# SPDX-License-Identifier: Apache-2.0
"""DeLong's variance of an AUROC, its interval, and the paired test of two AUROCs.

References
----------
.. [1] DeLong, DeLong and Clarke-Pearson, Biometrics 44, 837-845, 1988, doi:10.2307/2531595. A perfect AUROC has
   variance 0, so its interval has no width; that is the method's limit, not certainty.
.. [2] Sun and Xu, IEEE Signal Process Lett 21, 1389-1393, 2014, doi:10.1109/LSP.2014.2337313.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from .._typing import Array
from .tests import TestResult

__all__ = ["AurocDifference", "AurocInterval", "delong_interval", "delong_test"]

Values = Sequence[float] | Array


@dataclass(frozen=True)
class AurocInterval:
    """An AUROC with its interval, cut to 0-1; NaN unless both classes are there."""

    auroc: float
    low: float
    high: float
    variance: float
    positives: int
    negatives: int
    method: str = "DeLong, normal approximation"


@dataclass(frozen=True)
class AurocDifference:
    """The paired difference ``first - second`` of two AUROCs."""

    first: float
    second: float
    difference: float
    low: float
    high: float
    test: TestResult  # z and two-sided p


def delong_interval(scores: Values, labels: Values, *, confidence: float = 0.95) -> AurocInterval:
    """AUROC and its interval by DeLong; cases must be independent: one score a patient."""
    values, truth = _checked([scores], labels)
    positives, negatives = (placements[0] for placements in _placements(values, truth))
    area, variance = _auroc(positives, negatives), _variance(positives, negatives)
    low, high = np.clip(_bounds(area, variance, confidence), 0, 1).tolist()
    return AurocInterval(area, low, high, variance, len(positives), len(negatives))


def delong_test(first: Values, second: Values, labels: Values, *, confidence: float = 0.95) -> AurocDifference:
    """Whether two scores of the same cases have the same AUROC; NaN where the difference has variance 0."""
    values, truth = _checked([first, second], labels)
    positives, negatives = _placements(values, truth)
    areas = [_auroc(*pair) for pair in zip(positives, negatives, strict=True)]
    variance = _variance(positives[0] - positives[1], negatives[0] - negatives[1])
    difference = areas[0] - areas[1]
    z, p_value, note = math.nan, math.nan, ""
    if math.isnan(variance):
        note = "fewer than two cases in a class"
    elif variance == 0:
        note = "the difference has no variance"
    else:
        z = difference / math.sqrt(variance)
        p_value = float(2 * norm.sf(abs(z)))
    n = {"positive": positives.shape[1], "negative": negatives.shape[1]}
    test = TestResult("DeLong, paired AUROCs", z, p_value, n, note)
    return AurocDifference(areas[0], areas[1], difference, *_bounds(difference, variance, confidence), test)


def _placements(scores: Array, truth: Array) -> tuple[Array, Array]:
    """Negatives below each positive (k, m), positives below each negative (k, n), ties one half, by mid-ranks."""
    ranks = rankdata(scores, axis=1)
    positives, negatives = (ranks[:, side] - rankdata(scores[:, side], axis=1) for side in (truth, ~truth))
    return positives, negatives


def _variance(positives: Array, negatives: Array) -> float:
    """DeLong's variance from the placements of positives (m,) and negatives (n,), or from differences of such."""
    m, n = len(positives), len(negatives)
    if m < 2 or n < 2:
        return math.nan
    return float(np.var(positives, ddof=1) / m / n**2 + np.var(negatives, ddof=1) / n / m**2)


def _auroc(positives: Array, negatives: Array) -> float:
    pairs = len(positives) * len(negatives)
    return float(positives.sum()) / pairs if pairs else math.nan


def _bounds(center: float, variance: float, confidence: float) -> tuple[float, float]:
    half = float(norm.ppf((1 + confidence) / 2)) * math.sqrt(variance)
    return center - half, center + half


def _checked(scores: Sequence[Values], labels: Values) -> tuple[Array, Array]:
    """Scores as float64 (k, n) and labels as bool (n,)."""
    truth = np.asarray(labels)
    rows = [np.asarray(row, dtype=np.float64) for row in scores]
    if truth.ndim != 1 or any(row.shape != truth.shape for row in rows):
        msg = f"scores and labels must all have shape (n,), got {[row.shape for row in rows]} and {truth.shape}"
        raise ValueError(msg)
    values = np.stack(rows)
    if not np.isfinite(values).all() or not np.isin(truth, (0, 1)).all():
        msg = "scores must be finite and labels 0 or 1: leave other cases out"
        raise ValueError(msg)
    return values, truth.astype(bool)

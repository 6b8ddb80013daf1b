# SPDX-License-Identifier: Apache-2.0
"""Percentile bootstrap of a mean, clustered by patient."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from .._typing import Array

__all__ = ["Interval", "bootstrap_difference", "bootstrap_mean"]


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap interval; NaN without finite values, bounds NaN with fewer than two groups."""

    estimate: float
    low: float
    high: float
    n: int
    groups: int  # patients the n finite values come from
    excluded: int  # values that were NaN
    resamples: int
    seed: int
    method: str = "percentile bootstrap, resampled by patient"


def bootstrap_mean(
    values: Sequence[float] | Array,
    *,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean of one value a case and its percentile interval, resampling whole patients (`groups`)."""
    numbers = np.asarray(values, dtype=float)
    names = np.arange(len(numbers)) if groups is None else np.asarray([str(group) for group in groups])
    if len(names) != len(numbers):
        msg = f"{len(numbers)} values but {len(names)} groups"
        raise ValueError(msg)
    finite = np.isfinite(numbers)
    excluded = int((~finite).sum())
    numbers = numbers[finite]
    _, index = np.unique(names[finite], return_inverse=True)
    count = int(index.max()) + 1 if len(index) else 0
    low = high = math.nan
    if count > 1:
        sums = np.bincount(index, weights=numbers)
        sizes = np.bincount(index)
        draws = np.random.default_rng(seed).integers(count, size=(resamples, count))
        means = sums[draws].sum(1) / sizes[draws].sum(1)
        tail = 100 * (1 - confidence) / 2
        low, high = (float(bound) for bound in np.percentile(means, [tail, 100 - tail]))
    estimate = float(numbers.mean()) if len(numbers) else math.nan
    return Interval(estimate, low, high, len(numbers), count, excluded, resamples, seed)


def bootstrap_difference(
    first: Sequence[float] | Array,
    second: Sequence[float] | Array,
    *,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean paired difference ``first - second`` of the same cases in the same order, with its interval."""
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.shape != b.shape:
        msg = f"a paired difference needs the same cases: {a.shape} and {b.shape}"
        raise ValueError(msg)
    found = bootstrap_mean(a - b, groups=groups, resamples=resamples, confidence=confidence, seed=seed)
    return Interval(**{**found.__dict__, "estimate": round(found.estimate, 12)})

# SPDX-License-Identifier: Apache-2.0
"""Hypothesis tests by scipy, each with its n and its name; degenerate data give NaN and a note."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from .._typing import Array

__all__ = ["TestResult", "holm", "kruskal_wallis", "mann_whitney", "pearson", "spearman", "wilcoxon"]

Values = Sequence[float] | Array


@dataclass(frozen=True)
class TestResult:
    """Outcome of a test; NaN where it is undefined, and why."""

    name: str
    statistic: float
    p: float
    n: Mapping[str, int] = field(default_factory=dict)  # cases in each group, or under ``pairs``
    note: str = ""

    def __str__(self) -> str:
        """One line with statistic, p and n."""
        n = ", ".join(f"{key} {value}" for key, value in self.n.items())
        if self.note:
            return f"{self.name}: {self.note} (n: {n})"
        return f"{self.name}: statistic {self.statistic:.3f}, p {self.p:.4g} (n: {n})"


TestResult.__test__ = False  # type: ignore[attr-defined]  # pytest: not a test class


def kruskal_wallis(groups: Mapping[str, Values]) -> TestResult:
    """Kruskal-Wallis H test over groups; empty groups are left out."""
    data = {name: _finite(values) for name, values in groups.items()}
    n = {name: len(values) for name, values in data.items()}
    filled = [values for values in data.values() if len(values)]
    name = "Kruskal-Wallis H"
    if len(filled) < 2:
        return TestResult(name, math.nan, math.nan, n, "fewer than two groups hold cases")
    if np.ptp(np.concatenate(filled)) == 0:
        return TestResult(name, math.nan, math.nan, n, "all values are equal")
    found = stats.kruskal(*filled)
    return TestResult(name, float(found.statistic), float(found.pvalue), n)


def mann_whitney(first: Values, second: Values, *, names: tuple[str, str] = ("first", "second")) -> TestResult:
    """Mann-Whitney U test of two independent groups, two-sided."""
    a, b = _finite(first), _finite(second)
    n = {names[0]: len(a), names[1]: len(b)}
    if not len(a) or not len(b):
        return TestResult("Mann-Whitney U", math.nan, math.nan, n, "a group is empty")
    found = stats.mannwhitneyu(a, b, alternative="two-sided")
    return TestResult("Mann-Whitney U", float(found.statistic), float(found.pvalue), n)


def wilcoxon(first: Values, second: Values) -> TestResult:
    """Wilcoxon signed-rank test of paired cases, two-sided."""
    a, b = _pairs(first, second)
    n = {"pairs": len(a)}
    if not np.any(a != b):
        return TestResult("Wilcoxon signed-rank", math.nan, math.nan, n, "no pair differs")
    found = stats.wilcoxon(a, b)
    return TestResult("Wilcoxon signed-rank", float(found.statistic), float(found.pvalue), n)


def pearson(x: Values, y: Values) -> TestResult:
    """Pearson's correlation coefficient r."""
    return _correlation("Pearson r", stats.pearsonr, x, y)


def spearman(x: Values, y: Values) -> TestResult:
    """Spearman's rank correlation."""
    return _correlation("Spearman rho", stats.spearmanr, x, y)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of a family of tests, adjusted after Holm (Scand J Stat 6, 65, 1979); NaN stays and does not count."""
    order = sorted((p, i) for i, p in enumerate(p_values) if math.isfinite(p))
    adjusted = [math.nan] * len(p_values)
    running = 0.0
    for rank, (p, index) in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p))
        adjusted[index] = running
    return adjusted


def _correlation(name: str, test: object, x: Values, y: Values) -> TestResult:
    a, b = _pairs(x, y)
    n = {"pairs": len(a)}
    if len(a) < 3:
        return TestResult(name, math.nan, math.nan, n, "fewer than three pairs")
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return TestResult(name, math.nan, math.nan, n, "one of the two is constant")
    found = test(a, b)  # type: ignore[operator]
    return TestResult(name, float(found.statistic), float(found.pvalue), n)


def _finite(values: Values) -> Array:
    numbers = np.asarray(values, dtype=float)
    return numbers[np.isfinite(numbers)]


def _pairs(first: Values, second: Values) -> tuple[Array, Array]:
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.shape != b.shape:
        msg = f"paired values are needed, got {a.shape} and {b.shape}"
        raise ValueError(msg)
    both = np.isfinite(a) & np.isfinite(b)
    return a[both], b[both]

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from mammozoo.stats.delong import delong_interval, delong_test


def brute_force(scores: list[np.ndarray], labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUROCs and covariance from all pairs of a positive and a negative."""
    kernels = []
    for row in scores:
        positive, negative = row[labels == 1][:, None], row[labels == 0][None]
        kernels.append((positive > negative) + 0.5 * (positive == negative))
    areas = np.asarray([kernel.mean() for kernel in kernels])
    m, n = kernels[0].shape
    of_positives, of_negatives = (np.stack([kernel.mean(axis) for kernel in kernels]) for axis in (1, 0))
    return areas, np.cov(of_positives) / m + np.cov(of_negatives) / n


def cases(seed: int, *, n: int = 60, decimals: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0, 0, 1, 1], rng.integers(2, size=n - 4)])
    shared = rng.normal(size=n)
    first, second = (np.round(gain * labels + shared + rng.normal(size=n), decimals) for gain in (1.5, 0.8))
    return first, second, labels


@pytest.mark.parametrize("decimals", [0, 8])
@pytest.mark.parametrize("seed", range(4))
def test_all_pairs_agree(seed: int, decimals: int) -> None:
    first, second, labels = cases(seed, decimals=decimals)
    areas, covariance = brute_force([first, second], labels)
    alone, pair = delong_interval(first, labels), delong_test(first, second, labels)
    assert alone.auroc == pytest.approx(roc_auc_score(labels, first))
    assert alone.variance == pytest.approx(covariance[0, 0])
    spread = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    z = (areas[0] - areas[1]) / spread
    assert (pair.first, pair.second) == pytest.approx(tuple(areas))
    assert pair.test.statistic == pytest.approx(z)
    assert pair.test.p == pytest.approx(2 * norm.cdf(-abs(z)))
    half = 1.959964 * spread
    assert (pair.low, pair.high) == pytest.approx((pair.difference - half, pair.difference + half), rel=1e-5)
    assert pair.test.n == {"positive": labels.sum(), "negative": (1 - labels).sum()}


def test_hand_worked_variance() -> None:
    """Positives .35 and .8 beat 1 and 2 of 2 negatives, these lose to 2 and 1: var(.5, 1)/2 + var(1, .5)/2 = 1/8."""
    found = delong_interval([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    assert (found.auroc, found.variance) == (0.75, 0.125)
    assert found.low == pytest.approx(0.75 - 1.959964 * math.sqrt(0.125), abs=1e-6)
    assert found.high == 1  # cut


def test_the_test_is_antisymmetric_and_blind_to_monotone_changes() -> None:
    first, second, labels = cases(9)
    there, back = delong_test(first, second, labels), delong_test(second, np.exp(first), labels)
    assert there.difference == pytest.approx(-back.difference)
    assert there.test.p == pytest.approx(back.test.p)


def test_coverage_and_size() -> None:
    rng, inside, rejected = np.random.default_rng(0), 0, 0
    labels = np.repeat([0, 1], 50)
    for _ in range(400):
        first, second = (labels + rng.normal(size=100) for _ in range(2))
        found = delong_interval(first, labels)
        inside += found.low <= norm.cdf(1 / math.sqrt(2)) <= found.high
        rejected += delong_test(first, second, labels).test.p < 0.05
    assert 0.91 <= inside / 400 <= 0.98
    assert 0.02 <= rejected / 400 <= 0.085


@pytest.mark.parametrize(
    ("labels", "auroc"), [([], math.nan), ([1, 1, 1], math.nan), ([0, 0, 0], math.nan), ([0, 0, 1], 1.0)]
)
def test_too_few_cases_give_no_interval(labels: list[int], auroc: float) -> None:
    scores = [0.1, 0.2, 0.3][: len(labels)]
    found, pair = delong_interval(scores, labels), delong_test(scores, scores, labels)
    assert found.auroc == pytest.approx(auroc, nan_ok=True)
    assert math.isnan(found.low)
    assert math.isnan(pair.test.p)
    assert pair.test.note == "fewer than two cases in a class"


def test_no_variance() -> None:
    labels = [0, 0, 0, 1, 1, 1, 1]
    perfect, reversed_ = np.arange(7.0), -np.arange(7.0)
    assert delong_interval(perfect, labels).variance == 0
    for second in (perfect, reversed_):
        pair = delong_test(perfect, second, labels)
        assert pair.test.note == "the difference has no variance"
        assert (pair.low, pair.high) == (pair.difference, pair.difference)


def test_one_pair_of_many_still_has_a_variance() -> None:
    """Scores that differ in a single pair of a million are different scores."""
    labels = np.repeat([0, 1], 1000)
    first = np.arange(2000.0)
    second = first.copy()
    second[[999, 1000]] = second[[1000, 999]]
    assert delong_test(first, second, labels).test.statistic == pytest.approx(1 / math.sqrt(2), rel=1e-3)


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [([0.1], [0, 1], "shape"), ([0.1, math.nan], [0, 1], "finite"), ([0.1, 0.2], [0, 3], "labels 0 or 1")],
)
def test_bad_input_is_named(scores: list[float], labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        delong_interval(scores, labels)

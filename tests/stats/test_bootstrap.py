# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mammozoo.stats.bootstrap import bootstrap_difference, bootstrap_mean


def test_without_groups_it_agrees_with_scipy() -> None:
    values = np.random.default_rng(1).normal(size=60)
    ours = bootstrap_mean(values, seed=0, resamples=20_000)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=0).confidence_interval
    assert ours.estimate == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_patients_are_drawn_whole() -> None:
    """Doubling every patient's images adds no information; drawing images would shrink the interval."""
    values = np.random.default_rng(2).normal(size=30)
    once = bootstrap_mean(values, groups=range(30))
    twice = bootstrap_mean(np.repeat(values, 2), groups=np.repeat(range(30), 2))
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))
    assert (twice.n, twice.groups) == (60, 30)


def test_coverage_of_a_known_mean() -> None:
    rng = np.random.default_rng(3)
    intervals = [bootstrap_mean(rng.normal(size=50), resamples=400, seed=i) for i in range(200)]
    assert 0.88 <= np.mean([i.low <= 0 <= i.high for i in intervals]) <= 0.99


def test_nan_is_left_out_and_counted() -> None:
    interval = bootstrap_mean([1.0, math.nan, 3.0])
    assert (interval.estimate, interval.n, interval.excluded) == (2, 2, 1)


@pytest.mark.parametrize("values", [[], [math.nan], [1.0]])
def test_too_little_data_gives_no_interval(values: list[float]) -> None:
    interval = bootstrap_mean(values)
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_the_seed_decides() -> None:
    values = list(range(20))
    assert bootstrap_mean(values, seed=5) == bootstrap_mean(values, seed=5)
    assert bootstrap_mean(values, seed=5) != bootstrap_mean(values, seed=6)


def test_a_constant_difference_has_no_width() -> None:
    values = np.random.default_rng(0).random(20)
    interval = bootstrap_difference(values + 0.25, values, groups=np.arange(20) // 2)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((0.25, 0.25, 0.25))
    with pytest.raises(ValueError, match="same cases"):
        bootstrap_difference([1.0], [1.0, 2.0])

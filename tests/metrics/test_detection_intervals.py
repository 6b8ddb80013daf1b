# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import time

import numpy as np
import pytest

from mammozoo.metrics import detection_intervals
from mammozoo.metrics.detection import average_precision
from mammozoo.metrics.detection_intervals import bootstrap_average_precision, bootstrap_froc, bootstrap_froc_difference
from mammozoo.metrics.froc import froc
from mammozoo.metrics.matching import BoxMatch


def detector(images: int, *, seed: int, rate: float = 0.7, boxes: float = 4) -> list[BoxMatch]:
    """A made-up detector that finds a share of the lesions; their numbers do not depend on it."""
    truths = np.random.default_rng(99).integers(3, size=images)
    rng = np.random.default_rng(seed)
    cases = []
    for count in truths:
        found = np.flatnonzero(rng.random(count) < rate)
        truth_of_box = np.concatenate([found, np.full(rng.poisson(boxes), -1)]).astype(int)
        cases.append(BoxMatch(rng.random(len(truth_of_box)) + 0.4 * (truth_of_box >= 0), truth_of_box, int(count)))
    return cases


def test_a_loop_over_resampled_images_agrees() -> None:
    cases, groups, resamples = detector(20, seed=0), np.arange(20) // 2, 40
    ours = bootstrap_froc(cases, groups.tolist(), fppi=[0.5, 2.0], resamples=resamples, seed=3)
    area = bootstrap_average_precision(cases, groups.tolist(), resamples=resamples, seed=3)
    draws = np.random.default_rng(3).integers(10, size=(resamples, 10))
    samples = [[case for p in draw for case, g in zip(cases, groups, strict=True) if g == p] for draw in draws]
    for fppi, found in ours.items():
        values = [froc(sample, fppi=[fppi]).at[fppi] for sample in samples]
        assert found.estimate == pytest.approx(froc(cases).at[fppi])
        assert (found.low, found.high) == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])))
        assert (found.images, found.groups, found.truths) == (20, 10, sum(case.truths for case in cases))
    values = [average_precision(sample) for sample in samples]
    assert area.estimate == pytest.approx(average_precision(cases))
    assert (area.low, area.high) == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = detector(12, seed=1)
    whole = bootstrap_froc(cases, resamples=50)
    monkeypatch.setattr(detection_intervals, "_BLOCK", 200)
    assert bootstrap_froc(cases, resamples=50) == whole
    assert bootstrap_froc(cases, resamples=50, seed=1) != whole


def test_doubled_images_of_a_patient_add_nothing() -> None:
    cases = detector(30, seed=2)
    once = bootstrap_average_precision(cases, resamples=200)
    twice = bootstrap_average_precision(cases + cases, [*range(30), *range(30)], resamples=200)
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))
    assert (twice.images, twice.groups) == (60, 30)


def test_paired_difference() -> None:
    good, poor = detector(80, seed=5, rate=0.95), detector(80, seed=6, rate=0.4)
    itself = bootstrap_froc_difference(good, good, resamples=100)[1.0]
    assert (itself.estimate, itself.low, itself.high) == (0, 0, 0)
    better = bootstrap_froc_difference(good, poor, resamples=200)[4.0]
    worse = bootstrap_froc_difference(poor, good, resamples=200)[4.0]
    assert better.estimate == pytest.approx(froc(good).at[4.0] - froc(poor).at[4.0])
    assert 0 < better.low < better.estimate < better.high
    assert (worse.low, worse.high) == pytest.approx((-better.high, -better.low))


def test_coverage_of_a_known_sensitivity() -> None:
    """With one lesion an image and no false positives the sensitivity is a plain share of 0.7."""
    rng, inside = np.random.default_rng(7), 0
    for seed in range(150):
        hits = rng.random(60) < 0.7
        cases = [BoxMatch(np.ones(int(hit)), np.zeros(int(hit), int), 1) for hit in hits]
        found = bootstrap_froc(cases, fppi=[1.0], resamples=300, seed=seed)[1.0]
        inside += found.low <= 0.7 <= found.high
    assert 0.88 <= inside / 150 <= 0.99


def test_resamples_without_lesion_are_left_out_and_counted() -> None:
    cases = [BoxMatch(np.array([0.9]), np.array([0]), 1), BoxMatch(np.array([0.9]), np.array([-1]), 0)]
    found = bootstrap_froc(cases, fppi=[1.0], resamples=400)[1.0]
    assert 60 < found.undefined < 140  # a quarter of the draws
    assert (found.estimate, found.low, found.high) == (1, 1, 1)


@pytest.mark.parametrize("cases", [[], detector(1, seed=0), [BoxMatch(np.zeros(0), np.zeros(0, int), 0)] * 5])
def test_too_little_data_gives_no_interval(cases: list[BoxMatch]) -> None:
    found = bootstrap_froc(cases, resamples=10)[1.0]
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_mistakes_are_named() -> None:
    cases = detector(4, seed=0)
    with pytest.raises(ValueError, match="4 images but 3 groups"):
        bootstrap_froc(cases, ["a", "b", "c"])
    with pytest.raises(ValueError, match="same images"):
        bootstrap_froc_difference(cases, cases[::-1][:3])


def test_a_thousand_resamples_of_five_hundred_images_take_about_a_second() -> None:
    cases = detector(500, seed=0, boxes=8)
    groups = (np.arange(500) // 4).tolist()
    start = time.process_time()
    bootstrap_froc(cases, groups, resamples=1000)
    assert time.process_time() - start < 3

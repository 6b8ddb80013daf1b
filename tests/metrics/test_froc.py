# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest

from mammozoo.metrics.detection import operating_point
from mammozoo.metrics.froc import FPPI, froc
from mammozoo.metrics.matching import BoxMatch


def detector(images: int, *, seed: int, boxes: float = 4, levels: int = 0) -> list[BoxMatch]:
    """Matched images of a made-up detector; a third hold no lesion; `levels` makes equal scores."""
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(images):
        truths = int(rng.integers(3))
        found = rng.permutation(truths)[: rng.binomial(truths, 0.7)]
        truth_of_box = np.concatenate([found, np.full(rng.poisson(boxes), -1)]).astype(int)
        scores = rng.random(len(truth_of_box)) + 0.4 * (truth_of_box >= 0)
        cases.append(BoxMatch(np.round(scores * levels) / levels if levels else scores, truth_of_box, truths))
    return cases


def brute_force(cases: list[BoxMatch], fppi: float) -> float:
    """Try every threshold."""
    points = [operating_point(cases, threshold=t) for t in {s for case in cases for s in case.scores}]
    return max([p.sensitivity for p in points if p.false_positives_per_image <= fppi], default=0.0)


@pytest.mark.parametrize("levels", [0, 7])
def test_every_threshold_tried(levels: int) -> None:
    cases = detector(25, seed=levels, levels=levels)
    curve = froc(cases)
    assert tuple(curve.at) == FPPI
    for fppi, sensitivity in curve.at.items():
        assert sensitivity == pytest.approx(brute_force(cases, fppi))
        point = operating_point(cases, threshold=curve.threshold_at[fppi])
        assert point.sensitivity == pytest.approx(sensitivity)
        assert point.false_positives_per_image <= fppi
    assert curve.mean_sensitivity == pytest.approx(np.mean(list(curve.at.values())))
    for index, threshold in enumerate(curve.thresholds):
        point = operating_point(cases, threshold=threshold)
        assert curve.sensitivity[index] == pytest.approx(point.sensitivity)
        assert curve.false_positives_per_image[index] == pytest.approx(point.false_positives_per_image)
        assert curve.false_positives_per_normal_image[index] == pytest.approx(point.false_positives_per_normal_image)


def test_images_without_lesion_count_in_the_denominator() -> None:
    lesion = BoxMatch(np.array([0.9, 0.8]), np.array([-1, 0]), 1)
    silent = BoxMatch(np.zeros(0), np.zeros(0, int), 0)
    alone, together = froc([lesion]), froc([lesion, silent])
    assert (alone.at[0.5], alone.at[1.0]) == (0, 1)
    assert (together.at[0.25], together.at[0.5]) == (0, 1)
    assert alone.threshold_at[0.5] == math.inf
    assert np.isnan(alone.false_positives_per_normal_image).all()
    assert together.false_positives_per_normal_image.tolist() == [0, 0]
    assert (together.images, together.normal_images, together.truths) == (2, 1, 1)


def test_a_limit_met_exactly_is_met() -> None:
    wrong = BoxMatch(np.array([0.9]), np.array([-1]), 0)
    silent = BoxMatch(np.zeros(0), np.zeros(0, int), 0)
    found = BoxMatch(np.array([0.5]), np.array([0]), 1)
    cases = [wrong] * 29 + [silent] * 70 + [found]
    assert froc(cases, fppi=[0.28, 0.29]).at == {0.28: 0.0, 0.29: 1.0}  # 0.29 * 100 is 28.999... in floats


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ([], math.nan),
        ([BoxMatch(np.array([0.9]), np.array([-1]), 0)], math.nan),
        ([BoxMatch(np.zeros(0), np.zeros(0, int), 2)], 0.0),
    ],
)
def test_empty_cases(cases: list[BoxMatch], expected: float) -> None:
    curve = froc(cases)
    assert list(curve.at.values()) == pytest.approx([expected] * 7, nan_ok=True)
    assert curve.mean_sensitivity == pytest.approx(expected, nan_ok=True)

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from mammozoo.metrics.classification import by_group, compute_classification
from mammozoo.stats.bootstrap import bootstrap_mean
from mammozoo.stats.delong import delong_interval
from mammozoo.stats.summary_classification import Measure, Unit, bootstrap_measures, summarise_classification


def mean(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    return {"mean": float(scores.mean())}


def at(threshold: float) -> Measure:
    return lambda scores, labels: dataclasses.asdict(compute_classification(scores, labels, threshold=threshold))


def cohort(patients: int = 30) -> Unit:
    """Four images a patient, two a breast."""
    rng = np.random.default_rng(0)
    truth = np.repeat(rng.integers(2, size=patients), 4)
    scores = np.clip(0.4 * truth + rng.random(4 * patients) * 0.6, 0, 1)
    return Unit(scores, truth, [f"p{i // 4}" for i in range(4 * patients)])


def test_a_mean_has_the_interval_of_bootstrap_mean() -> None:
    unit = cohort()
    ours = bootstrap_measures(unit, mean, resamples=3000)["mean"]
    theirs = bootstrap_mean(unit.scores, groups=unit.patients, resamples=3000)
    assert ours.estimate == pytest.approx(theirs.estimate)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_bootstrap_and_delong_agree_for_independent_cases() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 60)
    unit = Unit(labels + rng.normal(size=120), labels, range(120))
    ours, theirs = bootstrap_measures(unit, at(0.5), resamples=800)["auroc"], delong_interval(unit.scores, labels)
    assert ours.estimate == pytest.approx(theirs.auroc)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_undefined_resamples_are_counted() -> None:
    found = bootstrap_measures(Unit([0.1, 0.9], [0, 1], ["a", "b"]), at(0.5), resamples=400)["auroc"]
    assert 150 < found.undefined < 250  # half of the draws hold one class
    assert (found.low, found.high) == (1, 1)


@pytest.mark.parametrize("unit", [Unit([], [], []), Unit([0.2, 0.9], [0, 1], ["a", "a"])])
def test_too_few_patients_give_no_interval(unit: Unit) -> None:
    found = bootstrap_measures(unit, at(0.5))["accuracy"]
    assert math.isnan(found.low)
    assert found.undefined == 0


def test_summary_by_image_and_patient() -> None:
    images = cohort()
    grouped = by_group(images.scores, images.labels, images.patients, how="mean")
    units = {"image": images, "patient": Unit(grouped.scores, grouped.labels, grouped.groups)}
    summary = summarise_classification(units, {"validation": at(0.45), "half": at(0.5)}, resamples=60)
    assert summary["headline"] == "patient"
    assert [(unit["n"], unit["patients"]) for unit in summary["units"].values()] == [(120, 30), (30, 30)]
    assert summary["units"]["image"]["delong"] is None
    patient = summary["units"]["patient"]
    assert patient["delong"]["auroc"] == patient["figures"]["half"]["auroc"]["estimate"]
    for name in ("sensitivity", "auprc", "brier"):
        low, high = patient["figures"]["validation"][name]["interval"]
        assert low <= patient["figures"]["validation"][name]["estimate"] <= high
    assert patient["figures"]["validation"]["threshold"]["interval"] == [0.45, 0.45]
    assert json.loads(json.dumps(summary))["seed"] == 0
    again = summarise_classification(units, {"validation": at(0.45), "half": at(0.5)}, resamples=60)
    assert json.dumps(again) == json.dumps(summary)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="2 scores, 2 labels and 1 patients"):
        bootstrap_measures(Unit([0.1, 0.2], [0, 1], ["a"]), mean)
    with pytest.raises(ValueError, match="headline unit 'patient'"):
        summarise_classification({"image": cohort()}, {"mean": mean})

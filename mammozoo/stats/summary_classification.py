# SPDX-License-Identifier: Apache-2.0
"""What scores say: the content of ``metrics.json`` of a classification bundle, with intervals by patient."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .._typing import Array
from .delong import delong_interval

Measure: TypeAlias = "Callable[[Array, Array], Mapping[str, float]]"


@dataclass(frozen=True)
class MeasureInterval:
    """One figure with its percentile interval; bounds NaN with fewer than two patients."""

    estimate: float
    low: float
    high: float
    undefined: int  # resamples in which the figure is NaN, as an AUROC of one class; they are left out


@dataclass(frozen=True, eq=False)
class Unit:
    """Scores and labels of images, breasts or patients, each with its patient; all of length n."""

    scores: Sequence[float] | Array
    labels: Sequence[int] | Array
    patients: Sequence[Hashable]


def bootstrap_measures(
    unit: Unit, measure: Measure, *, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> dict[str, MeasureInterval]:
    """Figures of scores and labels with percentile intervals, resampling whole patients."""
    scores, labels = np.asarray(unit.scores, dtype=float), np.asarray(unit.labels)
    if not len(scores) == len(labels) == len(unit.patients):
        msg = f"{len(scores)} scores, {len(labels)} labels and {len(unit.patients)} patients: give one each a case"
        raise ValueError(msg)
    cases: dict[Hashable, list[int]] = {}
    for index, patient in enumerate(unit.patients):
        cases.setdefault(patient, []).append(index)
    members = [np.asarray(indices) for indices in cases.values()]
    estimates = measure(scores, labels)
    values = np.full((resamples if len(members) > 1 else 0, len(estimates)), math.nan)
    rng = np.random.default_rng(seed)
    for row in values:
        drawn = np.concatenate([members[patient] for patient in rng.integers(len(members), size=len(members))])
        row[:] = list(measure(scores[drawn], labels[drawn]).values())
    return {
        name: _interval(float(estimate), column, confidence)
        for (name, estimate), column in zip(estimates.items(), values.T, strict=True)
    }


def _interval(estimate: float, values: Array, confidence: float) -> MeasureInterval:
    finite = values[np.isfinite(values)]
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(finite, [tail, 100 - tail]).tolist() if len(finite) else (math.nan, math.nan)
    return MeasureInterval(estimate, low, high, len(values) - len(finite))


def summarise_classification(
    units: Mapping[str, Unit],
    measures: Mapping[str, Measure],
    *,
    headline: str = "patient",
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Summary of a classifier per image, breast and patient (`units`), at each threshold (`measures`)."""
    if headline not in units:
        msg = f"the headline unit {headline!r} is not among {list(units)}"
        raise ValueError(msg)
    return {
        "headline": headline,
        "seed": seed,
        "resamples": resamples,
        "units": {name: _describe(unit, measures, resamples=resamples, seed=seed) for name, unit in units.items()},
        "notes": [
            f"The headline is per {headline}.",
            f"Intervals: 95 % percentile bootstrap, {resamples} resamples of patients, seed {seed}; resamples in which "
            "a figure is undefined are left out and counted.",
            "DeLong's interval is given where every patient has one case.",
        ],
    }


def _describe(unit: Unit, measures: Mapping[str, Measure], *, resamples: int, seed: int) -> dict[str, Any]:
    patients = len(set(unit.patients))
    independent = patients == len(unit.patients)
    return {
        "n": len(unit.patients),
        "positives": int(np.sum(unit.labels)),
        "patients": patients,
        "delong": dataclasses.asdict(delong_interval(unit.scores, unit.labels)) if independent else None,
        "figures": {
            threshold: {
                name: {"estimate": found.estimate, "interval": [found.low, found.high], "undefined": found.undefined}
                for name, found in bootstrap_measures(unit, measure, resamples=resamples, seed=seed).items()
            }
            for threshold, measure in measures.items()
        },
    }

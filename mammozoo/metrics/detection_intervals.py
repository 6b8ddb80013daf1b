# SPDX-License-Identifier: Apache-2.0
"""Detection figures with bootstrap intervals, resampled by patient."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .._typing import Array
from .froc import FPPI, RankedBoxes, rank_boxes
from .matching import BoxMatch

_BLOCK = 2_000_000  # counts held at a time: 16 MB an array


@dataclass(frozen=True)
class DetectionInterval:
    """An estimate with its bootstrap interval; NaN without lesions, bounds NaN with fewer than two groups."""

    estimate: float
    low: float
    high: float
    images: int
    groups: int  # patients
    truths: int
    undefined: int  # resamples without any lesion, left out
    resamples: int
    seed: int
    method: str = "percentile bootstrap, resampled by patient"


def bootstrap_froc(
    cases: Sequence[BoxMatch],
    groups: Sequence[Hashable] | None = None,
    *,
    fppi: Sequence[float] = FPPI,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[float, DetectionInterval]:
    """Sensitivity at each `fppi` with percentile intervals, resampling whole patients (`groups`)."""
    ranked = rank_boxes(cases)

    def statistic(weights: Array) -> Array:
        return ranked.sensitivity_at(weights, fppi)[0]

    found = _bootstrap(ranked, groups, statistic, resamples=resamples, confidence=confidence, seed=seed)
    return dict(zip(fppi, found, strict=True))


def bootstrap_froc_difference(
    first: Sequence[BoxMatch],
    second: Sequence[BoxMatch],
    groups: Sequence[Hashable] | None = None,
    *,
    fppi: Sequence[float] = FPPI,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[float, DetectionInterval]:
    """Paired difference ``first - second`` of two detectors' sensitivities on the same resamples."""
    a, b = rank_boxes(first), rank_boxes(second)
    if not np.array_equal(a.truths, b.truths):
        msg = f"a paired difference needs the same images in the same order: {len(first)} and {len(second)} cases"
        raise ValueError(f"{msg}, or their numbers of lesions differ")

    def statistic(weights: Array) -> Array:
        return np.asarray(a.sensitivity_at(weights, fppi)[0] - b.sensitivity_at(weights, fppi)[0])

    found = _bootstrap(a, groups, statistic, resamples=resamples, confidence=confidence, seed=seed)
    return dict(zip(fppi, found, strict=True))


def bootstrap_average_precision(
    cases: Sequence[BoxMatch],
    groups: Sequence[Hashable] | None = None,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> DetectionInterval:
    """Average precision with its percentile interval; parameters as in `bootstrap_froc`."""
    ranked = rank_boxes(cases)
    return _bootstrap(ranked, groups, ranked.average_precision, resamples=resamples, confidence=confidence, seed=seed)[
        0
    ]


def _bootstrap(
    ranked: RankedBoxes,
    groups: Sequence[Hashable] | None,
    statistic: Callable[[Array], Array],
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> list[DetectionInterval]:
    """Intervals of each column of a statistic of the images' weights."""
    images = len(ranked.truths)
    names: Sequence[Hashable] = range(images) if groups is None else groups
    if len(names) != images:
        msg = f"{images} images but {len(names)} groups"
        raise ValueError(msg)
    position: dict[Hashable, int] = {}
    index = np.asarray([position.setdefault(name, len(position)) for name in names], dtype=int)
    estimate = statistic(np.ones((1, images), dtype=np.int64))[0]
    values = np.full((0, len(estimate)), math.nan)
    if len(position) > 1:
        block = max(1, _BLOCK // max(images, len(ranked.hit)))
        values = np.concatenate([statistic(weights) for weights in _weights(index, resamples, seed, block)])
    undefined = np.isnan(values).sum(0)
    tail = 100 * (1 - confidence) / 2
    intervals = []
    for column, center in enumerate(estimate.tolist()):
        finite = values[:, column][~np.isnan(values[:, column])]
        low, high = np.percentile(finite, [tail, 100 - tail]).tolist() if len(finite) else (math.nan, math.nan)
        basis = (images, len(position), int(ranked.truths.sum()), int(undefined[column]))
        intervals.append(DetectionInterval(center, low, high, *basis, resamples, seed))
    return intervals


def _weights(group: Array, resamples: int, seed: int, block: int) -> Iterator[Array]:
    """How often each image counts in each resample of whole patients, a block of resamples at a time."""
    count = int(group.max()) + 1
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)[:, group]

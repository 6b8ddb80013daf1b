# SPDX-License-Identifier: Apache-2.0
"""Free-response ROC: sensitivity against false positives per image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._typing import Array
from .matching import BoxMatch

FPPI = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True, eq=False)
class Froc:
    """A FROC curve, one point a distinct score, and what it says at given numbers of false positives per image."""

    thresholds: Array
    false_positives_per_image: Array
    false_positives_per_normal_image: Array
    sensitivity: Array
    at: dict[float, float]  # best sensitivity with no more than so many false positives per image
    threshold_at: dict[float, float]  # where it is reached; infinity where no box may be kept
    mean_sensitivity: float  # mean of `at`
    images: int
    normal_images: int
    truths: int


def froc(cases: Sequence[BoxMatch], *, fppi: Sequence[float] = FPPI) -> Froc:
    """FROC curve over all images, a staircase (Bunch et al., 1977, doi:10.1117/12.955926); NaN without lesions."""
    ranked = rank_boxes(cases)
    once = np.ones((1, len(cases)), dtype=np.int64)
    tp, fp = (counts[0] for counts in ranked.counts(once))
    normal = ranked.truths == 0
    fp_normal = ranked.counts(once * normal)[1][0]
    read, last = ranked.sensitivity_at(once, fppi)
    thresholds = np.append(ranked.thresholds, math.inf)  # index -1: no box kept
    at = dict(zip(fppi, read[0].tolist(), strict=True))
    return Froc(
        thresholds=ranked.thresholds,
        false_positives_per_image=fp / max(len(cases), 1),
        false_positives_per_normal_image=fp_normal / (normal.sum() or math.nan),
        sensitivity=tp / (ranked.truths.sum() or math.nan),
        at=at,
        threshold_at=dict(zip(fppi, thresholds[last[0] - 1].tolist(), strict=True)),
        mean_sensitivity=float(np.mean(read)) if len(at) else math.nan,
        images=len(cases),
        normal_images=int(normal.sum()),
        truths=int(ranked.truths.sum()),
    )


@dataclass(frozen=True, eq=False)
class RankedBoxes:
    """All boxes of all images, best score first, ready for weighted counts."""

    case: Array  # image of each box
    hit: Array
    ends: Array  # last box of each run of equal scores
    thresholds: Array
    truths: Array  # lesions of each image

    def counts(self, weights: Array) -> tuple[Array, Array]:
        """Hits and false positives at each threshold when image i counts weights[:, i] times; (resamples, k)."""
        each = weights[:, self.case]
        tp = np.cumsum(each * self.hit, axis=1)[:, self.ends]
        return tp, np.cumsum(each, axis=1)[:, self.ends] - tp

    def sensitivity_at(self, weights: Array, fppi: Sequence[float]) -> tuple[Array, Array]:
        """Sensitivity and the number of thresholds that may be used, both (resamples, len(fppi))."""
        tp, fp = self.counts(weights)
        # The margin keeps 29 false positives in 100 images within 0.29, as 0.29 * 100 is 28.999...
        limits = weights.sum(1)[:, None] * np.asarray(fppi, dtype=float) + 1e-6
        pairs = zip(fp, limits, strict=True)
        usable = np.asarray([np.searchsorted(row, limit, side="right") for row, limit in pairs], dtype=int)
        found = np.take_along_axis(np.pad(tp, ((0, 0), (1, 0))), usable.reshape(len(tp), -1), axis=1)
        return found / self._denominator(weights), usable

    def average_precision(self, weights: Array) -> Array:
        """Average precision of each resample, (resamples, 1)."""
        tp, fp = self.counts(weights)
        steps = np.diff(tp, axis=1, prepend=0) * tp / np.maximum(tp + fp, 1)
        return np.asarray(steps.sum(1, keepdims=True) / self._denominator(weights))

    def _denominator(self, weights: Array) -> Array:
        lesions = (weights @ self.truths).astype(float)[:, None]
        return np.where(lesions > 0, lesions, math.nan)


def rank_boxes(cases: Sequence[BoxMatch]) -> RankedBoxes:
    """Sort the boxes of all images together."""
    scores = np.concatenate([np.zeros(0), *(case.scores for case in cases)])
    hit = np.concatenate([np.zeros(0, bool), *(case.hits for case in cases)])
    index = np.repeat(np.arange(len(cases)), [len(case.scores) for case in cases])
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    truths = np.asarray([case.truths for case in cases], dtype=np.int64)
    return RankedBoxes(index[order].astype(int), hit[order], ends, scores[order][ends], truths)

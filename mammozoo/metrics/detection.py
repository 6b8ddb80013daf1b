# SPDX-License-Identifier: Apache-2.0
"""Detection: was the lesion found, and at what price?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .curves import PrecisionRecallCurve, precision_recall_curve
from .matching import BoxMatch

__all__ = ["OperatingPoint", "average_precision", "detection_curve", "is_detected", "operating_point"]

DETECTION_IOU = 0.10  # Huang et al. 2026, Methods: "detected" is IoU > 0.10


def is_detected(iou: float) -> bool:
    """Whether an image's lesion counts as detected: IoU strictly above 0.10 (Huang et al., 2026, Methods)."""
    return iou > DETECTION_IOU


def detection_curve(cases: Sequence[BoxMatch]) -> PrecisionRecallCurve:
    """Precision and recall of all images' boxes at every distinct score; lesions that no box found count."""
    scores = np.concatenate([np.zeros(0), *(case.scores for case in cases)])
    hits = np.concatenate([np.zeros(0, bool), *(case.hits for case in cases)])
    return precision_recall_curve(scores, hits, positives=sum(case.truths for case in cases))


def average_precision(cases: Sequence[BoxMatch]) -> float:
    """Average precision without interpolation, all lesions in the denominator.

    Parameters and empty cases as in `detection_curve`.

    Examples
    --------
    >>> case = BoxMatch(np.array([0.95, 0.9, 0.8, 0.7, 0.6]), np.array([0, -1, 1, 2, -1]), truths=4)
    >>> round(average_precision([case]), 6)
    0.604167
    """
    return detection_curve(cases).average_precision


@dataclass(frozen=True)
class OperatingPoint:
    """A detector at one threshold; NaN where a denominator is 0."""

    threshold: float
    sensitivity: float
    false_positives_per_image: float
    false_positives_per_normal_image: float  # over images without lesion alone
    precision: float
    true_positives: int
    false_positives: int
    false_negatives: int
    images: int
    normal_images: int


def operating_point(cases: Sequence[BoxMatch], *, threshold: float) -> OperatingPoint:
    """Count what is found when boxes scored below a threshold are dropped (matching is greedy: order is free)."""
    kept = [case.hits[case.scores >= threshold] for case in cases]
    normal = [case.truths == 0 for case in cases]
    tp = sum(int(np.count_nonzero(hits)) for hits in kept)
    wrong = [int(np.count_nonzero(~hits)) for hits in kept]
    on_normal = sum(count for count, is_normal in zip(wrong, normal, strict=True) if is_normal)
    truths, fp = sum(case.truths for case in cases), sum(wrong)
    return OperatingPoint(
        threshold=float(threshold),
        sensitivity=_ratio(tp, truths),
        false_positives_per_image=_ratio(fp, len(cases)),
        false_positives_per_normal_image=_ratio(on_normal, sum(normal)),
        precision=_ratio(tp, tp + fp),
        true_positives=tp,
        false_positives=fp,
        false_negatives=truths - tp,
        images=len(cases),
        normal_images=sum(normal),
    )


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else math.nan

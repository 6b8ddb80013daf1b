# SPDX-License-Identifier: Apache-2.0
"""Lesion by lesion: boxes of a prediction against the lesions of an image, and what they say together."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ..._typing import Array
from ...functional.components import find_components, label_components, lesion_boxes
from ...metrics.detection import operating_point
from ...metrics.detection_intervals import bootstrap_average_precision, bootstrap_froc
from ...metrics.froc import FPPI, froc
from ...metrics.matching import BoxMatch, HitRule, match_boxes

#: Hit rules and what they mean to a reader.
HIT_RULES: dict[HitRule, str] = {
    "iou50": "the IoU of the two boxes is at least 0.5",
    "iou20": "the IoU of the two boxes is at least 0.2",
    "iou10": "the IoU of the two boxes is at least 0.1",
    "centre": "the predicted box's centre lies in the true box",
    "centre_in_mask": "the predicted box's centre lies on the lesion",
}


def predicted_boxes(mask: Array, probability: Array | None = None) -> tuple[Array, Array]:
    """Boxes of the 8-connected components of a predicted mask."""
    found = find_components(mask, probability=probability)
    boxes = np.asarray([item.box_xyxy for item in found], dtype=float).reshape(-1, 4)
    return boxes, np.asarray([1.0 if item.score is None else item.score for item in found], dtype=float)


def match_lesions(
    boxes: Array, scores: Array, *, hit: HitRule = "iou50", mask: Array | None = None, truths: Array | None = None
) -> BoxMatch:
    """Match boxes to the lesions of an image, given as boxes or as a mask."""
    if hit == "centre_in_mask":
        if mask is None:
            msg = "centre_in_mask needs the lesions' masks; where there are only boxes use centre"
            raise ValueError(msg)
        return match_boxes(boxes, scores, label_components(mask)[0], hit=hit)
    if truths is None:
        if mask is None:
            msg = "lesions are needed, as a mask or as boxes"
            raise ValueError(msg)
        truths = lesion_boxes(mask)
    return match_boxes(boxes, scores, truths, hit=hit)


def summarise_detection(
    cases: Sequence[BoxMatch],
    patients: Sequence[Hashable],
    *,
    hit: HitRule,
    threshold: float | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Sensitivity against false positives, with intervals by patient."""
    scores = np.concatenate([np.zeros(0), *(case.scores for case in cases)])
    lowest = float(scores.min()) if len(scores) else 0.0
    ranked = len(np.unique(scores)) > 1
    summary: dict[str, Any] = {
        "hit": hit,
        "rule": HIT_RULES[hit],
        "ranked": ranked,
        "images": len(cases),
        "normal_images": sum(case.truths == 0 for case in cases),
        "patients": len(set(patients)),
        "lesions": sum(case.truths for case in cases),
        "boxes": len(scores),
        "operating_point": dataclasses.asdict(
            operating_point(cases, threshold=lowest if threshold is None else threshold)
        ),
        "resamples": resamples,
        "seed": seed,
    }
    if not ranked:
        return summary
    options: dict[str, Any] = {"resamples": resamples, "seed": seed}
    precision = bootstrap_average_precision(cases, patients, **options)
    curve = froc(cases)
    intervals = bootstrap_froc(cases, patients, fppi=FPPI, **options)
    return {
        **summary,
        "average_precision": {"estimate": precision.estimate, "interval": [precision.low, precision.high]},
        "froc": [
            {
                "false_positives_per_image": fppi,
                "sensitivity": found.estimate,
                "interval": [found.low, found.high],
                "threshold": curve.threshold_at[fppi],
            }
            for fppi, found in intervals.items()
        ],
        "mean_sensitivity": curve.mean_sensitivity,
    }

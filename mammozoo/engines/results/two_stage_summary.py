# SPDX-License-Identifier: Apache-2.0
"""What the two-stage table says: the content of ``metrics.json``, with paired intervals by patient."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...metrics.detection import operating_point
from ...metrics.detection_intervals import bootstrap_froc_difference
from ...metrics.matching import BoxMatch, HitRule
from ...stats.bootstrap import bootstrap_difference, bootstrap_mean
from ..detection.lesion_detection import summarise_detection

SINGLE = "single_scale"
#: Variant of the whole system -> what a reader is told.
VARIANTS = {
    "fused": "two stages, scales fused",
    SINGLE: "two stages, one scale",
    "one_stage": "one stage, whole image",
}


@dataclass(frozen=True, eq=False)
class EvaluatedImage:
    """One image's scores."""

    patient: str
    lesions: int
    matches: Mapping[HitRule, Mapping[str, BoxMatch]]
    lambdas: Mapping[HitRule, Mapping[float, BoxMatch]]
    dice: Mapping[str, float | None] = field(default_factory=dict)
    crop_dice: tuple[float, ...] = ()
    least_score: float = 0.0

    def row(self) -> dict[str, Any]:
        """The image's columns of the per-case table."""
        row: dict[str, Any] = {"lesions": self.lesions}
        row |= {f"dice_{name}": value for name, value in self.dice.items()}
        row["crop_dice"] = float(np.mean(self.crop_dice)) if self.crop_dice else None
        for hit, sets in self.matches.items():
            for name, least in (("fused", -math.inf), (SINGLE, self.least_score)):
                point = operating_point([sets[name]], threshold=least)
                row[f"found_{name}_{hit}"] = point.true_positives
                row[f"false_positives_{name}_{hit}"] = point.false_positives
        return row


def summarise_two_stage(images: Sequence[EvaluatedImage], *, seed: int = 0, resamples: int = 1000) -> dict[str, Any]:
    """Summarise an evaluation of the two-stage system."""
    patients = [image.patient for image in images]
    options: dict[str, Any] = {"seed": seed, "resamples": resamples}
    whole = {name: np.asarray([_number(image.dice.get(name)) for image in images]) for name in VARIANTS}
    crops = [(dice, image.patient) for image in images for dice in image.crop_dice]
    pairs = [("fused", SINGLE), ("fused", "one_stage")]
    rules: list[HitRule] = list(images[0].matches)
    return {
        "n_images": len(images),
        "n_patients": len(set(patients)),
        "n_lesions": sum(image.lesions for image in images),
        **options,
        "dice": {
            **{name: _mean(values, patients, **options) for name, values in whole.items()},
            "crops": _mean(np.asarray([dice for dice, _ in crops]), [patient for _, patient in crops], **options),
        },
        "dice_differences": {
            f"{first} - {second}": _interval(
                bootstrap_difference(whole[first], whole[second], groups=patients, **options)
            )
            for first, second in pairs
        },
        "detection": {hit: _detection(images, patients, hit, **options) for hit in rules},
        "froc_differences": {hit: _differences(images, patients, hit, **options) for hit in rules},
        "lambdas": {hit: _operating_points(images, patients, hit, **options) for hit in rules},
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _interval(found: Any) -> dict[str, Any]:
    return {"estimate": found.estimate, "interval": [found.low, found.high]}


def _mean(values: Any, patients: Sequence[str], *, seed: int, resamples: int) -> dict[str, Any]:
    found = bootstrap_mean(values, groups=patients, seed=seed, resamples=resamples)
    finite = values[np.isfinite(values)]
    median = float(np.median(finite)) if len(finite) else math.nan
    return {"mean": found.estimate, "median": median, "n": found.n, "interval": [found.low, found.high]}


def _detection(
    images: Sequence[EvaluatedImage], patients: Sequence[str], hit: HitRule, **options: Any
) -> dict[str, Any]:
    """Average precision and FROC of every set of boxes by one rule."""
    names = list(images[0].matches[hit])
    return {
        name: summarise_detection([image.matches[hit][name] for image in images], patients, hit=hit, **options)
        for name in names
    }


def _differences(
    images: Sequence[EvaluatedImage], patients: Sequence[str], hit: HitRule, **options: Any
) -> list[dict[str, Any]]:
    """Sensitivity fused minus at one scale, at equal numbers of false positives."""
    fused, single = ([image.matches[hit][name] for image in images] for name in ("fused", SINGLE))
    found = bootstrap_froc_difference(fused, single, patients, **options)
    return [{"false_positives_per_image": fppi, **_interval(value)} for fppi, value in found.items()]


def _operating_points(
    images: Sequence[EvaluatedImage], patients: Sequence[str], hit: HitRule, **options: Any
) -> list[dict[str, Any]]:
    """Table 2: all fused boxes at each lambda; Figure 5: how far they lie above the curve of one scale."""
    points = []
    single = [image.matches[hit][SINGLE] for image in images]
    for value in images[0].lambdas[hit]:
        fused = [image.lambdas[hit][value] for image in images]
        point = operating_point(fused, threshold=-math.inf)
        fppi = point.false_positives_per_image
        gain = bootstrap_froc_difference(fused, single, patients, fppi=[fppi], **options)[fppi]
        row = {"lambda": value, **dataclasses.asdict(point), "threshold": None}
        points.append({**row, "minus_single_scale": _interval(gain)})
    return points

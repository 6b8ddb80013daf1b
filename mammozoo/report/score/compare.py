# SPDX-License-Identifier: Apache-2.0
"""Two sets of predictions of the same images: paired differences with intervals and tests."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ...metrics.detection_intervals import bootstrap_froc_difference
from ...stats.bootstrap import bootstrap_difference
from ...stats.delong import delong_test
from ...stats.tests import holm, wilcoxon
from .result import Score

#: Metrics of masks that are compared; one family for Holm's adjustment.
PAIRED = ("dice", "iou", "sensitivity", "precision", "hd95", "assd", "nsd")


def paired_values(first: Score, second: Score, metric: str) -> tuple[list[float], list[float], list[str]]:
    """Values of a metric on the images with a lesion that both were scored on, and their patients."""
    theirs = {case.record.id: case.row for case in second.segmented}
    shared = [case.row for case in first.segmented if case.row["size"] and case.row["id"] in theirs]
    ours = [float(row[metric]) for row in shared]
    return ours, [float(theirs[row["id"]][metric]) for row in shared], [str(row["patient_id"]) for row in shared]


def compare_scores(first: Score, second: Score, *, resamples: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Compare two scores of the same images, ``first - second``, paired and by patient, in what both were scored in."""
    found: dict[str, Any] = {"name": first.name, "other": second.name, "inputs": second.metrics["inputs"]}
    options: dict[str, Any] = {"resamples": resamples, "seed": seed}
    if first.metrics["segmentation"] and second.metrics["segmentation"]:
        found["segmentation"] = _segmentation(first, second, **options)
    ours = {case.record.id: case for case in first.cases if case.match is not None}
    pairs = [(ours[case.record.id], case) for case in second.cases if case.match and case.record.id in ours]
    if pairs and all(score.metrics["detection"]["ranked"] for score in (first, second)):
        differences = bootstrap_froc_difference(
            [a.match for a, _ in pairs if a.match],
            [b.match for _, b in pairs if b.match],
            [a.record.patient_id for a, _ in pairs],
            **options,
        )
        found["detection"] = [
            {"false_positives_per_image": fppi, "difference": item.estimate, "interval": [item.low, item.high]}
            for fppi, item in differences.items()
        ]
    if first.classes is not None and second.classes is not None:
        found["classification"] = _classification(first, second)
    return found


def _segmentation(first: Score, second: Score, *, resamples: int, seed: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for metric in PAIRED:
        ours, theirs, patients = paired_values(first, second, metric)
        both = np.isfinite(ours) & np.isfinite(theirs)
        interval = bootstrap_difference(ours, theirs, groups=patients, resamples=resamples, seed=seed)
        found[metric] = {
            "first": float(np.mean(np.asarray(ours)[both])) if both.any() else math.nan,
            "second": float(np.mean(np.asarray(theirs)[both])) if both.any() else math.nan,
            "difference": interval.estimate,
            "interval": [interval.low, interval.high],
            "n": interval.n,
            "patients": interval.groups,
            "excluded": interval.excluded,
            "test": dataclasses.asdict(wilcoxon(ours, theirs)),
        }
    for metric, adjusted in zip(PAIRED, holm([found[metric]["test"]["p"] for metric in PAIRED]), strict=True):
        found[metric]["test"]["p_holm"] = adjusted
    return found


def _classification(first: Score, second: Score) -> dict[str, Any]:
    """DeLong's test over the patients of the images that both have scored."""
    assert first.classes is not None
    assert second.classes is not None
    shared = set(first.classes.ids) & set(second.classes.ids)
    units = []
    for classes in (first.classes, second.classes):
        keep = [index for index, name in enumerate(classes.ids) if name in shared]
        part = dataclasses.replace(
            classes,
            scores=classes.scores[keep],
            labels=classes.labels[keep],
            patients=[classes.patients[index] for index in keep],
            breasts=[classes.breasts[index] for index in keep],
            ids=[classes.ids[index] for index in keep],
        )
        units.append(part.unit("patient"))
    return {"unit": "patient", **dataclasses.asdict(delong_test(units[0].scores, units[1].scores, units[0].labels))}

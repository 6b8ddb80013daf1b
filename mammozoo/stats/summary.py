# SPDX-License-Identifier: Apache-2.0
"""What a per-case table says: the content of ``metrics.json`` of a segmentation bundle."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._typing import Array
from .bootstrap import bootstrap_mean
from .strata import MOST, automatic_columns, summarise_strata
from .tests import TestResult, kruskal_wallis, mann_whitney, pearson, spearman

Row = Mapping[str, Any]

SIZES = ("small", "medium", "large")
METRICS = (
    "dice", "iou", "accuracy", "sensitivity", "specificity", "precision", "area_difference",
    "hausdorff", "hd95", "assd", "nsd", "row_hausdorff",
)  # fmt: skip
#: Distances in mm, for the images whose pixel spacing is known.
MM_METRICS = ("hausdorff_mm", "hd95_mm", "assd_mm")
_OWN_COLUMNS = {*METRICS, *MM_METRICS, "area_mm2", "id", "patient_id", "detected", "area_224", "size"}


def summarise_segmentation(
    rows: Sequence[Row], *, seed: int = 0, resamples: int = 2000, strata: Sequence[str] | None = None
) -> dict[str, Any]:
    """Summary of a per-case table with n and intervals, as the tables 1-3 of Huang et al., Cureus 2026."""
    lesions = [row for row in rows if row["size"]]
    detected = [row for row in lesions if row["detected"]]
    options = {"seed": seed, "resamples": resamples}
    normals = [row for row in rows if not row["size"]]
    by_stratum, strata_tests = _strata(lesions, strata, **options)
    tests = _tests(lesions, detected)
    in_mm = [name for name in MM_METRICS if any(name in row for row in rows)]
    return {
        "n_images": len(rows),
        "n_patients": len({row["patient_id"] for row in rows}),
        "n_with_lesion": len(lesions),
        "seed": seed,
        "resamples": resamples,
        "overall": {name: _describe(lesions, name, **options) for name in (*METRICS, *in_mm)},
        "all_images": {name: _describe(rows, name, **options) for name in ("dice", "iou", "accuracy")},
        "false_positive_images": {"count": sum(row["dice"] == 0 for row in normals), "n": len(normals)},
        "detection": {
            name: _detection([row for row in lesions if name in ("all", row["size"])], **options)
            for name in ("all", *SIZES)
        },
        "detected_by_size": {name: _spread([row for row in detected if row["size"] == name]) for name in SIZES},
        "tests": {name: dataclasses.asdict(test) for name, test in tests.items()},
        "strata": by_stratum,
        "strata_tests": strata_tests,
        "notes": _notes(lesions, tests, **options),
    }


def _column(rows: Sequence[Row], name: str) -> Array:
    return np.asarray([math.nan if row.get(name) is None else row[name] for row in rows], dtype=float)


def _patients(rows: Sequence[Row]) -> list[str]:
    """Patients; a case without one stands for itself."""
    return [str(row["patient_id"] or row["id"]) for row in rows]


def _describe(rows: Sequence[Row], name: str, *, seed: int, resamples: int) -> dict[str, Any]:
    interval = bootstrap_mean(_column(rows, name), groups=_patients(rows), seed=seed, resamples=resamples)
    values = _column(rows, name)
    values = values[np.isfinite(values)]
    return {
        "mean": interval.estimate,
        "median": float(np.median(values)) if len(values) else math.nan,
        "sd": float(np.std(values, ddof=1)) if len(values) > 1 else math.nan,
        "n": interval.n,
        "excluded": interval.excluded,
        "interval": [interval.low, interval.high],
    }


def _detection(rows: Sequence[Row], *, seed: int, resamples: int) -> dict[str, Any]:
    interval = bootstrap_mean(_column(rows, "detected"), groups=_patients(rows), seed=seed, resamples=resamples)
    return {
        "detected": sum(bool(row["detected"]) for row in rows),
        "n": len(rows),
        "rate": interval.estimate,
        "interval": [interval.low, interval.high],
    }


def _spread(rows: Sequence[Row]) -> dict[str, Any]:
    result: dict[str, Any] = {"n": len(rows)}
    for name in ("dice", "iou"):
        values = _column(rows, name)
        result[name] = {
            "mean": float(values.mean()) if len(values) else math.nan,
            "sd": float(np.std(values, ddof=1)) if len(values) > 1 else math.nan,
        }
    return result


def _tests(lesions: Sequence[Row], detected: Sequence[Row]) -> dict[str, TestResult]:
    found: dict[str, TestResult] = {}
    for suffix, rows in (("", lesions), ("_detected", detected)):
        areas = _column(rows, "area_224")
        for metric in ("dice", "iou"):
            groups = {size: _column([row for row in rows if row["size"] == size], metric) for size in SIZES}
            found[f"kruskal_wallis_{metric}{suffix}"] = kruskal_wallis(groups)
            found[f"pearson_size_{metric}{suffix}"] = pearson(areas, _column(rows, metric))
            found[f"spearman_size_{metric}{suffix}"] = spearman(areas, _column(rows, metric))
    missed = _column([row for row in lesions if not row["detected"]], "area_224")
    hit = _column(detected, "area_224")
    found["missed_vs_detected_size"] = mann_whitney(missed, hit, names=("missed", "detected"))
    return found


def _strata(
    rows: Sequence[Row], columns: Sequence[str] | None, *, seed: int, resamples: int
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    present = list(dict.fromkeys(name for row in rows for name in row if name not in _OWN_COLUMNS))
    absent = [name for name in columns or () if rows and name not in present]
    if absent:
        msg = f"no column {absent} to divide by; there are {present}"
        raise ValueError(msg)
    chosen = automatic_columns(rows, own=_OWN_COLUMNS) if columns is None else columns
    most = MOST if columns is None else None
    return summarise_strata(rows, chosen, most=most, seed=seed, resamples=resamples)


def _notes(lesions: Sequence[Row], tests: Mapping[str, TestResult], *, seed: int, resamples: int) -> list[str]:
    missed, hit = ([row for row in lesions if bool(row["detected"]) is wanted] for wanted in (False, True))
    sizes = [f"{_column(rows, 'area_224').mean():.1f}" if rows else "-" for rows in (missed, hit)]
    excluded = int(np.isnan(_column(lesions, "hausdorff")).sum()) if lesions else 0
    return [
        f"Intervals: 95 % percentile bootstrap of the mean, {resamples} resamples of patients, seed {seed}.",
        "Size bins: pixels of the 224 x 224 grid; small < 500, medium 500-1500, large > 1500.",
        "Detected: IoU > 0.10 with the image's lesions. Table 1 is over all images with a lesion, Table 3 over the "
        "detected ones.",
        f"Hausdorff is undefined, and left out, in {excluded} images without any predicted pixel.",
        f"Mean lesion size: missed {sizes[0]}, detected {sizes[1]} pixels; {tests['missed_vs_detected_size']}.",
        f"Dice over size bins, all lesions: {tests['kruskal_wallis_dice']}.",
        f"Dice over size bins, detected lesions: {tests['kruskal_wallis_dice_detected']}.",
        f"Size and Dice, detected lesions: {tests['pearson_size_dice_detected']}; "
        f"{tests['spearman_size_dice_detected']}.",
        f"Size and IoU, detected lesions: {tests['pearson_size_iou_detected']}.",
    ]

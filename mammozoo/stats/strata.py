# SPDX-License-Identifier: Apache-2.0
"""A per-case table divided by any of its columns."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .bootstrap import bootstrap_mean
from .tests import TestResult, holm, kruskal_wallis

Row = Mapping[str, Any]

#: Columns that are strata however many values they have.
NAMED = (
    "density", "view_position", "laterality", "vendor", "manufacturer", "pathology", "subtlety", "assessment", "birads",
    "shapes", "shape", "margins", "margin",
)  # fmt: skip
#: Values of an automatic stratum; of any other, the rarer ones fall together.
MOST = 12
OTHER = "other"


def automatic_columns(rows: Sequence[Row], *, own: set[str]) -> list[str]:
    """Columns worth a table: those of `NAMED` with two values or more, and others with 2 to 12."""
    found = []
    for column in dict.fromkeys(name for row in rows for name in row if name not in own):
        count = len({_value(row, column) for row in rows} - {""})
        if count >= 2 and (count <= MOST or column in NAMED):
            found.append(column)
    return found


def divide(rows: Sequence[Row], column: str, *, most: int | None = MOST) -> dict[str, list[Row]]:
    """Rows by the values of a column, numbers as numbers; of more than `most` values the rarer are ``other``."""
    counts = Counter(_value(row, column) for row in rows)
    del counts[""]
    kept = {name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))}
    if most is not None and len(counts) > most:
        kept = {name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: most - 1]}
    groups: dict[str, list[Row]] = {name: [] for name in sorted(kept, key=_order)}
    for row in rows:
        value = _value(row, column)
        if value:
            groups.setdefault(value if value in kept else OTHER, []).append(row)
    return groups


def _value(row: Row, column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value)


def _order(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return math.inf, text


def summarise_strata(
    rows: Sequence[Row], columns: Sequence[str], *, most: int | None = MOST, seed: int = 0, resamples: int = 2000
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Dice and detection of images with a lesion by the values of columns, and Kruskal-Wallis tests (Holm)."""
    divided = {column: divide(rows, column, most=most) for column in columns}
    strata = {
        column: {value: _describe(group, seed=seed, resamples=resamples) for value, group in groups.items()}
        for column, groups in divided.items()
    }
    tests: dict[str, TestResult] = {
        column: kruskal_wallis({value: [float(row["dice"]) for row in group] for value, group in groups.items()})
        for column, groups in divided.items()
    }
    adjusted = holm([test.p for test in tests.values()])
    pairs = zip(tests.items(), adjusted, strict=True)
    return strata, {column: {**dataclasses.asdict(test), "p_holm": p} for (column, test), p in pairs}


def _describe(rows: Sequence[Row], *, seed: int, resamples: int) -> dict[str, Any]:
    dice = [float(row["dice"]) for row in rows]
    hits = [bool(row["detected"]) for row in rows]
    groups = [str(row["patient_id"] or row["id"]) for row in rows]
    mean = bootstrap_mean(dice, groups=groups, seed=seed, resamples=resamples)
    rate = bootstrap_mean(np.asarray(hits, dtype=float), groups=groups, seed=seed, resamples=resamples)
    found = [value for value, hit in zip(dice, hits, strict=True) if hit]
    return {
        "n": len(rows),
        "patients": mean.groups,
        "dice_mean": mean.estimate,
        "dice_median": float(np.median(dice)),
        "dice_interval": [mean.low, mean.high],
        "detected": sum(hits),
        "detected_interval": [rate.low, rate.high],
        "dice_detected_mean": float(np.mean(found)) if found else math.nan,
    }

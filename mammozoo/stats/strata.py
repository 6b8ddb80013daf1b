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

__all__ = ["NAMED", "OTHER", "automatic_columns", "divide", "summarise_strata"]

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
    """Columns worth a table: those of `NAMED` with two values or more, and others with 2 to 12.

    Parameters
    ----------
    rows : sequence of mappings
    own : set of str
        Columns that are no strata.

    Returns
    -------
    list of str

    Examples
    --------
    >>> automatic_columns([{"id": 1, "density": "A"}, {"id": 2, "density": "B"}], own={"id"})
    ['density']
    """
    found = []
    for column in dict.fromkeys(name for row in rows for name in row if name not in own):
        count = len({_value(row, column) for row in rows} - {""})
        if count >= 2 and (count <= MOST or column in NAMED):
            found.append(column)
    return found


def divide(rows: Sequence[Row], column: str, *, most: int | None = MOST) -> dict[str, list[Row]]:
    """Divide rows by the values of a column.

    Parameters
    ----------
    rows : sequence of mappings
        Rows without a value are left out.
    column : str
    most : int, optional
        More values than that: the most frequent stay, the rest becomes ``"other"``; None keeps all.

    Returns
    -------
    dict of str to list of mappings
        In the order of the values, numbers as numbers; ``"other"`` last.

    Examples
    --------
    >>> rows = [{"shape": shape} for shape in "aaabbcd"]
    >>> {name: len(group) for name, group in divide(rows, "shape", most=3).items()}
    {'a': 3, 'b': 2, 'other': 2}
    """
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
    """Dice and detection in the strata of columns.

    Parameters
    ----------
    rows : sequence of mappings
        Images with a lesion: ``id, patient_id, dice, detected`` and the columns.
    columns : sequence of str
    most : int, optional
        See `divide`.
    seed, resamples : int
        Of the bootstrap, by patient.

    Returns
    -------
    strata : dict
        Column to value to ``n, patients, dice_mean, dice_median, dice_interval, detected, detected_interval`` (Dice
        over all lesions, detected or not) and ``dice_detected_mean``.
    tests : dict
        Column to its Kruskal-Wallis test of Dice over the values, with ``p_holm`` over the columns.

    Examples
    --------
    >>> rows = [{"id": i, "patient_id": i, "dice": 0.5, "detected": True, "view": "CC"} for i in "ab"]
    >>> summarise_strata(rows, ["view"], resamples=20)[0]["view"]["CC"]["dice_mean"]
    0.5
    """
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

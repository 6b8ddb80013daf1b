# SPDX-License-Identifier: Apache-2.0
"""Networks of one table against each other, on the same cases."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...stats.bootstrap import bootstrap_difference
from ...stats.tests import holm, wilcoxon
from ..tables import markdown_table

__all__ = ["case_values", "comparison_table"]


def case_values(folders: Sequence[Path], metric: str = "dice") -> dict[str, tuple[float, str]]:
    """A metric of every case, averaged over repeated runs.

    Parameters
    ----------
    folders : sequence of Path
        One a run, each with ``per_case.csv``; a folder without one is left out.
    metric : str
        Column.

    Returns
    -------
    dict of str to (float, str)
        Case id to its mean over the runs and its patient; cases that a run lacks are left out.
    """
    found: dict[str, list[float]] = defaultdict(list)
    patients: dict[str, str] = {}
    runs = 0
    for folder in folders:
        if not (folder / "per_case.csv").is_file():
            continue
        runs += 1
        with (folder / "per_case.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                found[row["id"]].append(float(row[metric]) if row[metric] else math.nan)
                patients[row["id"]] = row["patient_id"]
    return {name: (float(np.mean(v)), patients[name]) for name, v in found.items() if len(v) == runs}


def comparison_table(
    rows: Sequence[Mapping[str, Any]], cases: Mapping[str, Mapping[str, tuple[float, str]]], *, reference: str
) -> str:
    """Wilcoxon signed-rank and paired difference of every network against one of them.

    Parameters
    ----------
    rows : sequence of mapping
        The table's rows, with ``id`` and ``name``.
    cases : mapping
        Row id to `case_values`; empty where it was not run.
    reference : str
        Row id.

    Returns
    -------
    str
        Markdown; empty if fewer than two rows were run, or not the reference.

    Notes
    -----
    The difference is that of the mean Dice, with its percentile bootstrap interval resampled by patient. p-values
    are adjusted by Holm's method over the table.

    References
    ----------
    Sun et al., Phys Med Biol 65 055005, 2020, Section 3.2 (signed-rank test between networks).
    """
    base = cases.get(reference, {})
    body, p_values = [], []
    for row in rows:
        own = cases.get(row["id"], {})
        shared = sorted(set(base) & set(own))
        if row["id"] == reference or not shared:
            continue
        first, second = ([values[name][0] for name in shared] for values in (own, base))
        gap = bootstrap_difference(first, second, groups=[base[name][1] for name in shared])
        test = wilcoxon(first, second)
        p_values.append(test.p)
        interval = f"{gap.estimate:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"
        body.append([row["name"], interval, f"{test.p:.4g}", "", f"{gap.n} images, {gap.groups} patients"])
    if not body:
        return ""
    for line, adjusted in zip(body, holm(p_values), strict=True):
        line[3] = f"{adjusted:.4g}"
    name = next(row["name"] for row in rows if row["id"] == reference)
    header = ["Model", "Dice difference (95 %)", "Wilcoxon p", "p, Holm", "n"]
    return "\n".join([f"Against {name}, same cases:", "", markdown_table(header, body), ""])

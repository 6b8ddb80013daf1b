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


def case_values(folders: Sequence[Path], metric: str = "dice") -> dict[str, tuple[float, str]]:
    """A column of ``per_case.csv`` of every case that all runs have, averaged over them, and the case's patient."""
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
    """Paired difference of Dice and Wilcoxon's test (Sun et al., 2020, Section 3.2) of every network against one."""
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

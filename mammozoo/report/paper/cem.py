# SPDX-License-Identifier: Apache-2.0
"""Eleven classifiers with the original image and with the breast masked, and the paired difference."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..._typing import Array, PathLike
from ...engines.experiments.crossvalidation import read_scores
from ...engines.experiments.grid import cell_result
from ...engines.results.score_table import score_units
from ...metrics.curves import compute_auroc
from ...stats.summary_classification import MeasureInterval, Unit, bootstrap_measures
from ..tables import markdown_table
from .run import TableRun, run_cells

__all__ = ["auroc_difference", "print_cem_tables"]

Row = Mapping[str, Any]


def auroc_difference(
    first: Sequence[Row], second: Sequence[Row], *, resamples: int = 2000, seed: int = 0
) -> MeasureInterval:
    """Paired difference of two AUROCs per patient, ``first - second``, with its interval.

    Parameters
    ----------
    first, second : sequence of mapping
        Rows of two networks for the same images (see `mammozoo.engines.results.score_table.score_units`), in any order.
    resamples, seed : int
        Of the bootstrap by patient.

    Returns
    -------
    MeasureInterval

    Raises
    ------
    ValueError
        If the images differ.

    Examples
    --------
    >>> rows = [{"id": i, "patient_id": i, "laterality": "L", "label": i % 2, "probability": i / 4} for i in range(4)]
    >>> auroc_difference(rows, rows, resamples=10).estimate
    0.0
    """
    if {row["id"] for row in first} != {row["id"] for row in second} or len(first) != len(second):
        msg = f"a paired difference needs the same images: {len(first)} and {len(second)} rows differ"
        raise ValueError(msg)
    units = [score_units(sorted(rows, key=lambda row: str(row["id"])))["patient"] for rows in (first, second)]
    scores = [np.asarray(unit.scores) for unit in units]

    def measure(cases: Array, labels: Array) -> dict[str, float]:
        drawn = cases.astype(int)
        return {"auroc": compute_auroc(scores[0][drawn], labels) - compute_auroc(scores[1][drawn], labels)}

    cases = Unit(np.arange(len(scores[0])), units[0].labels, units[0].patients)
    return bootstrap_measures(cases, measure, resamples=resamples, seed=seed)["auroc"]


def print_cem_tables(*, root: PathLike, run: TableRun) -> str:
    """Return the tables as Markdown, after running the cells that were asked for.

    Parameters
    ----------
    root : path
        The project's root.
    run : TableRun
        A cell is ``BACKBONE_INPUT``, as ``resnet50_mask``.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If an asked-for cell does not exist, or there is no manifest to run it on.
    """
    spec = json.loads(Path(root, "configs", "tables", "cem.json").read_text(encoding="utf-8"))
    cells = {f"{backbone}_{name}": (backbone, name) for backbone in spec["backbones"] for name in spec["inputs"]}
    keys = {cell: {"backbone": backbone, **spec["inputs"][name]} for cell, (backbone, name) in cells.items()}
    run_cells(keys, bundle=Path(root, "bundles", spec["bundle"]), run=run)
    missing = [cell for cell in cells if cell_result(run.results / cell) is None]
    options = ", ".join(f"{key} {value}" for key, value in run.options.items())
    notes = [f"runs of this command use {options}"] if options else []
    parts = [
        "# cem: benign against malignant, per patient, test part", "",
        _figures(spec, cells, run), "",
        "## Mask against original: paired difference of the AUROC per patient", "",
        _differences(spec, run), "",
    ]  # fmt: skip
    if missing:
        command = f"mammozoo tables cem --results {run.results} --data MANIFEST --run"
        parts += [f"Not run: {', '.join(missing)}; the command: `{command} {missing[0]} ...`", ""]
    return "\n".join(
        [*parts, "## Why these are not the same experiments", "", *(f"- {r}" for r in [*spec["reasons"], *notes]), ""]
    )


def _figures(spec: Row, cells: Mapping[str, tuple[str, str]], run: TableRun) -> str:
    body = []
    for cell, (backbone, name) in cells.items():
        metrics = cell_result(run.results / cell)
        expected = spec["expected"].get(f"{backbone}/{name}", {})
        patient = metrics["units"]["patient"] if metrics else None
        for metric, printed in spec["columns"].items():
            if patient is None and metric not in expected:
                continue
            found = patient["figures"]["validation"][metric] if patient else None
            paper = expected.get(metric)
            body.append([
                backbone, name, printed,
                _number(found["estimate"]) if found else "not run",
                " to ".join(_number(bound) for bound in found["interval"]) if found else "-",
                _number(paper),
                f"{found['estimate'] - paper:+.3f}" if found and paper is not None else "-",
                str(patient["n"]) if patient else "-",
                metrics["resolution"].split(" (")[0] if metrics else "-",
            ])  # fmt: skip
    header = ["Backbone", "Input", "Figure", "Ours", "95 % CI", "Paper", "Difference", "n (patients)", "Resolution"]
    return markdown_table(header, body)


def _differences(spec: Row, run: TableRun) -> str:
    body = []
    for backbone in spec["backbones"]:
        tables = [run.results / f"{backbone}_{name}" / "per_case.csv" for name in ("mask", "original")]
        if not all(table.is_file() for table in tables):
            continue
        found = auroc_difference(*(read_scores(table, part="test") for table in tables))
        body.append([backbone, f"{found.estimate:+.3f}", f"{_number(found.low)} to {_number(found.high)}"])
    return markdown_table(["Backbone", "AUROC, mask - original", "95 % CI, bootstrap by patient"], body)


def _number(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.3f}"

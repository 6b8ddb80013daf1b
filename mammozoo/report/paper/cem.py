# SPDX-License-Identifier: Apache-2.0
"""Eleven classifiers with the original image and with the breast masked, and the paired difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..._typing import Array, PathLike
from ...engines.experiments.crossvalidation import read_scores
from ...engines.experiments.grid import cell_result
from ...engines.results.score_table import score_units
from ...metrics.curves import compute_auroc
from ...stats.summary_classification import MeasureInterval, Unit, bootstrap_measures
from ..tables import markdown_table
from ..text import number, signed, span
from .run import Row, TableRun, paper_page, run_cells, table_spec


def auroc_difference(
    first: Sequence[Row], second: Sequence[Row], *, resamples: int = 2000, seed: int = 0
) -> MeasureInterval:
    """Paired difference of two AUROCs per patient, ``first - second``, from rows of the same images in any order."""
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
    """Return the tables as Markdown, after running what was asked for; a cell is ``BACKBONE_INPUT``."""
    spec = table_spec(root, "cem")
    cells = {f"{backbone}_{name}": (backbone, name) for backbone in spec["backbones"] for name in spec["inputs"]}
    keys = {cell: {"backbone": backbone, **spec["inputs"][name]} for cell, (backbone, name) in cells.items()}
    run_cells(keys, bundle=Path(root, "bundles", spec["bundle"]), run=run)
    differences = _differences(spec, run)
    missing = [cell for cell in cells if cell_result(run.results / cell) is None]
    if missing:
        command = f"mammozoo tables cem --results {run.results} --data MANIFEST --run"
        differences += f"\n\nNot run: {', '.join(missing)}; the command: `{command} {missing[0]} ...`"
    sections = {"Mask against original: paired difference of the AUROC per patient": differences}
    title = "cem: benign against malignant, per patient, test part"
    return paper_page(title, _figures(spec, cells, run), sections, reasons=spec["reasons"], run=run)


def _figures(spec: Row, cells: Mapping[str, tuple[str, str]], run: TableRun) -> str:
    body = []
    for cell, (backbone, name) in cells.items():
        metrics = cell_result(run.results / cell)
        expected = spec["expected"].get(f"{backbone}/{name}", {})
        patient = metrics["units"]["patient"] if metrics else None
        for metric, printed in spec["columns"].items():
            if patient is None and metric not in expected:
                continue
            found = patient["figures"]["validation"][metric] if patient else {"estimate": None, "interval": None}
            paper, ours = expected.get(metric), found["estimate"]
            body.append([
                backbone, name, printed,
                number(ours) if patient else "not run", span(found["interval"]), number(paper),
                signed(None if ours is None or paper is None else ours - paper),
                str(patient["n"]) if patient else "-",
                metrics["resolution"].split(" (")[0] if metrics else "-",
            ])  # fmt: skip
    header = ["Backbone", "Input", "Figure", "Ours", "95 % CI", "Paper", "Difference", "n (patients)", "Resolution"]
    return markdown_table(header, body)


def _differences(spec: Row, run: TableRun) -> str:
    body = []
    for backbone in spec["backbones"]:
        tables = [run.results / f"{backbone}_{name}" / "per_case.csv" for name in ("mask", "original")]
        if all(table.is_file() for table in tables):
            found = auroc_difference(*(read_scores(table, part="test") for table in tables))
            body.append([backbone, signed(found.estimate), span([found.low, found.high])])
    return markdown_table(["Backbone", "AUROC, mask - original", "95 % CI, bootstrap by patient"], body)

# SPDX-License-Identifier: Apache-2.0
"""Run what the data at hand allow of a paper's tables, and print all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from .._typing import PathLike
from ..engines.grid import cell_result, run_cell
from ..networks.complexity import count_layers, count_parameters, images_per_second
from ..networks.factory import segmentation_network
from .paper_comparisons import case_values, comparison_table
from .paper_tables import cell_command, paper_table

__all__ = ["TableRun", "print_tables"]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class TableRun:
    """Which cells to run, on what, with which options.

    Attributes
    ----------
    results : Path
        A folder a cell.
    data : Path or None
        Manifest; without it nothing is run.
    split_file : Path or None
    cells : sequence of str or None
        Ids to run; empty: all whose data set the manifest stands for (CBIS-DDSM); None: none.
    options : mapping
        Keys for every run.
    repeats : int
        Runs a cell, with the seeds 0, 1, ...
    """

    results: Path
    data: Path | None = None
    split_file: Path | None = None
    cells: Sequence[str] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    repeats: int = 1

    def folders(self, cell: str) -> list[Path]:
        """A folder a run: ``CELL``, ``CELL_seed1``, ... as far as they were asked for or exist."""
        first = self.results / cell
        others = {self.results / f"{cell}_seed{seed}" for seed in range(1, self.repeats)}
        return [first, *sorted(others | set(self.results.glob(f"{cell}_seed[0-9]*")))]


def print_tables(paper: str, *, root: PathLike, run: TableRun) -> str:
    """Return all tables of a paper as Markdown, after running the cells that were asked for.

    Parameters
    ----------
    paper : str
        Name of a file in ``configs/tables``.
    root : path
        The project's root.
    run : TableRun

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If an asked-for cell does not exist, or there is no manifest to run it on.
    """
    spec = json.loads(Path(root, "configs", "tables", f"{paper}.json").read_text(encoding="utf-8"))
    _run_cells(spec, root=Path(root), run=run)
    parts = [f"# {paper}: the paper's tables beside ours", ""]
    for table in spec["tables"]:
        parts.append(
            paper_table(
                table,
                columns=spec["columns"],
                result=_complexity if table["dataset"] is None else partial(_read, run=run),
                command=partial(cell_command, bundle=spec["bundle"], dataset=table["dataset"]),
            )
        )
        if table["dataset"] is not None:
            cases = {row["id"]: case_values(run.folders(row["id"])) for row in table["rows"]}
            parts.append(
                comparison_table(table["rows"], cases, reference=table.get("reference", table["rows"][-1]["id"]))
            )
    options = ", ".join(f"{key} {value}" for key, value in run.options.items())
    notes = [f"runs of this command use {options} where the paper has its own"] if options else []
    parts += ["## Why these are not the same experiments", "", *(f"- {r}" for r in [*spec["reasons"], *notes]), ""]
    return "\n".join(parts)


def _run_cells(spec: Mapping[str, Any], *, root: Path, run: TableRun) -> None:
    if run.cells is None:
        return
    if run.data is None:
        msg = "--run needs --data, the manifest to run on"
        raise ValueError(msg)
    rows = {row["id"]: row for table in spec["tables"] if table["dataset"] == "cbis_ddsm" for row in table["rows"]}
    unknown = [cell for cell in run.cells if cell not in rows]
    if unknown:
        msg = f"no cell {unknown[0]!r} that a manifest can run; there are {', '.join(rows)}"
        raise ValueError(msg)
    data: dict[str, Any] = {"dataset": "manifest", "dataset_dir": str(run.data)}
    if run.split_file is not None:
        data["split_file"] = str(run.split_file)
    for cell in run.cells or rows:
        for seed, folder in enumerate(run.folders(cell)[: run.repeats]):
            overrides = {**data, **rows[cell]["set"], **run.options, **({"seed": seed} if seed else {})}
            run_cell(root / "bundles" / spec["bundle"], folder=folder, overrides=overrides)


def _read(row: Row, *, run: TableRun) -> dict[str, tuple[float, int | None, str]] | None:
    """Mean over a cell's finished runs, n, and the spread over them."""
    finished = [metrics["overall"] for metrics in map(cell_result, run.folders(row["id"])) if metrics is not None]
    if not finished:
        return None
    found: dict[str, tuple[float, int | None, str]] = {}
    for name in row["expected"]:
        means = [overall[name]["mean"] for overall in finished]
        spread = f" ± {stdev(means):.3f} ({len(means)} runs)" if len(means) > 1 else ""
        found[name] = (mean(means), finished[0][name]["n"], spread)
    return found


def _complexity(row: Row) -> dict[str, tuple[float, int | None, str]]:
    """Count and time a network at the paper's width on this machine; it always runs."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = segmentation_network(**row["set"]).to(device)
    speed = images_per_second(network, shape=(3, 256, 256), repeats=3)
    return {
        "layers": (count_layers(network), None, ""),
        "million_parameters": (count_parameters(network) / 1e6, None, ""),
        "images_per_second": (speed, None, ""),
    }

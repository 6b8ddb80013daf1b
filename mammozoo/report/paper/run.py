# SPDX-License-Identifier: Apache-2.0
"""Which cells of a paper's tables to run, on what, with which options; and the frame of what is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..._typing import PathLike
from ...engines.experiments.grid import run_cell

Row = Mapping[str, Any]


@dataclass(frozen=True)
class TableRun:
    """Which cells to run, on what, with which options."""

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


def run_cells(
    cells: Mapping[str, Mapping[str, Any]],
    *,
    bundle: PathLike,
    run: TableRun,
    runner: Callable[..., object] = run_cell,
) -> None:
    """Train and evaluate the asked-for cells, each with the keys it sets; finished ones are kept."""
    if run.cells is None:
        return
    if run.data is None:
        msg = "--run needs --data, the manifest to run on"
        raise ValueError(msg)
    unknown = [cell for cell in run.cells if cell not in cells]
    if unknown:
        msg = f"no cell {unknown[0]!r} that a manifest can run; there are {', '.join(cells)}"
        raise ValueError(msg)
    data: dict[str, Any] = {"dataset": "manifest", "dataset_dir": str(run.data)}
    if run.split_file is not None:
        data["split_file"] = str(run.split_file)
    for cell in run.cells or cells:
        for seed, folder in enumerate(run.folders(cell)[: run.repeats]):
            overrides = {**data, **cells[cell], **run.options, **({"seed": seed} if seed else {})}
            with redirect_stdout(sys.stderr):  # the runs' own reports; the tables alone are the output
                runner(bundle, folder=folder, overrides=overrides)


def table_spec(root: PathLike, name: str) -> Row:
    """A paper's tables with their printed values: ``configs/tables/NAME.json`` of the project at `root`."""
    spec: Row = json.loads(Path(root, "configs", "tables", f"{name}.json").read_text(encoding="utf-8"))
    return spec


def paper_page(title: str, lead: str, sections: Mapping[str, str], *, reasons: Sequence[str], run: TableRun) -> str:
    """Put tables together as Markdown, those that are not empty; last, why the experiments are not the paper's."""
    options = ", ".join(f"{key} {value}" for key, value in run.options.items())
    notes = [f"runs of this command use {options} where the paper has its own"] if options else []
    why = "\n".join(f"- {reason}" for reason in [*reasons, *notes])
    found = {**sections, "Why these are not the same experiments": why}
    parts = [f"# {title}", lead, *(f"## {name}\n\n{text}" for name, text in found.items() if text)]
    return "\n\n".join(filter(None, parts)) + "\n"

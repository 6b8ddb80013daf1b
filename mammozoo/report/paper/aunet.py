# SPDX-License-Identifier: Apache-2.0
"""AUNet's tables: run what the data at hand allow, and print all seven.

References
----------
Sun et al., Phys Med Biol 65 055005, 2020, doi:10.1088/1361-6560/ab5745, Tables 1-7.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from ..._typing import PathLike
from ...engines.experiments.grid import cell_result
from ...networks.complexity import count_layers, count_parameters, images_per_second
from ...networks.create import create_network
from .comparisons import case_values, comparison_table
from .run import TableRun, run_cells
from .tables import cell_command, paper_table

__all__ = ["print_aunet_tables"]

Row = Mapping[str, Any]


def print_aunet_tables(*, root: PathLike, run: TableRun) -> str:
    """Return Tables 1-7 as Markdown, after running the cells that were asked for.

    Parameters
    ----------
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
    spec = json.loads(Path(root, "configs", "tables", "aunet.json").read_text(encoding="utf-8"))
    rows = [row for table in spec["tables"] if table["dataset"] == "cbis_ddsm" for row in table["rows"]]
    run_cells({row["id"]: row["set"] for row in rows}, bundle=Path(root, "bundles", spec["bundle"]), run=run)
    parts = ["# aunet: the paper's tables beside ours", ""]
    for table in spec["tables"]:
        parts.append(
            paper_table(
                table,
                columns=spec["columns"],
                result=_complexity if table["dataset"] is None else partial(_read, run=run),
                command=partial(cell_command, bundle=spec["bundle"], dataset=table["dataset"]),
            )
        )
        if table["dataset"] is None:
            threads = torch.get_num_threads()
            parts.append(f"Timed on {_device()}: one image at a time, float32, {threads} CPU threads.\n")
        else:
            cases = {row["id"]: case_values(run.folders(row["id"])) for row in table["rows"]}
            parts.append(
                comparison_table(table["rows"], cases, reference=table.get("reference", table["rows"][-1]["id"]))
            )
    options = ", ".join(f"{key} {value}" for key, value in run.options.items())
    notes = [f"runs of this command use {options} where the paper has its own"] if options else []
    parts += ["## Why these are not the same experiments", "", *(f"- {r}" for r in [*spec["reasons"], *notes]), ""]
    return "\n".join(parts)


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


def _device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"this CPU ({platform.machine()})"


def _complexity(row: Row) -> dict[str, tuple[float, int | None, str]]:
    """Count and time a network at the paper's width on this machine; it always runs."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    options = dict(row["set"])
    network = create_network(options.pop("architecture", "aunet"), **options).to(device)
    speed = images_per_second(network, shape=(3, 256, 256), repeats=3)
    return {
        "layers": (count_layers(network), None, ""),
        "million_parameters": (count_parameters(network) / 1e6, None, ""),
        "images_per_second": (speed, None, ""),
    }

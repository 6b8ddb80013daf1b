# SPDX-License-Identifier: Apache-2.0
"""AUNet's tables: run what the data at hand allow, and print all seven.

References
----------
Sun et al., Phys Med Biol 65 055005, 2020, doi:10.1088/1361-6560/ab5745, Tables 1-7.
"""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from ..._typing import PathLike
from ...engines.experiments.grid import cell_result
from ...networks.complexity import count_layers, count_parameters, images_per_second
from ...networks.create import create_network
from ..tables import markdown_table
from .comparisons import case_values, comparison_table
from .run import Row, TableRun, paper_page, run_cells, table_spec

Ours = Mapping[str, tuple[float, int | None, str]]  # a metric to its value, n, and the spread over runs as text


def print_aunet_tables(*, root: PathLike, run: TableRun) -> str:
    """Return Tables 1-7 as Markdown, after running the cells that were asked for."""
    spec = table_spec(root, "aunet")
    rows = [row for table in spec["tables"] if table["dataset"] == "cbis_ddsm" for row in table["rows"]]
    run_cells({row["id"]: row["set"] for row in rows}, bundle=Path(root, "bundles", spec["bundle"]), run=run)
    sections = {f"Table {table['number']}. {table['title']}": _section(table, spec, run) for table in spec["tables"]}
    return paper_page("aunet: the paper's tables beside ours", "", sections, reasons=spec["reasons"], run=run)


def _section(table: Row, spec: Row, run: TableRun) -> str:
    """One table, the commands of the rows that were not run, and the networks against each other."""
    found = {row["id"]: _complexity(row) if table["dataset"] is None else _read(row, run=run) for row in table["rows"]}
    parts = [_table(table, found, columns=spec["columns"])]
    commands = [f"- {row['name']}: `{_command(row, bundle=spec['bundle'], dataset=table['dataset'])}`"
                for row in table["rows"] if found[row["id"]] is None]  # fmt: skip
    if commands:
        parts += ["Not run; the commands:", "\n".join(commands)]
    if table["dataset"] is None:
        threads = torch.get_num_threads()
        parts.append(f"Timed on {_device()}: one image at a time, float32, {threads} CPU threads.")
    else:
        cases = {row["id"]: case_values(run.folders(row["id"])) for row in table["rows"]}
        reference = table.get("reference", table["rows"][-1]["id"])
        parts.append(comparison_table(table["rows"], cases, reference=reference))
    return "\n\n".join(filter(None, parts))


def _table(table: Row, found: Mapping[str, Ours | None], *, columns: Mapping[str, str]) -> str:
    """Ours beside the paper's; a row that was not run says so."""
    body = []
    for row in table["rows"]:
        ours = found[row["id"]] or {}
        for metric, expected in row["expected"].items():
            value, n, spread = ours.get(metric, (None, None, ""))
            whole = isinstance(expected, int)
            digits = 0 if whole else 3 if abs(expected) < 10 else 1
            finer = digits if value is None or float(value).is_integer() or abs(value) >= 10 else max(digits, 2)
            shown = "not run" if value is None else f"{value:.{finer}f}{spread}"
            gap = "-" if value is None else f"{value - expected:+.{finer}f}"
            counts = ["-" if n is None else str(n), str(table.get("n", "-"))]
            body.append([row["name"], columns[metric], shown, f"{expected:.{digits}f}", gap, *counts])
    return markdown_table(["Model", "Metric", "Ours", "Paper", "Difference", "n (ours)", "n (paper)"], body)


def _command(row: Row, *, bundle: str, dataset: str) -> str:
    """The command that runs one row of a table."""
    parts = ["python", "-m", "monai.bundle", "run", "training", "--config_file", f"bundles/{bundle}/configs/train.json"]
    parts += ["--dataset", dataset, "--dataset_dir", "DIR"]
    return shlex.join([*parts, *(text for key, value in row["set"].items() for text in (f"--{key}", str(value)))])


def _read(row: Row, *, run: TableRun) -> Ours | None:
    """Mean over a cell's finished runs, n, and the spread over them; None without a run."""
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


def _complexity(row: Row) -> dict[str, Any]:
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

# SPDX-License-Identifier: Apache-2.0
"""The abnormal-focused U-Net's tables, and whether mixing lesion patches in helped.

References
----------
Huang et al., Cureus 18(3) e105360, 2026, doi:10.7759/cureus.105360, Tables 1-3.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..._typing import PathLike
from ...engines.experiments.grid import cell_result
from ..tables import markdown_table
from .comparisons import case_values, comparison_table
from .run import TableRun, run_cells

__all__ = ["print_abnormal_unet_tables"]

Row = Mapping[str, Any]


def print_abnormal_unet_tables(*, root: PathLike, run: TableRun) -> str:
    """Return Tables 1-3, the printed tests and the paired comparisons as Markdown, after running what was asked for.

    Parameters
    ----------
    root : path
        The project's root.
    run : TableRun
        A cell is ``paper``, ``no_patches_mixed_in`` (the hybrid share set to 0) or ``best``.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If an asked-for cell does not exist, or there is no manifest to run it on.
    """
    spec = json.loads(Path(root, "configs", "tables", "abnormal_unet.json").read_text(encoding="utf-8"))
    run_cells(spec["cells"], bundle=Path(root, "bundles", spec["bundle"]), run=run)
    results = {cell: cell_result(run.results / cell) for cell in spec["cells"]}
    parts = ["# abnormal_unet: the paper's tables beside ours", ""]
    for table in spec["tables"]:
        parts += [f"## {table['title']}", "", _table(table, results, n=spec["n"]), ""]
    cases = {cell: case_values(run.folders(cell)) for cell in spec["cells"]}
    compared = comparison_table(
        [{"id": cell, "name": cell} for cell in spec["cells"]], cases, reference=spec["reference"]
    )
    parts += ["## Recipes against each other", "", compared or "Fewer than two recipes were run.", ""]
    missing = [cell for cell, metrics in results.items() if metrics is None]
    if missing:
        command = f"mammozoo tables abnormal_unet --results {run.results} --data MANIFEST --run {' '.join(missing)}"
        parts += [f"Not run: {', '.join(missing)}; the command: `{command}`", ""]
    options = ", ".join(f"{key} {value}" for key, value in run.options.items())
    notes = [f"runs of this command use {options} where the paper has its own"] if options else []
    parts += ["## Why these are not the same experiments", "", *(f"- {r}" for r in [*spec["reasons"], *notes]), ""]
    return "\n".join(parts)


def _table(table: Row, results: Mapping[str, dict[str, Any] | None], *, n: int) -> str:
    body = []
    for row in table["rows"]:
        for cell, metrics in results.items():
            paper_n = str(row.get("paper_n", n))
            if metrics is None:
                if cell == "paper":
                    body.append([row["name"], cell, "not run", "-", f"{row['paper']:.3f}", "-", "-", paper_n])
                continue
            ours = _at(metrics, row["at"])
            interval = _at(metrics, row["interval"]) if "interval" in row else None
            body.append([
                row["name"], cell, _number(ours),
                " to ".join(map(_number, interval)) if interval else "-",
                f"{row['paper']:.3f}", f"{ours - row['paper']:+.3f}" if _known(ours) else "-",
                str(_at(metrics, row["n"])), paper_n,
            ])  # fmt: skip
    header = ["Figure", "Recipe", "Ours", "95 % CI", "Paper", "Difference", "n (ours)", "n (paper)"]
    return markdown_table(header, body)


def _at(metrics: Row, path: str) -> Any:
    """Value at ``a/b/c``; None where the run has no such part (an empty size bin)."""
    found: Any = metrics
    for key in path.split("/"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _number(value: float | None) -> str:
    return f"{value:.3f}" if value is not None and math.isfinite(value) else "-"

# SPDX-License-Identifier: Apache-2.0
"""The abnormal-focused U-Net's tables, and whether mixing lesion patches in helped.

References
----------
Huang et al., Cureus 18(3) e105360, 2026, doi:10.7759/cureus.105360, Tables 1-3.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..._typing import PathLike
from ...engines.experiments.grid import cell_result
from ..tables import markdown_table
from ..text import number, signed, span
from .comparisons import case_values, comparison_table
from .run import Row, TableRun, paper_page, run_cells, table_spec


def print_abnormal_unet_tables(*, root: PathLike, run: TableRun) -> str:
    """Return Tables 1-3, the printed tests and the paired comparisons as Markdown, after running what was asked for."""
    spec = table_spec(root, "abnormal_unet")
    run_cells(spec["cells"], bundle=Path(root, "bundles", spec["bundle"]), run=run)
    results = {cell: cell_result(run.results / cell) for cell in spec["cells"]}
    sections = {table["title"]: _table(table, results, n=spec["n"]) for table in spec["tables"]}
    cases = {cell: case_values(run.folders(cell)) for cell in spec["cells"]}
    names = [{"id": cell, "name": cell} for cell in spec["cells"]]
    compared = comparison_table(names, cases, reference=spec["reference"]) or "Fewer than two cells were run."
    missing = [cell for cell, metrics in results.items() if metrics is None]
    if missing:
        command = f"mammozoo tables abnormal_unet --results {run.results} --data MANIFEST --run {' '.join(missing)}"
        compared += f"\n\nNot run: {', '.join(missing)}; the command: `{command}`"
    sections["With and without lesion patches"] = compared
    title = "abnormal_unet: the paper's tables beside ours"
    return paper_page(title, "", sections, reasons=spec["reasons"], run=run)


def _table(table: Row, results: Mapping[str, dict[str, Any] | None], *, n: int) -> str:
    body = []
    for row in table["rows"]:
        for cell, metrics in results.items():
            paper, paper_n = number(row["paper"]), str(row.get("paper_n", n))
            if metrics is None:
                if cell == "paper":
                    body.append([row["name"], cell, "not run", "-", paper, "-", "-", paper_n])
                continue
            ours = _at(metrics, row["at"])
            interval = span(_at(metrics, row["interval"])) if "interval" in row else "-"
            gap = signed(None if ours is None else ours - row["paper"])
            body.append([row["name"], cell, number(ours), interval, paper, gap, str(_at(metrics, row["n"])), paper_n])
    header = ["Figure", "Cell", "Ours", "95 % CI", "Paper", "Difference", "n (ours)", "n (paper)"]
    return markdown_table(header, body)


def _at(metrics: Row, path: str) -> Any:
    """Value at ``a/b/c``; None where the run has no such part (an empty size bin)."""
    found: Any = metrics
    for key in path.split("/"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found

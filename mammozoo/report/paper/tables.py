# SPDX-License-Identifier: Apache-2.0
"""A paper's tables beside ours: value, difference, n, and why the experiments are not the same."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from ..tables import markdown_table

__all__ = ["cell_command", "paper_table"]

Row = Mapping[str, Any]


def cell_command(row: Row, *, bundle: str, dataset: str) -> str:
    """Command that runs one row of a table.

    Parameters
    ----------
    row : mapping
        With ``set``, the keys to change.
    bundle : str
        Bundle name.
    dataset : str
        Name of the data set's adapter.

    Examples
    --------
    >>> cell_command({"set": {"reduction": 2}}, bundle="b", dataset="inbreast").split(" --")[2:]
    ['dataset inbreast', 'dataset_dir DIR', 'reduction 2']
    """
    parts = ["python", "-m", "monai.bundle", "run", "training", "--config_file", f"bundles/{bundle}/configs/train.json"]
    parts += ["--dataset", dataset, "--dataset_dir", "DIR"]
    for key, value in row["set"].items():
        parts += [f"--{key}", str(value)]
    return shlex.join(parts)


def paper_table(
    spec: Row,
    *,
    columns: Mapping[str, str],
    result: Callable[[Row], Mapping[str, tuple[float, int | None, str]] | None],
    command: Callable[[Row], str],
) -> str:
    """Lay one table out as ours / paper / difference / n.

    Parameters
    ----------
    spec : mapping
        ``number, title, rows`` (each with ``name, expected``) and perhaps ``n`` of the paper.
    columns : mapping of str to str
        Metric to its printed name.
    result : callable
        Our values of a row: metric to (value, n, spread over runs as text); None when it was not run.
    command : callable
        The command that would run a row.

    Returns
    -------
    str
        Markdown; a row that was not run says "not run", its command stands below.
    """
    body, commands = [], []
    for row in spec["rows"]:
        ours = result(row)
        if ours is None:
            commands.append(f"- {row['name']}: `{command(row)}`")
        for metric, expected in row["expected"].items():
            value, n, spread = ours[metric] if ours and metric in ours else (None, None, "")
            digits = (
                3 if abs(expected) < 10 and not isinstance(expected, int) else 1 if isinstance(expected, float) else 0
            )
            finer = digits if value is None or float(value).is_integer() or abs(value) >= 10 else max(digits, 2)
            body.append(
                [
                    row["name"],
                    columns[metric],
                    "not run" if value is None else f"{value:.{finer}f}{spread}",
                    f"{expected:.{digits}f}",
                    "-" if value is None else f"{value - expected:+.{finer}f}",
                    "-" if n is None else str(n),
                    str(spec.get("n", "-")),
                ]
            )
    header = ["Model", "Metric", "Ours", "Paper", "Difference", "n (ours)", "n (paper)"]
    lines = [f"## Table {spec['number']}. {spec['title']}", "", markdown_table(header, body)]
    if commands:
        lines += ["", "Not run; the commands:", "", *commands]
    return "\n".join([*lines, ""])

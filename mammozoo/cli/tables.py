# SPDX-License-Identifier: Apache-2.0
"""``mammozoo tables``: a paper's tables beside ours."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

#: Each has a module of `mammozoo.report.paper` and in it a function that prints its tables (root, run) -> Markdown.
_PAPERS = ("abnormal_unet", "aunet", "cem", "two_stage")


def tables_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("paper", choices=_PAPERS, help="whose tables")
    parser.add_argument("--results", type=Path, default=Path("runs"), help="a folder a cell; finished cells are read")
    parser.add_argument("--data", type=Path, help="manifest CSV on which to run the cells of --run")
    parser.add_argument("--split-file", type=Path, help="fixed patient split of that data")
    parser.add_argument("--run", nargs="*", metavar="CELL", help="run these cells (none named: all that --data allows)")
    parser.add_argument("--repeats", type=int, default=1, help="runs a cell, seeds 0, 1, ... (default: 1)")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="keys for every run, as width=8")
    parser.add_argument("--root", type=Path, default=Path(), help="the project's root (default: here)")


def tables(args: argparse.Namespace) -> int:
    """Run the asked-for cells and print the tables."""
    from ..report.paper.run import TableRun

    run = TableRun(
        results=args.results,
        data=args.data,
        split_file=args.split_file,
        cells=args.run,
        options={key: parse_value(text) for key, _, text in (item.partition("=") for item in args.set)},
        repeats=args.repeats,
    )
    module = import_module(f"mammozoo.report.paper.{args.paper}")
    printer: Callable[..., str] = getattr(module, f"print_{args.paper}_tables")
    print(printer(root=args.root, run=run))
    return 0


def parse_value(text: str) -> object:
    """Read the VALUE of a KEY=VALUE option: JSON, a Python constant, or else text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return {"True": True, "False": False, "None": None}.get(text, text)

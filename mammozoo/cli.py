# SPDX-License-Identifier: Apache-2.0
"""The command line: ``mammozoo COMMAND``. Every command imports what it needs when it runs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["main"]

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status (0 well, 1 a finding or failure, 2 wrong usage)."""
    args = _parser().parse_args(argv)
    command: Command = args.command
    try:
        return command(args)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except Exception as error:
        if not _is_expected(error):
            raise
        print(f"mammozoo: {error}", file=sys.stderr)
        return 1


def _is_expected(error: Exception) -> bool:
    """Errors that are the user's to mend come without a traceback."""
    from .io.errors import MammogramError

    return isinstance(error, MammogramError | ValueError | FileNotFoundError | NotADirectoryError | PermissionError)


class _Entry(NamedTuple):
    """One command: how it is asked for and what it does."""

    name: str
    options: Callable[[argparse.ArgumentParser], None]
    command: Command
    summary: str
    example: str


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mammozoo", description="Tools of the MammoZoo bundles. Research use only, not for diagnosis."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for entry in _entries():
        sub = commands.add_parser(
            entry.name,
            help=entry.summary,
            description=entry.summary,
            epilog=f"example:\n  mammozoo {entry.name} {entry.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        entry.options(sub)
        sub.set_defaults(command=entry.command)
    return parser


def _entries() -> list[_Entry]:
    return [
        _Entry("phantom", _phantom_options, _phantom, "write synthetic exams with known truth", "--out D --patients 4"),
        _Entry("inspect", _inspect_options, _inspect, "say what the reader understands of files", "*.dcm --json"),
        _Entry("mask", _mask_options, _mask, "write breast masks and overlays", "STUDY OUT --pectoral"),
        _Entry("index", _index_options, _index, "say what a data set holds and what is odd", "cbis_ddsm DIR"),
        _Entry("audit", _audit_options, _audit, "look for leaks between a split's parts", "manifest data.csv --fold 0"),
        _Entry("tables", _tables_options, _tables, "print a paper's tables beside ours", "aunet --results runs"),
        _Entry("compose", _compose_options, _compose, "write the bundles' configurations from recipes", "--check"),
    ]


def _data_options(parser: argparse.ArgumentParser) -> None:
    names = ("manifest", "phantom", "cbis_ddsm", "inbreast", "dmid", "cdd_cesm", "mias")
    parser.add_argument("dataset", choices=names, help="kind of data set; manifest is a CSV of your own")
    parser.add_argument("root", type=Path, help="its folder, or the CSV file")


def _phantom_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder to write; a complete one is kept")
    parser.add_argument("--patients", type=int, default=24, help="four views each (default: 24)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, nargs=2, default=(1024, 832), metavar=("ROWS", "COLUMNS"))
    parser.add_argument("--modality", choices=("mammography", "cem"), default="mammography")


def _phantom(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from .data.phantom import write_phantom

    with tqdm(total=args.patients, desc="exams", unit="exam") as bar:
        folder = write_phantom(
            args.out,
            patients=args.patients,
            seed=args.seed,
            size=tuple(args.size),
            modality=args.modality,
            progress=bar.update,
        )
    print(f"{folder}/manifest.csv")
    return 0


def _inspect_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")


def _inspect(args: argparse.Namespace) -> int:
    from .io.inspect import inspect_file, inspect_table

    rows = [inspect_file(path) for path in args.files]
    print(json.dumps(rows, indent=2) if args.json else inspect_table(rows))
    return int(any(row.get("error") for row in rows))


def _mask_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="folder, file, zip or manifest")
    parser.add_argument("out", type=Path, help="folder to write: a folder an image, and summary.json")
    parser.add_argument("--method", choices=("line", "libra"), default="line", help="default: line")
    parser.add_argument("--pectoral", action="store_true", help="remove the pectoral muscle of MLO views")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a file could not be read")


def _mask(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from .report.breast_masks import write_breast_masks

    rows = write_breast_masks(
        args.source,
        args.out,
        method=args.method,
        pectoral=args.pectoral,
        progress=lambda inputs: tqdm(inputs, desc="masks", unit="image"),
    )
    failed = [row for row in rows if row["status"] != "ok"]
    for row in failed:
        print(f"{row['input']}: {row['reason']}", file=sys.stderr)
    flagged = sum(bool(row.get("flags")) for row in rows)
    print(f"{len(rows) - len(failed)} masks ({flagged} flagged), {len(failed)} failed: {args.out / 'summary.json'}")
    return int(args.strict and bool(failed))


def _index_options(parser: argparse.ArgumentParser) -> None:
    _data_options(parser)
    parser.add_argument("--check-pixels", action="store_true", help="open every file; broken ones are listed")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="write the datalist JSON here")


def _index(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from .data.datalist import load_records
    from .data.datalist_json import write_datalist
    from .data.index import index_report

    records = load_records(dataset=args.dataset, dataset_dir=args.root)
    with tqdm(total=len(records), unit="image", disable=not args.check_pixels) as bar:
        report = index_report(
            records,
            check_pixels=args.check_pixels,
            workers=args.workers,
            progress=lambda done, _: bar.update(done - bar.n),
        )
    print(report.text())
    if args.out:
        print(write_datalist(args.out, {"all": records}))
    return 0


def _audit_options(parser: argparse.ArgumentParser) -> None:
    _data_options(parser)
    parser.add_argument("--split-file", type=Path, help="default: drawn from the seed")
    parser.add_argument("--fold", type=int, help="k-th of five; default: 60/20/20")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--task", choices=("segmentation", "detection", "classification"), default="segmentation")
    parser.add_argument("--json", action="store_true", help="the whole report as JSON")


def _audit(args: argparse.Namespace) -> int:
    from .data.datalist import audit_split

    report = audit_split(
        dataset=args.dataset,
        dataset_dir=args.root,
        split_file=args.split_file,
        fold=args.fold,
        seed=args.seed,
        task=args.task,
    )
    print(json.dumps(report.to_dict(), indent=2) if args.json else report.text())
    return int(not report.clean)


def _tables_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paper", choices=("aunet",), help="whose tables")
    parser.add_argument("--results", type=Path, default=Path("runs"), help="a folder a cell; finished cells are read")
    parser.add_argument("--data", type=Path, help="manifest CSV on which to run the cells of --run")
    parser.add_argument("--split-file", type=Path, help="fixed patient split of that data")
    parser.add_argument("--run", nargs="*", metavar="CELL", help="run these cells (none named: all that --data allows)")
    parser.add_argument("--repeats", type=int, default=1, help="runs a cell, seeds 0, 1, ... (default: 1)")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="keys for every run, as width=8")
    parser.add_argument("--root", type=Path, default=Path(), help="the project's root (default: here)")


def _tables(args: argparse.Namespace) -> int:
    from .report.paper import TableRun, print_tables

    options = {key: _value(text) for key, _, text in (item.partition("=") for item in args.set)}
    run = TableRun(
        results=args.results,
        data=args.data,
        split_file=args.split_file,
        cells=args.run,
        options=options,
        repeats=args.repeats,
    )
    print(print_tables(args.paper, root=args.root, run=run))
    return 0


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _compose_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file differs")
    parser.add_argument("--root", type=Path, default=Path(), help="the project's root (default: here)")


def _compose(args: argparse.Namespace) -> int:
    from .bundle.compose import drift, find_bundles

    if not find_bundles(args.root):
        msg = f"no bundles/*/recipe.json under {args.root.resolve()}: run it in the project's root or give --root"
        raise FileNotFoundError(msg)
    changed = drift(args.root, write=not args.check)
    for file in changed:
        print(f"{'differs from its recipe' if args.check else 'written'}: {file}")
    return int(args.check and bool(changed))

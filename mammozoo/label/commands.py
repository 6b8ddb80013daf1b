# SPDX-License-Identifier: Apache-2.0
"""``mammozoo label setup | start | export``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def label_options(parser: argparse.ArgumentParser) -> None:
    """Add the three sub-commands and their options."""
    commands = parser.add_subparsers(required=True, metavar="setup|start|export", dest="action")
    setup = commands.add_parser("setup", help="make MONAI Label's own environment (about five minutes, 4 GB)")
    _env_option(setup)
    setup.add_argument("--tests", action="store_true", help="also what `make label-test` needs")
    start = commands.add_parser("start", help="serve the annotator's page on 127.0.0.1")
    _env_option(start)
    _studies_options(start)
    start.add_argument("--bundles", required=True, metavar="A,B", help="names of the bundles")
    start.add_argument("--bundle-dir", type=Path, default=Path("bundles"), help="folder that holds them")
    start.add_argument("--port", type=int, default=8000)
    start.add_argument("--no-login", action="store_true", help="let everybody in who has an account on this machine")
    start.add_argument("--weights", action="append", default=[], metavar="BUNDLE=PATH", help="weights to begin with")
    start.add_argument("--weights-dir", type=Path, help="folder with BUNDLE.pt or BUNDLE/model.pt")
    start.add_argument("--fresh-weights", action="store_true", help="forget what annotation has trained (kept aside)")
    start.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a bundle's key, as width=16")
    export = commands.add_parser("export", help="write a DICOM SEG for every final label that has none")
    _studies_options(export)


def _env_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--env", type=Path, default=Path(".label-env"), help="the environment's folder")


def _studies_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--studies", required=True, metavar="DIR|URL", help="folder with the images, or DICOMweb address"
    )
    parser.add_argument(
        "--workspace", type=Path, help="labels and fine-tuned weights (default: DIR/annotation or annotation-HOST)"
    )


def label_command(args: argparse.Namespace) -> int:
    """Run one of them; return the exit status."""
    actions = {"setup": _setup, "start": _start, "export": _export}
    return actions[args.action](args)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _setup(args: argparse.Namespace) -> int:
    from .environment import set_up

    set_up(args.env, tests=args.tests, say=_say)
    return 0


def _start(args: argparse.Namespace) -> int:
    from .start import choose_bundles, plan_server, run_server

    weights = {name: Path(path) for name, path in _pairs(args.weights, "--weights BUNDLE=PATH")}
    options = {key: _value(text) for key, text in _pairs(args.set, "--set KEY=VALUE")}
    names = [name for name in args.bundles.split(",") if name]
    plan = plan_server(
        args.studies,
        choose_bundles(names, bundle_dir=args.bundle_dir, weights=weights, weights_dir=args.weights_dir),
        port=args.port,
        workspace=args.workspace,
        options=options,
        fresh_weights=args.fresh_weights,
        env=args.env,
        login=not args.no_login,
    )
    _say(f"{plan.images} images to annotate")
    if plan.imported:
        _say(f"{plan.imported} labels read from DICOM segmentations")
    for name, reason in plan.refused:
        _say(f"segmentation not read: {name}: {reason}")
    _say(f"3D Slicer: {plan.slicer_url}")
    _say(f"open {plan.url}\n(ready in about fifteen seconds; stop with Ctrl+C)")
    return run_server(plan)


def _export(args: argparse.Namespace) -> int:
    from .start import default_workspace
    from .store.seg_files import export_segmentations
    from .store.sources import open_source

    workspace = args.workspace or default_workspace(args.studies)
    source = open_source(args.studies, workspace, os.environ)
    written, failed = export_segmentations(source, workspace / "labels")
    for name, reason in failed:
        _say(f"{name}: {reason}")
    _say(f"{len(written)} DICOM segmentations written, {len(failed)} failed")
    return int(bool(failed))


def _pairs(items: Sequence[str], usage: str) -> list[tuple[str, str]]:
    pairs = [item.partition("=") for item in items]
    for key, sign, _ in pairs:
        if not key or not sign:
            msg = f"{key!r} is not a pair: write {usage}"
            raise ValueError(msg)
    return [(key, value) for key, _, value in pairs]


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text

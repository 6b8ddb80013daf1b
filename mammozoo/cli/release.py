# SPDX-License-Identifier: Apache-2.0
"""The commands that make bundles: ``mammozoo compose``, ``check`` and ``package``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

__all__ = ["bundle_folders", "check", "check_options", "compose", "compose_options", "package", "package_options"]


def compose_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``mammozoo compose``."""
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file differs")
    parser.add_argument("--root", type=Path, default=Path(), help="the project's root (default: here)")


def compose(args: argparse.Namespace) -> int:
    """Write the configurations, or with ``--check`` say which differ; then the status is 1."""
    from ..bundle.compose import drift, find_bundles

    if not find_bundles(args.root):
        msg = f"no bundles/*/recipe.json under {args.root.resolve()}: run it in the project's root or give --root"
        raise FileNotFoundError(msg)
    changed = drift(args.root, write=not args.check)
    for file in changed:
        print(f"{'differs from its recipe' if args.check else 'written'}: {file}")
    return int(args.check and bool(changed))


def check_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``mammozoo check``."""
    parser.add_argument("paths", type=Path, nargs="*", help="bundle folders or zips (default: all under bundles/)")
    parser.add_argument("--run", action="store_true", help="also build and run them: only for bundles that you trust")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")


def check(args: argparse.Namespace) -> int:
    """Check bundles; the status is 1 if anything was found."""
    from ..bundle.check.run_check import check_bundle

    reports = [check_bundle(path, run=args.run) for path in args.paths or bundle_folders()]
    if args.json:
        print(json.dumps([report.to_dict() for report in reports], indent=2))
    else:
        print("\n".join(report.text() for report in reports))
    return int(any(not report.clean for report in reports))


def package_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``mammozoo package``."""
    parser.add_argument("bundles", type=Path, nargs="*", help="bundle folders (default: all under bundles/)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the zips and model_info.json")
    parser.add_argument("--url", help="where the zips will be found, for model_info.json")


def package(args: argparse.Namespace) -> int:
    """Pack bundles, after a clean check."""
    from ..bundle.package import package_bundles

    for release in package_bundles(args.bundles or bundle_folders(), out=args.out, url=args.url):
        print(f"{release.path}  sha256 {release.sha256}  weights: {', '.join(release.weights) or 'none'}")
    return 0


def bundle_folders() -> list[Path]:
    """All bundles of the folder in which the command runs."""
    folders = sorted(path for path in Path("bundles").glob("*") if path.is_dir())
    if not folders:
        msg = "no bundles/ here: name the bundles, or run this in the project's root"
        raise FileNotFoundError(msg)
    return folders

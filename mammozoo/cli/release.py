# SPDX-License-Identifier: Apache-2.0
"""The commands that make bundles: ``mammozoo check`` and ``package``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


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


def bundles_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``mammozoo bundles``."""
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")


def bundles(args: argparse.Namespace) -> int:
    """List the bundles that come with the library, the default one first."""
    from ..bundle.inference import own_bundles
    from ..io.config_json import read_json

    rows = []
    for folder in own_bundles():
        metadata = read_json(folder / "configs" / "metadata.json")
        weights = sum(path.stat().st_size for path in (folder / "models").glob("*.safetensors"))
        rows.append({"name": folder.name, "version": metadata["version"], "task": metadata["task"],
                     "weights_mb": round(weights / 1e6, 1), "folder": str(folder)})  # fmt: skip
    if args.json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        print(f"{row['name']:<34} {row['version']:<8} {row['weights_mb']:>6.1f} MB  {row['task']}")
    return 0

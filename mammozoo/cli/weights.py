# SPDX-License-Identifier: Apache-2.0
"""The commands around a bundle's weights: ``mammozoo weights`` and ``mammozoo export``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from .release import bundle_folders


def weights_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``mammozoo weights``."""
    parser.add_argument("bundle", type=Path, nargs="?", help="the bundle's folder (with --restore: all, if none)")
    parser.add_argument("files", type=Path, nargs="*", help="model.pt of a training, of two stages detector.pt too")
    parser.add_argument("--half", action="store_true", help="store as float16: half the size")
    parser.add_argument("--ensemble", action="store_true", help="the files are members: store them as one model")
    parser.add_argument("--restore", action="store_true", help="write a clone's models/*.pt from its safetensors files")


def weights(args: argparse.Namespace) -> int:
    """Put trained weights into a bundle in both forms, hashes recorded; or write a clone's ``.pt`` files."""
    from ..bundle.weights import ZOO_LIMIT, release_weights, restore_weights
    from ..engines.experiments.ensemble import save_ensemble

    if args.restore:
        for bundle in [args.bundle] if args.bundle else bundle_folders():
            for path in restore_weights(bundle):
                print(path)
        return 0
    if args.bundle is None or not args.files:
        msg = "wanted a bundle and its files, as `mammozoo weights bundles/NAME runs/first/model.pt`, or --restore"
        raise ValueError(msg)
    with tempfile.TemporaryDirectory() as place:
        files = [save_ensemble(args.files, place)] if args.ensemble else args.files
        released = release_weights(args.bundle, files, half=args.half)
    for item in released:
        print(f"{item.path}  {item.parameters:,} values, {item.bytes / 1e6:.1f} MB")
        if item.bytes > ZOO_LIMIT:
            print(f"over {ZOO_LIMIT >> 20} MiB: for a zoo list it in large_files.yml, or --half", file=sys.stderr)
    return 0


def export_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``mammozoo export``."""
    parser.add_argument("bundle", help="name in bundles/, or the folder of an unzipped bundle that you trust")
    parser.add_argument("--out", type=Path, required=True, help="model.ts, model.onnx or model.pt2: the form")
    parser.add_argument("--weights", type=Path, help="other weights than the bundle's own")
    parser.add_argument("--network", default="network_def", help="detector_def for a detector (default: network_def)")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="inference.json's keys, as width=16")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")


def export(args: argparse.Namespace) -> int:
    """Write a network in another form, and compare what both forms compute."""
    from ..bundle.export import export_network
    from .tables import parse_value

    options = {key: parse_value(text) for key, _, text in (item.partition("=") for item in args.set)}
    result = export_network(args.bundle, args.out, network_id=args.network, weights=args.weights, options=options)
    if args.json:
        print(json.dumps(result.to_dict(), indent=2))
    else:
        taken = "any number of images" if result.any_batch else "one image at a time"
        print(f"{result.path}  {taken} of {list(result.shape[1:])}, largest difference {result.difference:.1e}")
    return 0

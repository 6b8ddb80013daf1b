# SPDX-License-Identifier: Apache-2.0
"""Train and evaluate the released models; a finished one is only read, a stopped one continues."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from mammozoo.engines.experiments.grid import run_cell
from mammozoo.report.tables import markdown_table

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Train every model, then print what the test parts say."""
    args = _arguments()
    models = json.loads((ROOT / "configs" / "models.json").read_text(encoding="utf-8"))
    models.pop("_desc_")
    unknown = sorted(set(args.models) - set(models))
    if unknown:
        raise SystemExit(f"no model {unknown[0]!r}; there are {', '.join(models)}")
    lines = []
    for name in args.models or models:
        folder = args.out / name
        bundle = ROOT / "bundles" / models[name]["bundle"]
        result = run_cell(bundle, folder=folder, overrides=_overrides(models[name], args))
        lines.append([name, _headline(result), str(result.get("resolution", "")), str(folder)])
    print(markdown_table(["Model", "Headline (test part)", "Scored at", "Run"], lines))


def _overrides(model: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    manifest = (args.data / model["manifest"]).resolve()
    if not manifest.is_file():
        raise SystemExit(f"{manifest} is absent: --data names the folder that holds {model['manifest']}")
    keys = {"dataset": "manifest", "dataset_dir": str(manifest), "split_file": str(ROOT / model["split_file"])}
    if model.get("imagenet") and args.imagenet is not None:
        keys["pretrained_path"] = str(args.imagenet.resolve())
    return {**keys, **model["set"]}


def _headline(result: dict[str, Any]) -> str:
    value = result.get("headline")
    return str(result.get("headline_reason")) if value is None else f"{value:.3f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python scripts/train_models.py --data DIR --models mass aunet"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the manifests named in configs/models.json")
    parser.add_argument("--out", type=Path, default=Path("runs/models"))
    parser.add_argument("--models", nargs="*", default=[], help="default: all of configs/models.json")
    parser.add_argument("--imagenet", type=Path, help="weights of EfficientNet-Lite0 (see the flagship's card)")
    return parser.parse_args()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Train and evaluate the released models; finished ones are only read, a stopped one goes on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from mammozoo.engines.experiments.grid import run_cell
from mammozoo.report.tables import markdown_table

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Train every model for every seed, then print what the test parts say."""
    args = _arguments()
    models = json.loads((ROOT / "configs" / "models.json").read_text(encoding="utf-8"))
    models.pop("_desc_")
    unknown = sorted(set(args.models) - set(models))
    if unknown:
        raise SystemExit(f"no model {unknown[0]!r}; there are {', '.join(models)}")
    size = args.size or ("full" if torch.cuda.is_available() else "small")
    lines = []
    for name in args.models or models:
        for seed in range(args.seeds):
            folder = args.out / size / (f"{name}_seed{seed}" if seed else name)
            result = run_cell(
                ROOT / "bundles" / models[name]["bundle"],
                folder=folder,
                overrides=_overrides(models, name, size=size, seed=seed, args=args),
                run_id=models[name].get("run_id", "training"),
                weights=models[name].get("weights", "model.pt"),
            )
            lines.append([folder.name, _headline(result), str(result.get("resolution", "")), str(folder)])
    print(markdown_table(["Model", "Headline (test part)", "Scored at", "Folder"], lines))


def _overrides(models: dict[str, Any], name: str, *, size: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    model = models[name]
    fixed = {"dataset": "manifest", "dataset_dir": _manifest(args.data, model["manifest"]), "seed": seed}
    fixed["split_file"] = str(ROOT / model["split_file"])
    if model.get("from_imagenet") and args.imagenet is not None:
        fixed["pretrained_path"] = str(args.imagenet.resolve())
    for key, other in model.get("begins_with", {}).items():
        trained = args.out / size / other / models[other].get("weights", "model.pt")
        released = ROOT / "bundles" / models[other]["bundle"] / "models" / "model.safetensors"
        fixed[key] = str((trained if trained.is_file() else released).resolve())
    if "also_trains_on" in model:
        more = f"@datalist(part='train', dataset_dir='{_manifest(args.data, model['also_trains_on'])}')"
        fixed["train#dataset#data"] = f"$@datalist(part='train') + {more}"
    return {**fixed, **model["set"], **model[size]}


def _manifest(folder: Path, name: str) -> str:
    if not (folder / name).is_file():
        raise SystemExit(f"{folder / name} is missing: --data names the folder that holds {name}")
    return str(folder / name)


def _headline(result: dict[str, Any]) -> str:
    value = result.get("headline")
    return str(result.get("headline_reason")) if value is None else f"{value:.3f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python scripts/train_models.py --data DIR --models abnormal_unet",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the manifests named in configs/models.json")
    parser.add_argument("--out", type=Path, default=Path("runs/models"))
    parser.add_argument("--models", nargs="*", default=[], help="default: all of configs/models.json")
    parser.add_argument("--size", choices=("small", "full"), help="default: full with a GPU, else small")
    parser.add_argument("--imagenet", type=Path, help="weights of EfficientNet-Lite0 (see the model cards)")
    parser.add_argument("--seeds", type=int, default=1, help="runs a model, seeds 0, 1, ...")
    return parser.parse_args()


if __name__ == "__main__":
    main()

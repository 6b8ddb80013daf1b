# SPDX-License-Identifier: Apache-2.0
"""The folder in which an annotation server works: its own copies of the bundles, the labels, and its records."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._typing import PathLike
from ...io.weights import file_sha256, released_file, require_recorded_weights
from ...io.write import write_json, write_text

_MAIN = """# SPDX-License-Identifier: Apache-2.0
from mammozoo.label.app import MammographyApp


class App(MammographyApp):
    pass
"""
_ORIGIN = "origin.json"
_COPIED = ("configs", "docs", "LICENSE")
_DETECTOR, _DETECTOR_KEY = "detector.pt", "detector_weights"
# Only the last stage learns from annotations: the stages before it want another data set than a few labels.
_RUN = ["$@train#trainer.run()"]


@dataclass(frozen=True)
class BundleChoice:
    """A bundle to serve."""

    name: str
    source: Path
    weights: Path | None = None


@dataclass(frozen=True)
class Workspace:
    """Places inside the folder."""

    root: Path
    bundles: tuple[str, ...]
    trainable: tuple[str, ...] = ()

    @property
    def app(self) -> Path:
        """Folder that MONAI Label runs."""
        return self.root / "app"

    @property
    def labels(self) -> Path:
        """Folder of the labels."""
        return self.root / "labels"


def prepare_workspace(
    root: PathLike,
    bundles: Sequence[BundleChoice],
    *,
    options: Mapping[str, Any] | None = None,
    fresh_weights: bool = False,
) -> Workspace:
    """Copy the bundles into a workspace, or refresh the copies."""
    root = Path(root)
    options = dict(options or {})
    known: set[str] = set()
    for choice in bundles:
        known |= _copy(choice, root / "app" / "model" / choice.name, options, fresh_weights=fresh_weights)
    unknown = sorted(set(options) - known)
    if unknown:
        msg = f"no bundle has the key {', '.join(map(repr, unknown))} at the top of its configurations"
        raise ValueError(msg)
    write_text(root / "app" / "main.py", _MAIN)
    names = tuple(choice.name for choice in bundles)
    return Workspace(root, names, tuple(name for name in names if _learns(root / "app" / "model" / name)))


def _copy(choice: BundleChoice, target: Path, options: Mapping[str, Any], *, fresh_weights: bool) -> set[str]:
    """Bring one copy up to date; return the keys that its configurations have."""
    _check_kind(choice)
    model, origin = target / "models" / "model.pt", _origin(target)
    keep = model.is_file() and not fresh_weights
    weights = _weights(choice)
    if weights is None and not keep:
        msg = (
            f"{choice.name} has no weights: {choice.source / 'models' / 'model.pt'} is not there. Train them "
            f"(python -m monai.bundle run training --config_file {choice.source}/configs/train.json) or name others "
            f"(--weights {choice.name}=PATH, with --set KEY=VALUE for the keys they were trained with)"
        )
        raise FileNotFoundError(msg)
    if keep and choice.weights is not None and origin.get("weights_sha256") != file_sha256(choice.weights):
        msg = (
            f"the workspace holds weights of {choice.name} that came from others than {choice.weights.name}; leave "
            "--weights out to go on with them, or begin again with --fresh-weights (the present ones are kept aside)"
        )
        raise ValueError(msg)
    if keep:
        options = {**origin.get("options", {}), **options}
    for name in _COPIED:
        _replace(choice.source / name, target / name)
    keys = _edit_configs(target / "configs", options)
    if weights is not None and not keep:
        _set_weights(weights, model)
        if _DETECTOR_KEY in keys:
            _set_detector(released_file(weights.with_name(_DETECTOR)), model.with_name(_DETECTOR), choice.name)
        used = {key: value for key, value in options.items() if key in keys}
        write_json(target / _ORIGIN, {"weights_sha256": file_sha256(weights), "options": used})
    return keys


def _check_kind(choice: BundleChoice) -> None:
    if not (choice.source / "configs" / "inference.json").is_file():
        msg = f"no bundle in {choice.source}: configs/inference.json is not there"
        raise FileNotFoundError(msg)
    metadata = json.loads((choice.source / "configs" / "metadata.json").read_text(encoding="utf-8"))
    kind = metadata["network_data_format"]["outputs"]["pred"].get("format")
    if kind != "segmentation":
        msg = f"{choice.name} gives {kind or 'no masks'}; annotation needs a bundle whose output is a segmentation"
        raise ValueError(msg)


def _weights(choice: BundleChoice) -> Path | None:
    if choice.weights is not None:
        if not choice.weights.is_file():
            msg = f"no weights at {choice.weights}"
            raise FileNotFoundError(msg)
        return choice.weights
    own = released_file(choice.source / "models" / "model.pt")
    if not own.is_file():
        return None
    require_recorded_weights(own)
    return own


def _origin(target: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((target / _ORIGIN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content


def _replace(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _set_weights(source: Path, model: Path) -> None:
    model.parent.mkdir(parents=True, exist_ok=True)
    if model.is_file():
        earlier = model.parent / "earlier"
        earlier.mkdir(exist_ok=True)
        model.rename(earlier / f"model-{file_sha256(model)[:12]}.pt")
    _copy_weights(source, model)


def _copy_weights(source: Path, target: Path) -> None:
    """Copy weights; MONAI Label reads no other form than PyTorch's."""
    if source.suffix != ".safetensors":
        shutil.copyfile(source, target)
        return
    import torch

    from ...networks.transfer import read_state

    torch.save(read_state(source), target)


def _set_detector(source: Path, target: Path, name: str) -> None:
    """A two-stage system has a second file of weights, beside the first."""
    if not source.is_file():
        msg = f"{name} needs its detector's weights too: {source} is not there"
        raise FileNotFoundError(msg)
    _copy_weights(source, target)


def _learns(bundle: Path) -> bool:
    config = bundle / "configs" / "train.json"
    return config.is_file() and "detector_def" not in json.loads(config.read_text(encoding="utf-8"))


def _edit_configs(folder: Path, options: Mapping[str, Any]) -> set[str]:
    """Write the options into a copy's configurations; return all their top-level keys."""
    keys: set[str] = set()
    for name in ("inference.json", "train.json"):
        path = folder / name
        if not path.is_file():
            continue
        config = json.loads(path.read_text(encoding="utf-8"))
        keys |= set(config)
        config.update({key: value for key, value in options.items() if key in config})
        if name == "train.json":
            config |= {"run": _RUN, "run_dir": "@bundle_root", "dataset": "given"}
        write_json(path, config)
    return keys

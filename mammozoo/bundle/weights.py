# SPDX-License-Identifier: Apache-2.0
"""Weights that ship: safetensors as the canonical file, an equal ``.pt``, and both hashes in the metadata."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from monai.bundle import ConfigParser

from .._typing import PathLike
from ..io.config_json import write_config
from ..io.weights import file_sha256, recorded_weights, require_recorded_weights
from ..io.write import write_bytes
from ..networks.transfer import load_state, read_state

__all__ = ["ReleasedWeights", "release_weights", "restore_weights", "same_tensors", "torch_bytes"]

#: The model zoo keeps larger files elsewhere and downloads them (``large_files.yml``).
ZOO_LIMIT = 25 << 20


@dataclass(frozen=True)
class ReleasedWeights:
    """One network's weights in a bundle."""

    path: Path
    parameters: int
    bytes: int


def release_weights(bundle: PathLike, files: Sequence[PathLike], *, half: bool = False) -> list[ReleasedWeights]:
    """Put trained weights into a bundle, in both forms, and record their hashes in its metadata.

    Parameters
    ----------
    bundle : path
        Folder of a bundle of yours: its ``inference.json`` is run as far as building the networks.
    files : sequence of paths
        State dicts, named as they are to be in ``models/``: ``model.pt``, of a two-stage bundle ``detector.pt`` too.
    half : bool
        Store as float16, half the size, but for tensors with a value beyond its range (65,504); the networks compute in
        their own type all the same.

    Returns
    -------
    list of ReleasedWeights

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file holds no state dict, has values that are not finite, or does not fit the network that
        ``inference.json`` builds by default: what ships must run as it ships.

    Notes
    -----
    ``X.safetensors`` is the canonical file and the one that belongs into version control; ``X.pt`` is a plain state
    dict of the same tensors for whatever reads nothing else (``monai.bundle.load``, MONAI Label). The same tensors
    give the same bytes in both.
    """
    bundle = Path(bundle)
    inference = json.loads((bundle / "configs" / "inference.json").read_text(encoding="utf-8"))
    states = {Path(file).stem: _checked(bundle, inference, Path(file), half=half) for file in files}
    metadata_file = bundle / "configs" / "metadata.json"
    metadata = json.loads(metadata_file.read_text(encoding="utf-8"))
    entries: dict[str, dict[str, Any]] = {
        name: entry for name, entry in (metadata.get("weights") or {}).items() if Path(name).stem not in states
    }
    for file in files:
        for path in _write_both(bundle / "models", Path(file).stem, states[Path(file).stem]):
            entries[path.name] = {"sha256": file_sha256(path)}
    metadata["weights"] = dict(sorted(entries.items()))
    write_config(metadata_file, metadata)
    return [_described(bundle / "models" / f"{stem}.safetensors", state) for stem, state in states.items()]


def _checked(bundle: Path, inference: Mapping[str, Any], file: Path, *, half: bool) -> dict[str, torch.Tensor]:
    """Read weights, in their final type and order, and make sure that the bundle's own network takes them."""
    state = {name: tensor.detach().clone().contiguous() for name, tensor in sorted(read_state(file).items())}
    if half:
        state = {name: _halved(tensor) for name, tensor in state.items()}
    broken = [name for name, tensor in state.items() if not torch.isfinite(tensor).all()]
    if broken:
        msg = f"{file}: {len(broken)} tensors have values that are not finite, as {broken[0]}"
        raise ValueError(msg)
    network_id = "network_def" if file.stem == "model" else f"{file.stem}_def"
    if network_id in inference:
        parser = ConfigParser(dict(inference) | {"bundle_root": str(bundle)})
        try:
            load_state(parser.get_parsed_content(network_id), file)
        except ValueError as error:
            msg = f"{file.name} does not fit {network_id} as inference.json builds it; set its keys first: {error}"
            raise ValueError(msg) from error
    return state


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    """As float16, where that holds its values."""
    half = tensor.half() if tensor.is_floating_point() else tensor
    return half if bool(torch.isfinite(half).all()) else tensor


def _write_both(folder: Path, stem: str, state: Mapping[str, torch.Tensor]) -> tuple[Path, Path]:
    canonical = write_bytes(folder / f"{stem}.safetensors", _safetensors_bytes(state))
    return canonical, write_bytes(folder / f"{stem}.pt", torch_bytes(canonical))


def _described(path: Path, state: Mapping[str, torch.Tensor]) -> ReleasedWeights:
    return ReleasedWeights(path, sum(tensor.numel() for tensor in state.values()), path.stat().st_size)


def _safetensors_bytes(state: Mapping[str, torch.Tensor]) -> bytes:
    return bytes(safetensors.torch.save(dict(state)))


def torch_bytes(path: PathLike) -> bytes:
    """Make a PyTorch file of weights: a plain state dict, names sorted."""
    state = read_state(path)
    buffer = io.BytesIO()  # a file's name would be part of the bytes
    torch.save({name: state[name].clone() for name in sorted(state)}, buffer)
    return buffer.getvalue()


def restore_weights(bundle: PathLike) -> list[Path]:
    """Write the ``.pt`` files of a clone from its safetensors files, where they are not there."""
    models = Path(bundle) / "models"
    written = []
    for canonical in sorted(models.glob("*.safetensors")):
        target = canonical.with_suffix(".pt")
        if target.exists() or recorded_weights(canonical) is None or recorded_weights(target) is None:
            continue
        require_recorded_weights(canonical)
        write_bytes(target, torch_bytes(canonical))
        try:
            require_recorded_weights(target)
        except BaseException:
            target.unlink()
            raise
        written.append(target)
    return written


def same_tensors(first: PathLike, second: PathLike) -> bool:
    """Whether two weights files hold the same names, types and values, bit for bit."""
    a, b = read_state(first), read_state(second)
    return a.keys() == b.keys() and all(
        tensor.dtype == b[name].dtype and tensor.shape == b[name].shape and torch.equal(_bits(tensor), _bits(b[name]))
        for name, tensor in a.items()
    )


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes, so that a NaN equals itself."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)

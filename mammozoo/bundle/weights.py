# SPDX-License-Identifier: Apache-2.0
"""Weights that ship: a safetensors copy, and their hashes in the bundle's metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from .._optional import optional_import
from .._typing import PathLike
from ..io.weights_record import file_sha256, preprocessing_fingerprint
from ..io.write import write_bytes, write_text
from ..networks.transfer import read_state

__all__ = ["export_safetensors", "record_weights", "same_tensors"]


def export_safetensors(path: PathLike) -> Path:
    """Write the safetensors copy of a plain state dict beside it.

    Parameters
    ----------
    path : path
        ``models/model.pt``.

    Returns
    -------
    pathlib.Path
        ``models/model.safetensors``. The same tensors give the same bytes.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it holds no state dict.
    ImportError
        If safetensors is not installed (`mammozoo[clinic]`).
    """
    state = {name: tensor.detach().clone().contiguous() for name, tensor in read_state(path).items()}
    save = optional_import("safetensors.torch", extra="clinic").save
    return write_bytes(Path(path).with_suffix(".safetensors"), save(state))


def same_tensors(first: PathLike, second: PathLike) -> bool:
    """Whether two weights files hold the same names, types and values, bit for bit.

    Parameters
    ----------
    first, second : path
        PyTorch or safetensors files.
    """
    a, b = read_state(first), read_state(second)
    return a.keys() == b.keys() and all(
        tensor.dtype == b[name].dtype and tensor.shape == b[name].shape and torch.equal(_bits(tensor), _bits(b[name]))
        for name, tensor in a.items()
    )


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes, so that a NaN equals itself."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)


def record_weights(bundle: PathLike, *, files: tuple[str, ...] = ("model.pt",)) -> dict[str, dict[str, Any]]:
    """Make a trained bundle ready for release: write the safetensors copies and record every hash.

    Parameters
    ----------
    bundle : path
        A folder with ``configs/metadata.json`` and the files in ``models/``.
    files : tuple of str
        The plain state dicts that ship; ``checkpoint.pt`` is a resume state and does not.

    Returns
    -------
    dict
        What ``weights`` in the metadata now is: file name to ``sha256`` and ``preprocessing``.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing or holds no state dict.

    Notes
    -----
    ``preprocessing`` is the fingerprint of ``inference.json``; weights that are later run with another one are
    reported.
    """
    bundle = Path(bundle)
    inference = json.loads((bundle / "configs" / "inference.json").read_text(encoding="utf-8"))
    fingerprint = preprocessing_fingerprint(inference)
    entries: dict[str, dict[str, Any]] = {}
    for name in files:
        source = bundle / "models" / name
        for path in (source, export_safetensors(source)):
            entries[path.name] = {"sha256": file_sha256(path), "preprocessing": fingerprint}
    file = bundle / "configs" / "metadata.json"
    metadata = json.loads(file.read_text(encoding="utf-8"))
    metadata["weights"] = dict(sorted(entries.items()))
    write_text(file, json.dumps(metadata, indent=4, ensure_ascii=False) + "\n")
    return entries

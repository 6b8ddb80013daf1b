# SPDX-License-Identifier: Apache-2.0
"""What a bundle's metadata say of its weights: their SHA-256."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from .._typing import PathLike
from .errors import MammogramError


@dataclass(frozen=True)
class WeightsRecord:
    """One entry of ``weights`` in a bundle's ``metadata.json``."""

    file: str
    sha256: str


def file_sha256(path: PathLike) -> str:
    """Hash a file without holding it in memory."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def recorded_weights(path: PathLike) -> WeightsRecord | None:
    """Find what the metadata of the bundle around a weights file say of it."""
    path = Path(path)
    metadata = path.resolve().parent.parent / "configs" / "metadata.json"
    try:
        entry = json.loads(metadata.read_text(encoding="utf-8"))["weights"][path.name]
        return WeightsRecord(file=path.name, sha256=str(entry["sha256"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def released_file(path: PathLike) -> Path:
    """Find the file that serves in place of weights that are not there."""
    path = Path(path)
    copy = path.with_suffix(".safetensors")
    return copy if copy.is_file() and not path.is_file() else path


def weights_fault(path: PathLike) -> str | None:
    """Say how a weights file differs from what its bundle's metadata record."""
    record = recorded_weights(path)
    if record is None:
        return None
    found = file_sha256(path)
    if found == record.sha256.lower():
        return None
    return (
        f"{Path(path).name} is not the file that metadata.json records: its SHA-256 begins with {found[:12]}, "
        f"recorded is {record.sha256[:12]}; it is damaged or was replaced"
    )


def require_recorded_weights(path: PathLike) -> None:
    """Stop unless a weights file is the one that its bundle's metadata record."""
    fault = weights_fault(path)
    if fault is not None:
        raise MammogramError(
            f"{fault}. To run it all the same, name it: --weights {path}. To get the recorded file back, move this one "
            "elsewhere and run `mammozoo weights --restore` (in a clone) or download the bundle again"
        )

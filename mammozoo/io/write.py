# SPDX-License-Identifier: Apache-2.0
"""Atomic writers of result files, and names that are safe as folder names."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import hmac
import io
import json
import math
import os
import re
import secrets
from collections.abc import Container, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from .._typing import Array, PathLike

MAX_ID_LENGTH = 150  # file systems allow 255 bytes a name; temporary and collision suffixes need room
# A suffix begins with a letter: the last number of a UID used as a file name ("1.2.840.5") is none.
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")


def safe_id(relative: PathLike, *, taken: Container[str] = (), keep_suffix: bool = False) -> str:
    """Name an image by its relative path in characters that every file system takes; none of `taken` (lower case)."""
    text = os.fspath(relative)
    name = "__".join(part for part in re.split(r"[\\/]+", text) if part not in ("", "."))
    if not keep_suffix:
        name = _SUFFIX.sub("", name) or name
    name = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    if not name.strip("."):
        name = "_"
    digest = path_digest(text)
    plain = name[:MAX_ID_LENGTH]
    candidates = [f"{plain}-{digest[:length]}" for length in (8, 16, 64)]
    if len(name) <= MAX_ID_LENGTH:
        candidates.insert(0, plain)
    return next((item for item in candidates if item.lower() not in taken), candidates[-1])


def path_digest(relative: PathLike) -> str:
    """SHA-256 of a relative path with ``/`` as separator: the part of an id that tells colliding names apart."""
    return hashlib.sha256(PurePath(relative).as_posix().encode("utf-8", "surrogateescape")).hexdigest()


def write_bytes(path: PathLike, data: bytes) -> Path:
    """Write a file so that a reader sees the old content or the new one, never a part of it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def write_text(path: PathLike, text: str) -> Path:
    """Write a text file atomically as UTF-8 with line feeds as line ends."""
    return write_bytes(path, text.encode("utf-8"))


def write_png(path: PathLike, image: Array) -> Path:
    """Write a grey (H, W) or RGB (H, W, 3) image of uint8 or uint16 atomically; ValueError for others."""
    import cv2

    if image.dtype not in (np.uint8, np.uint16):
        msg = f"a PNG takes uint8 or uint16, got {image.dtype}; convert (and scale) the image first"
        raise ValueError(msg)
    if not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)) or image.size == 0:
        msg = f"a PNG takes (H, W) or (H, W, 3) with no empty axis, got {image.shape}"
        raise ValueError(msg)
    pixels = np.ascontiguousarray(image if image.ndim == 2 else image[..., ::-1])
    return write_bytes(path, cv2.imencode(".png", pixels)[1].tobytes())


def write_json(path: PathLike, data: Any) -> Path:
    """Write strict JSON atomically; dataclasses, arrays and paths are taken, NaN and infinity become null."""
    return write_text(path, json.dumps(_plain(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    """Turn a value into what JSON has: objects, arrays, strings, finite numbers, booleans and null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    elif isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return value.as_posix()
    if value is None or isinstance(value, str | int):
        return value
    msg = f"cannot write {type(value).__name__} as JSON; convert it to a dict, list, string or number first"
    raise TypeError(msg)


def write_csv(path: PathLike, rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str] | None = None) -> Path:
    """Write a table atomically, one row a mapping; None and missing values are empty, NaN stays ``nan``."""
    names = list(columns) if columns is not None else list(dict.fromkeys(key for row in rows for key in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: item.item() if isinstance(item, np.generic) else item for key, item in row.items()})
    return write_text(path, buffer.getvalue())


def hide_patients(rows: Sequence[Mapping[str, Any]], *, column: str = "patient_id") -> list[dict[str, Any]]:
    """Put hashes in place of patients' numbers: one patient keeps one hash."""
    known = sorted({str(row[column]) for row in rows if row.get(column)})
    key = hashlib.sha256(json.dumps(known).encode()).digest()
    hidden = {name: f"p-{hmac.new(key, name.encode(), 'sha256').hexdigest()[:12]}" for name in known}
    return [{**row, column: hidden[str(row[column])]} if row.get(column) else dict(row) for row in rows]

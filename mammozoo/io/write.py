# SPDX-License-Identifier: Apache-2.0
"""Atomic writers of result files, and names that are safe as folder names."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
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

__all__ = ["path_digest", "safe_id", "write_bytes", "write_csv", "write_json", "write_png", "write_text"]

MAX_ID_LENGTH = 150  # file systems allow 255 bytes a name; temporary and collision suffixes need room
# A suffix begins with a letter: the last number of a UID used as a file name ("1.2.840.5") is none.
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")


def safe_id(relative: PathLike, *, taken: Container[str] = (), keep_suffix: bool = False) -> str:
    """Name an image by its relative path, in characters that every file system takes.

    Parameters
    ----------
    relative : path
        Path relative to the folder, archive or manifest that lists the image (or an id of the user's).
    taken : container of str
        Ids in **lower case** that this image may not have (file systems may ignore case).
    keep_suffix : bool
        True for an id of the user's, which has no file suffix to drop.

    Returns
    -------
    str
        The path without suffix, separators as ``__``, characters outside ``[A-Za-z0-9._-]`` as ``_``;
        if that is taken or too long, followed by ``-`` and 8 hex digits of the path's SHA-256 (more
        digits if even that is taken).

    Notes
    -----
    An empty path and a path of dots only become ``_``, so that no id means a folder or its parent.

    Examples
    --------
    >>> safe_id("study 1/L CC.dcm")
    'study_1__L_CC'
    >>> safe_id("1.2.840.5")
    '1.2.840.5'
    >>> safe_id("a/b.png", taken={"a__b"})
    'a__b-88f7ec79'
    """
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
    """Hash a relative path: the part of an id that tells colliding names apart.

    Parameters
    ----------
    relative : path
        Path relative to the folder, archive or manifest that lists the image.

    Returns
    -------
    str
        SHA-256 of the path with ``/`` as separator, 64 hex digits.

    Examples
    --------
    >>> path_digest("a/b.png")[:8]
    '88f7ec79'
    """
    return hashlib.sha256(PurePath(relative).as_posix().encode("utf-8", "surrogateescape")).hexdigest()


def write_bytes(path: PathLike, data: bytes) -> Path:
    """Write a file so that a reader sees the old content or the new one, never a part of it.

    Parameters
    ----------
    path : path
        File to write; missing folders are made.
    data : bytes
        Its content.

    Returns
    -------
    pathlib.Path
        The file.

    Notes
    -----
    The bytes go to a temporary file in the same folder, are forced to the disk, and the file is then
    renamed over the old one. After a failure neither the old file has changed nor a temporary file is left.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_bytes(f"{folder}/a.bin", b"12").stat().st_size
    2
    """
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
    r"""Write a text file atomically as UTF-8 with ``\n`` line ends.

    Parameters
    ----------
    path : path
        File to write.
    text : str
        Its content.

    Returns
    -------
    pathlib.Path
        The file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_text(f"{folder}/report.md", "# Report\n").read_text()
    '# Report\n'
    """
    return write_bytes(path, text.encode("utf-8"))


def write_png(path: PathLike, image: Array) -> Path:
    """Write a PNG without loss and atomically.

    Parameters
    ----------
    path : path
        File to write.
    image : numpy.ndarray of shape (H, W) or (H, W, 3), uint8 or uint16
        Grey or RGB image.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If the dtype or the shape is another one, or an axis is empty.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_png(f"{folder}/mask.png", np.zeros((4, 3), np.uint8)).name
    'mask.png'
    """
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
    """Write strict JSON atomically.

    Parameters
    ----------
    path : path
        File to write.
    data : object
        Nested dicts, lists, dataclasses, numpy scalars and arrays, paths, strings, numbers.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    TypeError
        For any other type.

    Notes
    -----
    Infinite numbers and NaN, which JSON lacks, become ``null``.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     json.loads(write_json(f"{folder}/a.json", {"dice": np.float32("nan")}).read_text())
    {'dice': None}
    """
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
    """Write a table atomically, one row a mapping.

    Parameters
    ----------
    path : path
        File to write.
    rows : sequence of mappings
        The rows; a missing or None value becomes an empty cell, NaN stays ``nan``.
    columns : sequence of str, optional
        Columns and their order; by default every key in order of first appearance.

    Returns
    -------
    pathlib.Path
        The file (UTF-8, comma, header line; without rows and columns an empty header).

    Raises
    ------
    ValueError
        If a row has a key that is not in `columns`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(write_csv(f"{folder}/a.csv", [{"id": "a", "dice": 0.5}]).read_text().split())
    ['id,dice', 'a,0.5']
    """
    names = list(columns) if columns is not None else list(dict.fromkeys(key for row in rows for key in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: item.item() if isinstance(item, np.generic) else item for key, item in row.items()})
    return write_text(path, buffer.getvalue())

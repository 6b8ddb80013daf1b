# SPDX-License-Identifier: Apache-2.0
"""Lesion masks of a record: read, composed from the findings, kept as PNG in a cache."""

from __future__ import annotations

import getpass
import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .._errors import UserError
from .._paths import restore_path
from .._typing import Array, PathLike
from ..functional.lesion_size import area_224
from ..io.errors import MammogramError
from ..io.masks import MaskFile, match_shape, say_once
from ..io.masks import read_mask as read_mask_file
from ..io.shape import image_shape
from ..io.write import safe_id, write_png
from .record import Finding, Record


def read_pixels(path: PathLike) -> Array:
    """Grey levels (H, W) of an image, as training and prediction read it."""
    from ..io.dicom.read import read_mammogram

    return np.asarray(read_mammogram(path).pixels)


def read_mask(path: PathLike) -> NDArray[np.uint8]:
    """Mask (H, W) of 0 and 1 in a file; what was decided about soft edges is logged once."""
    found = _read(path)
    say_once(found.note, path)
    return np.asarray(found.mask, np.uint8)


def _read(path: PathLike) -> MaskFile:
    try:
        return read_mask_file(path)
    except MammogramError as error:
        raise UserError(str(error)) from error


def record_mask(record: Record, *, shape: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Mask of all lesions of a record in the geometry of its image."""
    mask, notes = record_masks(record, shape=shape)
    for note in notes:
        say_once(note, record.id)
    return mask


def record_masks(record: Record, *, shape: tuple[int, int] | None = None) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """`record_mask`, and what was decided about the values of its files."""
    if record.label_path is not None:
        found = _read(record.label_path)
        if shape is None and not Path(record.image).is_file():
            return np.asarray(found.mask, np.uint8), (found.note,) if found.note else ()
        fitted = match_shape(found.mask, shape or _image_shape(record), name=record.label_path)
        return np.asarray(fitted, np.uint8), (found.note,) if found.note else ()
    height, width = shape or _image_shape(record)
    mask = np.zeros((height, width), dtype=np.uint8)
    notes: list[str] = []
    for finding in record.findings:
        if finding.mask_path is not None:
            found = _read(finding.mask_path)
            notes += [found.note] if found.note else []
            mask |= match_shape(found.mask, (height, width), name=finding.mask_path)
        elif finding.outline:
            cv2.fillPoly(mask, [_vertices(finding, height=height, width=width)], 1)
    return mask, tuple(dict.fromkeys(notes))


def _image_shape(record: Record) -> tuple[int, int]:
    try:
        return image_shape(record.image)
    except MammogramError as error:
        raise UserError(str(error)) from error


def _vertices(finding: Finding, *, height: int, width: int) -> NDArray[np.int32]:
    points = np.rint(np.asarray(finding.outline, dtype=np.float64).reshape(-1, 1, 2))
    return np.clip(points, 0, [width - 1, height - 1]).astype(np.int32)


def mask_cache() -> Path:
    """Folder for composed masks: in ``$MAMMOZOO_CACHE``, else in the user's cache folder, else a temporary one."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "mammozoo")
    folder = Path(os.environ.get("MAMMOZOO_CACHE") or home, "masks")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        writable = False
    else:
        writable = os.access(folder, os.W_OK)
    return folder if writable else Path(tempfile.gettempdir(), f"mammozoo-{getpass.getuser()}", "masks")


def mask_file(record: Record, *, cache_dir: PathLike | None = None) -> str:
    """Path of a mask file that a transform can load."""
    if record.label_path is not None:
        return record.label_path
    shape = _image_shape(record)
    recipe = repr((record.image, shape, _stamps(record), [finding.outline for finding in record.findings]))
    folder = mask_cache() if cache_dir is None else restore_path(cache_dir)
    file = folder / f"{safe_id(record.id)}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}.png"
    if not file.is_file():
        write_png(file, record_mask(record, shape=shape) * np.uint8(255))
    return str(file)


def _stamps(record: Record) -> tuple[tuple[str | int, ...], ...]:
    """Names, sizes and times of a record's mask files: whatever is written into one changes its time of change."""
    files = [record.label_path, *(finding.mask_path for finding in record.findings)]
    stamps: list[tuple[str | int, ...]] = []
    for file in files:
        if file is None:
            continue
        try:
            state = os.stat(file)
        except OSError:
            stamps.append((file,))
        else:
            stamps.append((file, state.st_size, state.st_mtime_ns, state.st_ctime_ns))
    return tuple(stamps)


def lesion_area_224(record: Record) -> float:
    """Area of the lesions of a record on the 224 x 224 grid, the unit of the size bins; 0 without a lesion."""
    return _area_224(record, _stamps(record)) if record.has_mask else 0.0


@lru_cache(maxsize=1 << 16)
def _area_224(record: Record, stamps: tuple[tuple[str | int, ...], ...]) -> float:
    """Cached by file time: the three parts of a split ask for the same masks."""
    return area_224(record_mask(record))

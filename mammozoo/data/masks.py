# SPDX-License-Identifier: Apache-2.0
"""Lesion masks of a record: read, composed from the findings, cached as PNG."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .._typing import Array, PathLike
from ..functional.lesion_size import area_224
from ..io.errors import MammogramError
from ..io.raster.read import decode_raster
from ..io.write import safe_id, write_png
from .record import Finding, Record

__all__ = [
    "lesion_area_224",
    "mask_file",
    "match_shape",
    "read_mask",
    "read_pixels",
    "record_mask",
    "same_aspect",
]

MAX_PIXELS = 200_000_000
LOSSY_SUFFIXES = {".jpg", ".jpeg"}
#: Two shapes are one picture when their row and column ratios agree this well (two scanner pitches).
RATIO_TOLERANCE = 0.02


def read_pixels(path: PathLike) -> Array:
    """Read the stored pixels of one image file.

    Parameters
    ----------
    path : PathLike
        DICOM (``.dcm`` or no suffix), or PNG, JPEG, PGM, TIFF, BMP as `mammozoo.io.raster.read.decode_raster` reads
        them; alpha is dropped.

    Returns
    -------
    (H, W) array
        Grey levels; of a colour file the maximum over its channels.

    Raises
    ------
    ValueError
        If the file cannot be decoded.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = write_png(Path(folder) / "m.png", np.eye(3, dtype=np.uint8))
    ...     read_pixels(file).shape
    (3, 3)
    """
    file = Path(path)
    if file.suffix.lower() in {".dcm", ""}:
        from ..io.dicom.read import read_mammogram

        return np.asarray(read_mammogram(file).pixels)
    content = file.read_bytes()
    try:
        pixels = decode_raster(content, name=file.name, max_pixels=MAX_PIXELS).pixels
    except MammogramError as error:
        msg = f"{file} ({len(content)} bytes) cannot be decoded as an image; fetch the file again"
        raise ValueError(msg) from error
    if pixels.ndim == 2:
        return pixels
    channels = pixels[..., :3] if pixels.shape[-1] in (3, 4) else pixels[..., :1]
    return np.asarray(channels.max(axis=-1))


def read_mask(path: PathLike) -> NDArray[np.uint8]:
    """Read a binary mask.

    Parameters
    ----------
    path : PathLike
        Mask file; every non-zero pixel is lesion, in a JPEG (whose coding blurs 0 and 255) those over 127.

    Returns
    -------
    (H, W) uint8 array
        0 and 1.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = write_png(Path(folder) / "m.png", 255 * np.eye(3, dtype=np.uint8))
    ...     int(read_mask(file).sum())
    3
    """
    threshold = 127 if Path(path).suffix.lower() in LOSSY_SUFFIXES else 0
    return (read_pixels(path) > threshold).astype(np.uint8)


def record_mask(record: Record, *, shape: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Mask of all lesions of a record in the geometry of its image.

    Parameters
    ----------
    record : Record
    shape : (int, int), optional
        (H, W) of the image; read from the image file where it is needed and not given.

    Returns
    -------
    (H, W) uint8 array
        0 and 1: the file `label_path`, or the union of the findings' mask files and outlines.

    Raises
    ------
    ValueError
        If a mask file has another shape than the image (aspect off by more than 2 %).

    Notes
    -----
    A record without mask, mask files and outlines gives an empty mask: boxes are not drawn. Outlines are
    filled with their contour pixels; vertices outside the frame are clipped; outlines of one or two points
    give a dot or a line.

    Examples
    --------
    >>> from mammozoo.data.record import Finding, Record
    >>> square = Finding(kind="mass", outline=((1, 1), (3, 1), (3, 3), (1, 3)))
    >>> record = Record(id="a", image="a.png", patient_id="p", findings=(square,))
    >>> int(record_mask(record, shape=(6, 6)).sum())
    9
    """
    if record.label_path is not None:
        return read_mask(record.label_path)
    height, width = shape if shape is not None else read_pixels(record.image).shape[:2]
    mask = np.zeros((height, width), dtype=np.uint8)
    for finding in record.findings:
        if finding.mask_path is not None:
            mask |= match_shape(read_mask(finding.mask_path), (height, width), name=finding.mask_path)
        elif finding.outline:
            cv2.fillPoly(mask, [_vertices(finding, height=height, width=width)], 1)
    return mask


def match_shape(mask: NDArray[np.uint8], shape: tuple[int, int], *, name: str) -> NDArray[np.uint8]:
    """Bring a mask that was stored at another pitch to the image's size.

    Parameters
    ----------
    mask : (H, W) uint8 array
    shape : (int, int)
        (H, W) of the image.
    name : str
        What the error message calls the mask.

    Returns
    -------
    (H, W) uint8 array
        Resized by nearest neighbour.

    Raises
    ------
    ValueError
        If the ratios of heights and widths differ by more than 2 %: not the same picture.

    Examples
    --------
    >>> match_shape(np.ones((10, 5), np.uint8), (20, 10), name="m").shape
    (20, 10)
    """
    if mask.shape == shape:
        return mask
    if not same_aspect(mask.shape, shape):
        msg = f"mask {name} is {mask.shape}, its image {shape} (rows, columns): not one picture at two pitches"
        raise ValueError(msg)
    resized = cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, dtype=np.uint8)


def same_aspect(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Whether two (H, W) shapes are one picture at two pitches (ratios agree within 2 %)."""
    rows, columns = first[0] / second[0], first[1] / second[1]
    return abs(rows / columns - 1) <= RATIO_TOLERANCE


def _vertices(finding: Finding, *, height: int, width: int) -> NDArray[np.int32]:
    points = np.rint(np.asarray(finding.outline, dtype=np.float64).reshape(-1, 1, 2))
    return np.clip(points, 0, [width - 1, height - 1]).astype(np.int32)


def mask_file(record: Record, *, cache_dir: PathLike | None) -> str:
    """Path of a mask file that a transform can load.

    Parameters
    ----------
    record : Record
    cache_dir : PathLike, optional
        Folder for composed masks (outside the data set); needed only where `record.label_path` is None.

    Returns
    -------
    str
        `record.label_path`, or a PNG (0/255) in `cache_dir` whose name changes with what it was composed of.

    Raises
    ------
    ValueError
        If the mask has to be composed and no `cache_dir` is given.

    Examples
    --------
    >>> mask_file(Record(id="a", image="a.png", patient_id="p", label_path="m.png"), cache_dir=None)
    'm.png'
    """
    if record.label_path is not None:
        return record.label_path
    if cache_dir is None:
        msg = (
            f"the mask of {record.id!r} has to be composed from {len(record.findings)} findings; "
            "give cache_dir, a folder outside the data, for the composed masks"
        )
        raise ValueError(msg)
    recipe = repr((record.image, [(f.mask_path, f.outline) for f in record.findings]))
    file = Path(cache_dir) / f"{safe_id(record.id)}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}.png"
    if not file.is_file():
        write_png(file, record_mask(record) * np.uint8(255))
    return str(file)


def lesion_area_224(record: Record) -> float:
    """Area of the lesions of a record on the 224 x 224 grid.

    Parameters
    ----------
    record : Record

    Returns
    -------
    float
        Positive share of the mask times 224 x 224 (pixels of that grid, the unit of the size bins); 0 where
        there is no lesion.

    Examples
    --------
    >>> lesion_area_224(Record(id="a", image="a.png", patient_id="p"))
    0.0
    """
    if not record.has_mask:
        return 0.0
    stamp = Path(record.label_path).stat().st_mtime_ns if record.label_path is not None else 0
    return _area_224(record, stamp)


@cache
def _area_224(record: Record, stamp: int) -> float:
    """Cached by file time: the three parts of a split ask for the same masks."""
    return area_224(record_mask(record))

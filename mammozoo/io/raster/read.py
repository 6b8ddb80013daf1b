# SPDX-License-Identifier: Apache-2.0
"""PNG, JPEG, TIFF and PGM files as mammograms: the content decides, the depth is kept."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np

from ..._typing import Array
from ..errors import BadHeaderError, BadPixelsError

__all__ = ["is_raster", "read_raster"]

_PNG, _JPEG, _TIFF, _PGM = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", (b"II*\x00", b"MM\x00*"), (b"P2", b"P5")


def is_raster(path: Path) -> bool:
    """Say whether a file begins as PNG, JPEG, TIFF or PGM does."""
    with path.open("rb") as file:
        start = file.read(132)
    if start[128:] == b"DICM":
        return False
    return start.startswith((_PNG, _JPEG, *_TIFF)) or (start[:2] in _PGM and start[2:3].isspace())


def read_raster(path: Path, *, max_pixels: int) -> dict[str, Any]:
    """Read a raster image.

    Parameters
    ----------
    path : Path
    max_pixels : int

    Returns
    -------
    dict
        ``pixels`` (H, W), uint8 or uint16; colour becomes luminance, alpha is dropped; ``photometric`` and
        ``bits_stored``. A raster file says nothing of spacing, side or view.

    Raises
    ------
    BadHeaderError
        If it is larger than `max_pixels`.
    BadPixelsError
        If it does not decode to one gray or colour image of 8 or 16 bits.
    """
    data = path.read_bytes()
    try:
        size = _stated_size(data)
    except (struct.error, ValueError):
        size = None  # the decoder will say what is wrong
    if size is not None and size[0] * size[1] > max_pixels:
        msg = f"{path.name} is {size[0]} x {size[1]}; at most {max_pixels} pixels are read"
        raise BadHeaderError(msg)
    try:
        pixels = _decode(data)
    except Exception as error:
        msg = f"{path.name}: the image data are damaged or truncated"
        raise BadPixelsError(msg) from error
    gray = _gray(np.asarray(pixels))
    if gray is None or gray.dtype not in (np.uint8, np.uint16):
        msg = f"{path.name} holds an array of {np.shape(pixels)} {getattr(pixels, 'dtype', '')}; wanted one gray image"
        raise BadPixelsError(msg)
    return {"pixels": gray, "photometric": "MONOCHROME2", "bits_stored": 8 * gray.dtype.itemsize}


def _decode(data: bytes) -> Array:
    if data.startswith(_PNG):
        return np.asarray(imagecodecs.png_decode(data))
    if data.startswith(_JPEG):
        if b"\xff\xd9" not in data[-1024:]:  # libjpeg fills what is missing with gray
            msg = "no end of image"
            raise ValueError(msg)
        return np.asarray(imagecodecs.jpeg8_decode(data))
    if data[:2] in _PGM:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if found is None:
            msg = "no PGM image"
            raise ValueError(msg)
        return np.asarray(found)
    return np.asarray(imagecodecs.tiff_decode(data))


def _gray(pixels: Array) -> Array | None:
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    pixels = pixels.squeeze() if pixels.ndim > 2 and 1 in pixels.shape else pixels
    if pixels.ndim == 2:
        return pixels
    if pixels.ndim != 3 or pixels.shape[2] not in (2, 3, 4):
        return None
    if pixels.shape[2] == 2:
        return np.ascontiguousarray(pixels[..., 0])
    first = pixels[..., 0]
    if np.array_equal(first, pixels[..., 1]) and np.array_equal(first, pixels[..., 2]):
        return np.ascontiguousarray(first)
    weighted = pixels[..., :3].astype(np.float32) @ np.asarray([0.299, 0.587, 0.114], np.float32)
    return np.asarray(np.rint(weighted).astype(pixels.dtype))


def _stated_size(data: bytes) -> tuple[int, int] | None:
    """Height and width that a PNG, JPEG, TIFF or PGM states, before anything is decoded; None where not found."""
    if data.startswith(_PNG):
        width, height = struct.unpack(">II", data[16:24])
        return height, width
    if data[:2] in _PGM:
        fields = [field for line in data[2:512].splitlines() for field in line.partition(b"#")[0].split()]
        return (int(fields[1]), int(fields[0])) if len(fields) > 1 else None
    if data.startswith(_TIFF):
        return _tiff_size(data)
    return _jpeg_size(data)


def _tiff_size(data: bytes) -> tuple[int, int] | None:
    order = "<" if data[:2] == b"II" else ">"
    start = struct.unpack(f"{order}I", data[4:8])[0]
    found = {}
    for index in range(struct.unpack(f"{order}H", data[start : start + 2])[0]):
        entry = data[start + 2 + 12 * index :][:12]
        tag, kind = struct.unpack(f"{order}HH", entry[:4])
        if tag in (256, 257):
            found[tag] = struct.unpack(f"{order}{'H' if kind == 3 else 'I'}", entry[8 : 10 if kind == 3 else 12])[0]
    return (found[257], found[256]) if len(found) == 2 else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 < len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return height, width
        place += 2 + length
    return None

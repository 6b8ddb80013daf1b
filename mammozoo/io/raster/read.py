# SPDX-License-Identifier: Apache-2.0
"""PNG, JPEG, TIFF, PGM and BMP files as mammograms or masks: the content decides, the depth is kept."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np

from ..._typing import Array
from ..errors import BadHeaderError, BadPixelsError
from .jpeg import jpeg_facts, jpeg_image
from .jpeg_damage import jpeg_damage
from .pgm import PGM, decode_pgm, pgm_header
from .tiff import TIFF, decode_tiff, tiff_pages

_PNG, _JPEG, _BMP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # bytes


@dataclass(frozen=True)
class RasterImage:
    """A decoded file: (H, W) or (H, W, C) upright, the depth that it states, and remarks."""

    pixels: Array
    bits: int
    remarks: tuple[str, ...] = ()


def is_raster(path: Path) -> bool:
    """Say whether a file begins as PNG, JPEG, TIFF, PGM or BMP does."""
    with path.open("rb") as file:
        start = file.read(132)
    if start[128:] == b"DICM":
        return False
    return (
        start.startswith((_PNG, _JPEG, *TIFF))
        or (start[:2] in PGM and start[2:3].isspace())
        or (start.startswith(_BMP) and int.from_bytes(start[14:18], "little") in _BMP_HEADERS)
    )


def read_raster(path: Path, *, max_pixels: int) -> dict[str, Any]:
    """Read a raster image as a `Mammogram`'s fields, its colour as luminance, without alpha."""
    image = decode_raster(path.read_bytes(), name=path.name, max_pixels=max_pixels)
    gray = _gray(image.pixels)
    if gray is None or gray.dtype not in (np.uint8, np.uint16):
        found = f"an array of {image.pixels.shape} {image.pixels.dtype}"
        msg = f"{path.name} holds {found}; expected one gray image of 8 or 16 bits"
        raise BadPixelsError(msg)
    bits = image.bits if image.bits > 8 else 8 * gray.dtype.itemsize
    return {"pixels": gray, "photometric": "MONOCHROME2", "bits_stored": bits, "warnings": image.remarks}


def decode_raster(data: bytes, *, name: str, max_pixels: int) -> RasterImage:
    """Decode the bytes of a PNG, JPEG, TIFF, PGM or BMP file, whether image or mask."""
    try:
        size = _stated_size(data)
    except (struct.error, ValueError):
        size = None  # the decoder will say what is wrong
    if size is not None and size[0] * size[1] > max_pixels:
        msg = f"{name} is {size[0]} x {size[1]}; at most {max_pixels} pixels are read"
        raise BadHeaderError(msg)
    try:
        image, orientation = _decode(data)
    except Exception as error:
        reason = f" ({error})" if isinstance(error, ValueError) and str(error) else ""
        msg = f"{name}: the image data are damaged or truncated{reason}"
        raise BadPixelsError(msg) from error
    if orientation not in _TURNS:
        return image
    remark = f"its orientation {orientation} (Exif) was applied"
    return RasterImage(upright(image.pixels, orientation), image.bits, (*image.remarks, remark))


def upright(pixels: Array, orientation: int) -> Array:
    """Pixels (H, W) or (H, W, C) turned as an orientation of Exif or TIFF says."""
    return np.ascontiguousarray(_TURNS[orientation](pixels)) if orientation in _TURNS else pixels


def raster_shape(data: bytes) -> tuple[int, int] | None:
    """Rows and columns of a file as it is shown, before anything is decoded; None where they are not found."""
    size = _stated_size(data)
    if data.startswith(TIFF):
        orientation = max(tiff_pages(data), key=lambda item: item.size).orientation
    else:
        exif = _png_exif(data) if data.startswith(_PNG) else jpeg_facts(data).exif if data.startswith(_JPEG) else b""
        orientation = _exif_orientation(exif)
    return size[::-1] if size is not None and orientation in (5, 6, 7, 8) else size


#: What brings an image of each Exif orientation upright.
_TURNS = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels.swapaxes(0, 1)[:, ::-1],
    7: lambda pixels: pixels.swapaxes(0, 1)[::-1, ::-1],
    8: lambda pixels: pixels.swapaxes(0, 1)[::-1],
}


def _decode(data: bytes) -> tuple[RasterImage, int]:
    """The image as it is stored, and its orientation."""
    if data.startswith(_PNG):
        pixels = np.asarray(imagecodecs.png_decode(data))
        return RasterImage(pixels, 8 * pixels.dtype.itemsize), _exif_orientation(_png_exif(data))
    if data.startswith(_JPEG):
        return _decode_jpeg(data)
    if data[:2] in PGM:
        header = pgm_header(data)
        return RasterImage(decode_pgm(data, header), header[2].bit_length()), 1
    if data.startswith(TIFF):
        pixels, page, remarks = decode_tiff(data, tiff_pages(data))
        return RasterImage(pixels, page.bits, remarks), page.orientation
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None:
        msg = "no image"
        raise ValueError(msg)
    return RasterImage(np.asarray(found[..., 2::-1] if found.ndim == 3 else found), 8), 1


def _decode_jpeg(data: bytes) -> tuple[RasterImage, int]:
    facts = jpeg_facts(data)
    whole = jpeg_image(data, facts)
    if whole is None:
        msg = "no end of image"
        raise ValueError(msg)
    if fault := jpeg_damage(whole):
        raise ValueError(fault)
    pixels = np.asarray(imagecodecs.jpeg8_decode(whole))
    if facts.components == 4 and pixels.ndim == 3 and pixels.shape[2] == 4:
        ink = pixels if facts.adobe else 255 - pixels  # Adobe's files hold the light that is left, not the ink
        pixels = np.rint(ink[..., :3] * (ink[..., 3:].astype(np.float32) / 255)).astype(np.uint8)
    return RasterImage(pixels, facts.bits), _exif_orientation(facts.exif)


def _exif_orientation(exif: bytes) -> int:
    try:
        return tiff_pages(exif)[0].orientation if exif.startswith(TIFF) else 1
    except (struct.error, ValueError, IndexError):  # a damaged remark about an image that may be sound
        return 1


def _png_exif(data: bytes) -> bytes:
    place = 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] == b"eXIf":
            return data[place + 8 : place + 8 + length]
        place += 12 + length
    return b""


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
    """Height and width that a file states, before anything is decoded; None where not found."""
    if data.startswith(_PNG):
        width, height = struct.unpack(">II", data[16:24])
        return height, width
    if data[:2] in PGM:
        width, height, _, _ = pgm_header(data)
        return height, width
    if data.startswith(TIFF):
        page = max(tiff_pages(data), key=lambda item: item.size)
        return page.height, page.width
    if data.startswith(_JPEG):
        facts = jpeg_facts(data)
        return (facts.height, facts.width) if facts.components else None
    if not data.startswith(_BMP):
        return None
    form = "<HH" if data[14:15] == b"\x0c" else "<ii"
    width, height = struct.unpack(form, data[18 : 18 + struct.calcsize(form)])
    return abs(height), abs(width)

# SPDX-License-Identifier: Apache-2.0
"""What raster files say of themselves before a pixel is decoded: size, orientation, pages."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["TiffPage", "exif_orientation", "jpeg_orientation", "raster_shape", "tiff_pages"]

#: JPEG markers that start a frame (all SOF but the three that are tables: DHT, JPG, DAC).
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_MAX_PAGES = 4096


@dataclass(frozen=True)
class TiffPage:
    """One directory of a TIFF file.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns as stored.
    orientation : int
        Tag 274: 1 is upright.
    white_is_zero : bool
    reduced : bool
        Whether it is a smaller version of another page.
    """

    shape: tuple[int, int]
    orientation: int
    white_is_zero: bool
    reduced: bool


def raster_shape(stream: BinaryIO) -> tuple[int, int] | None:
    """Rows and columns of a PNG, JPEG, TIFF (its largest page), GIF, BMP or PNM as it is shown; None for others.

    Raises
    ------
    ValueError
        If the header is broken.
    """
    try:
        found = _shape(stream, stream.read(4))
    except (struct.error, IndexError, OverflowError, OSError) as error:
        raise ValueError("the header is cut short or broken") from error
    if found is not None and min(found) < 1:
        raise ValueError(f"the header states {found[0]} rows and {found[1]} columns")
    return found


def _shape(stream: BinaryIO, magic: bytes) -> tuple[int, int] | None:
    if magic == b"\x89PNG":
        width, height = _at(stream, 16, ">II")
    elif magic[:2] == b"\xff\xd8":
        height, width = _jpeg(stream)
    elif magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        page = max(tiff_pages(stream), key=lambda one: one.shape[0] * one.shape[1])
        height, width = page.shape[::-1] if page.orientation >= 5 else page.shape
    elif magic == b"GIF8":
        width, height = _at(stream, 6, "<HH")
    elif magic[:2] == b"BM":
        width, height = _bmp(stream)
    elif magic[:1] == b"P" and magic[1:2] in b"123456" and magic[2:3].isspace():
        width, height = _pnm(stream)
    else:
        return None
    return height, width


def _at(stream: BinaryIO, place: int, form: str) -> tuple[int, ...]:
    stream.seek(place)
    return struct.unpack(form, stream.read(struct.calcsize(form)))


def _bmp(stream: BinaryIO) -> tuple[int, int]:
    (size,) = _at(stream, 14, "<I")
    width, height = _at(stream, 18, "<HH" if size == 12 else "<ii")
    return width, abs(height)


def _pnm(stream: BinaryIO) -> tuple[int, int]:
    stream.seek(2)
    words = b" ".join(line.partition(b"#")[0] for line in stream.read(1024).splitlines()).split()
    return int(words[0]), int(words[1])


def _jpeg(stream: BinaryIO) -> tuple[int, int]:
    height, width, orientation = _jpeg_frame(stream)
    return (width, height) if orientation >= 5 else (height, width)


def jpeg_orientation(data: bytes) -> int:
    """Orientation in the Exif block of a JPEG; 1 where it has none."""
    return _jpeg_frame(io.BytesIO(data))[2]


def _jpeg_frame(stream: BinaryIO) -> tuple[int, int, int]:
    """Rows and columns as stored, and the orientation."""
    stream.seek(2)
    orientation = 1
    while True:
        marker = stream.read(2)
        if marker[0] != 0xFF:
            raise IndexError
        if marker[1] == 0xFF:  # fill byte
            stream.seek(-1, 1)
            continue
        (length,) = struct.unpack(">H", stream.read(2))
        if marker[1] in _FRAMES:
            _, height, width = struct.unpack(">BHH", stream.read(5))
            return height, width, orientation
        segment = stream.read(length - 2)
        if marker[1] == 0xE1 and segment.startswith(b"Exif\0\0"):
            orientation = exif_orientation(segment[6:])


def exif_orientation(data: bytes) -> int:
    """Orientation in an Exif block, which is a TIFF directory; 1 where it says none."""
    try:
        return tiff_pages(io.BytesIO(data))[0].orientation
    except (struct.error, IndexError, KeyError, OverflowError):
        return 1


def tiff_pages(stream: BinaryIO) -> list[TiffPage]:
    """Read the directories of a TIFF or BigTIFF file.

    References
    ----------
    TIFF, Revision 6.0, Adobe, 1992, sections 2 and 8.
    """
    stream.seek(0)
    start = stream.read(16)
    order, big = "<" if start[:2] == b"II" else ">", b"+" in start[2:4]
    word, entry = ("Q", "HHQ8s") if big else ("I", "HHI4s")
    (place,) = struct.unpack_from(order + word, start, 8 if big else 4)
    pages: list[TiffPage] = []
    seen: set[int] = set()
    while place and place not in seen and len(pages) < _MAX_PAGES:
        seen.add(place)
        (entries,) = _at(stream, place, order + ("Q" if big else "H"))
        size = struct.calcsize(order + entry)
        if entries > 4096:
            raise IndexError
        block = stream.read(entries * size + struct.calcsize(word))
        tags: dict[int, int] = {}
        for number in range(entries):
            tag, kind, _, raw = struct.unpack_from(order + entry, block, number * size)
            form = {1: "B", 3: "H", 4: "I", 16: "Q"}.get(kind)
            if form is not None:
                (tags[tag],) = struct.unpack_from(order + form, raw.ljust(8, b"\0"))
        pages.append(_page(tags))
        (place,) = struct.unpack_from(order + word, block, entries * size)
    return pages


def _page(tags: dict[int, int]) -> TiffPage:
    shape = (tags.get(257, 0), tags.get(256, 0))
    return TiffPage(shape, tags.get(274, 1), white_is_zero=tags.get(262) == 0, reduced=bool(tags.get(254, 0) & 1))

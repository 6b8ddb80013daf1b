# SPDX-License-Identifier: Apache-2.0
"""TIFF files: which of the pages is the image, white-is-zero, palettes, orientation (TIFF 6.0; BigTIFF)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import imagecodecs
import numpy as np

from ..._typing import Array

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MAX_PAGES = 64
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _ORIENTATION, _SUBFILE, _COLOURS = 256, 257, 258, 262, 274, 254, 320
_WHITE_IS_ZERO, _PALETTE = 0, 3
_NOT_AN_IMAGE = 1 | 4  # subfile types: a reduced image, a transparency mask
_UNSIGNED = {1: "B", 3: "H", 4: "I", 16: "Q"}
_MASK_SHARE = 0.95  # of the pixels of a mask that have one of two values; a mammogram's rarely exceed a half


@dataclass(frozen=True)
class TiffPage:
    """What one directory says of its image."""

    height: int
    width: int
    bits: int
    photometric: int
    orientation: int
    is_image: bool
    colours: tuple[int, ...]

    @property
    def size(self) -> int:
        """Pixels."""
        return self.height * self.width


def tiff_pages(data: bytes) -> list[TiffPage]:
    """The directories of a file in order, or of the TIFF block of an Exif segment."""
    order, big = "<" if data[:1] == b"I" else ">", data[2:3] == b"+" or data[3:4] == b"+"
    place: int = struct.unpack(f"{order}{'Q' if big else 'I'}", data[8:16] if big else data[4:8])[0]
    pages: list[TiffPage] = []
    seen: set[int] = set()
    while place and place not in seen:
        seen.add(place)
        if len(pages) == _MAX_PAGES:
            msg = f"it has more than {_MAX_PAGES} pages"
            raise ValueError(msg)
        fields, place = _directory(data, place, order, big=big)
        first = {tag: values[0] for tag, values in fields.items() if values}
        pages.append(
            TiffPage(
                height=first.get(_HEIGHT, 0),
                width=first.get(_WIDTH, 0),
                bits=first.get(_BITS, 1),
                photometric=first.get(_PHOTOMETRIC, 1),
                orientation=first.get(_ORIENTATION, 1),
                is_image=not first.get(_SUBFILE, 0) & _NOT_AN_IMAGE,
                colours=fields.get(_COLOURS, ()),
            )
        )
    return pages


def _directory(data: bytes, start: int, order: str, *, big: bool) -> tuple[dict[int, tuple[int, ...]], int]:
    """Unsigned values by tag, and the place of the next directory."""
    head, width, count_form = (8, 20, "Q") if big else (2, 12, "I")
    size = 8 if big else 4
    number = struct.unpack(f"{order}{'Q' if big else 'H'}", data[start : start + head])[0]
    end = start + head + width * number
    if end > len(data):
        msg = "a directory reaches beyond the file"
        raise ValueError(msg)
    fields = {}
    for place in range(start + head, end, width):
        tag, kind, count = struct.unpack(f"{order}HH{count_form}", data[place : place + 4 + size])
        form = _UNSIGNED.get(kind)
        if form is None or tag not in (_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _ORIENTATION, _SUBFILE, _COLOURS):
            continue
        needed, value = count * struct.calcsize(f"={form}"), place + 4 + size
        if needed > size:
            value = struct.unpack(f"{order}{count_form}", data[value : value + size])[0]
        if count < 1 << 20:
            fields[tag] = struct.unpack(f"{order}{count}{form}", data[value : value + needed])
    following = data[end : end + size]
    return fields, struct.unpack(f"{order}{count_form}", following)[0] if len(following) == size else 0


def decode_tiff(data: bytes, pages: list[TiffPage]) -> tuple[Array, TiffPage, tuple[str, ...]]:
    """The largest image, (H, W) or (H, W, C), its page, and remarks; the pages of a stack of masks are united."""
    images = [page for page in pages if page.is_image and page.size] or [page for page in pages if page.size]
    if not images:
        msg = "it holds no image"
        raise ValueError(msg)
    page = max(images, key=lambda item: item.size)
    alike = [i for i, item in enumerate(pages) if item in images and item.size == page.size]
    pixels = decode_page(data, alike[0], pages[alike[0]])
    page, others = pages[alike[0]], len(pages) - len(alike)
    remarks = [f"{others} smaller page{'s are' if others > 1 else ' is'} not read"] if others else []
    if len(alike) > 1 and not _is_mask(pixels):
        remarks.append(f"page {alike[0] + 1} of {len(alike)} of one size is read")
    elif len(alike) > 1:
        for index in alike[1:]:
            further = decode_page(data, index, pages[index])
            if not _is_mask(further) or further.shape != pixels.shape or further.dtype != pixels.dtype:
                msg = (
                    f"page {index + 1} is not a mask as page {alike[0] + 1} is; one image or masks of one kind are read"
                )
                raise ValueError(msg)
            pixels = np.maximum(pixels, further)
        remarks.append(f"{len(alike)} pages with a mask each are united")
    return pixels, page, tuple(remarks)


def decode_page(data: bytes, index: int, page: TiffPage) -> Array:
    """One page, (H, W) or with channels, as it is stored: colours of a palette looked up, white the highest value."""
    pixels = np.asarray(imagecodecs.tiff_decode(data, index=index))
    if page.photometric == _PALETTE and pixels.ndim == 2 and pixels.dtype.kind == "u" and page.colours:
        colours = np.asarray(page.colours[: len(page.colours) // 3 * 3]).reshape(3, -1).T
        colours = colours >> 8 if colours.max() > 255 else colours
        return np.asarray(colours.astype(np.uint8)[np.minimum(pixels, len(colours) - 1)])
    if page.photometric != _WHITE_IS_ZERO:
        return pixels
    if pixels.dtype == bool:
        return ~pixels
    if pixels.dtype.kind != "u" or pixels.dtype.itemsize > 2:
        msg = f"white is zero in an array of {pixels.dtype}; 8 or 16 bits are read"
        raise ValueError(msg)
    top = (1 << page.bits) - 1 if page.bits < 8 * pixels.dtype.itemsize else np.iinfo(pixels.dtype).max
    return np.asarray(pixels.dtype.type(top) - pixels)


def _is_mask(pixels: Array) -> bool:
    """Whether nearly all pixels have the lowest or the highest value."""
    if pixels.dtype == bool:
        return True
    low, high = pixels.min(), pixels.max()
    return float(np.mean((pixels == low) | (pixels == high))) >= _MASK_SHARE

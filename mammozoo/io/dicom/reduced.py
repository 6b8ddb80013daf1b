# SPDX-License-Identifier: Apache-2.0
"""Decode a frame at a half, a quarter or an eighth of its size.

JPEG 2000 and HTJ2K are wavelet codecs: the smaller image is in the file, and the rest need not be decoded. For every
other transfer syntax, and where the wavelet route is not safe, the whole image is decoded and averaged down.
"""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from pydicom.dataset import Dataset

from ..._typing import Array
from ..errors import BadPixelsError
from .codestream import stated_image
from .decode import HTJ2K, JPEG2000, decode_frame, frame_bytes, openjph
from .header import PixelFormat
from .stored import Decoded, is_deeper, stored_values

MAX_REDUCE = 3
_PILLOW_PIXELS = 80_000_000  # beyond, Pillow warns of a bomb


def check_reduce(reduce: int) -> None:
    """Raise a ValueError unless `reduce` is a whole number from 0 to 3."""
    if isinstance(reduce, bool) or not isinstance(reduce, int) or not 0 <= reduce <= MAX_REDUCE:
        msg = f"reduce must be a whole number from 0 (full size) to {MAX_REDUCE} (an eighth), got {reduce!r}"
        raise ValueError(msg)


def reduced_shape(shape: tuple[int, int], reduce: int) -> tuple[int, int]:
    """Size of an image halved `reduce` times, rounded up."""
    return -(-shape[0] >> reduce), -(-shape[1] >> reduce)


def decode_reduced(dataset: Dataset, layout: PixelFormat, *, frame: int, name: str, reduce: int) -> tuple[Decoded, str]:
    """Decode one frame at a 2 ** `reduce`-th of its size, sides rounded up; ``"1/2 (wavelet)"``, ``"1/2 (area)"``."""
    if layout.transfer_syntax in JPEG2000 | HTJ2K and layout.samples == 1 and not layout.signed:
        data = frame_bytes(dataset, layout, frame=frame, name=name)
        pixels = _wavelet(data, layout, reduce)
        if pixels is not None:
            return stored_values(pixels, dataset, layout), f"1/{1 << reduce} (wavelet)"
    full = decode_frame(dataset, layout, frame=frame, name=name)
    return replace(full, pixels=area_reduced(full.pixels, reduce)), f"1/{1 << reduce} (area)"


def area_reduced(pixels: Array, reduce: int) -> Array:
    """Average blocks of 2 ** `reduce` pixels; rows and columns that do not fill a block repeat the last one."""
    height, width = pixels.shape[:2]
    rows, columns = reduced_shape((height, width), reduce)
    below, beside = (rows << reduce) - height, (columns << reduce) - width
    whole = pixels.astype(np.int16) if pixels.dtype == np.int8 else np.ascontiguousarray(pixels)
    if below or beside:
        whole = cv2.copyMakeBorder(whole, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    small = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small.astype(pixels.dtype, copy=False))


def _wavelet(data: bytes, layout: PixelFormat, reduce: int) -> Array | None:
    """The image at a lower resolution of its wavelet transform; None where it has none that can be trusted."""
    stated, top = stated_image(data), (1 << (layout.high_bit + 1)) - 1
    shape = reduced_shape((layout.rows, layout.columns), reduce)
    try:
        if stated is None or stated.signed or stated.bits < layout.bits_stored:
            return None
        if layout.transfer_syntax in HTJ2K and stated.bits > 8 and layout.high_bit < 14:
            # OpenJPH, twice as fast, lets values below 0 wrap to the top of 16 bits.
            wrapped = openjph(data, shape, bits=stated.bits, skip=reduce)
            pixels = np.where(wrapped > (top + (1 << 16)) // 2, 0, wrapped)
        elif layout.rows * layout.columns <= _PILLOW_PIXELS:
            pixels = _openjpeg(data, stated.bits, reduce)
        else:
            return None
    except Exception:  # no such resolution, or damage that the full decoder will report
        return None
    if pixels.shape != shape or is_deeper(pixels, top):
        return None
    return np.asarray(np.minimum(pixels, top).astype(np.uint16 if top > 255 else np.uint8))


def _openjpeg(data: bytes, bits: int, reduce: int) -> Array:
    """Decode with OpenJPEG through Pillow, the one binding at hand that passes the reduction on."""
    from PIL import Image

    image: Any = Image.open(BytesIO(data), formats=["JPEG2000"])
    image.reduce = reduce
    image.load()
    pixels = np.asarray(image)
    if pixels.ndim != 2:
        msg = f"Pillow gives an image of {pixels.shape}"
        raise BadPixelsError(msg)
    # Pillow puts 9 to 15 bits at the top of 16.
    return pixels >> (16 - bits) if pixels.dtype.itemsize == 2 else pixels

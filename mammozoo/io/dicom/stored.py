# SPDX-License-Identifier: Apache-2.0
"""What the stored values of a frame are, also where the data and the header disagree on bits or sign.

The stream's word counts. Where neither the stream nor the header can be right by itself (bit patterns of signed values
in an unsigned stream, or the reverse; bits above the stored ones), the reading without jumps from the lowest to the
highest value is taken: a wrong one wraps round. Nothing is clipped or wrapped without a remark.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from pydicom.dataset import Dataset

from ..._typing import Array
from .codestream import StatedImage
from .header import PixelFormat

_ROWS = 64  # looked at for jumps
_OVERSHOOT = 1 / 16  # of the range: how far lossy codecs pass it at edges, but for a few pixels
_FEW = 0.001


@dataclass(frozen=True)
class Decoded:
    """Stored values (H, W) or (H, W, 3), the format that they really have, and remarks."""

    pixels: Array
    layout: PixelFormat
    remarks: tuple[str, ...] = ()


def stored_values(
    pixels: Array,
    dataset: Dataset,
    layout: PixelFormat,
    *,
    stated: StatedImage | None = None,
    highest: int | None = None,
    lossy: bool = False,
) -> Decoded:
    """Bring what a decoder gave to stored values."""
    if not pixels.dtype.isnative:
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
    depth = 8 * pixels.dtype.itemsize if stated is None else stated.bits
    if depth >= layout.high_bit + 1 > layout.bits_stored:
        pixels, highest = pixels >> (layout.high_bit + 1 - layout.bits_stored), None
    if depth < layout.bits_stored:
        remark = f"the code stream has {depth} bits, BitsStored (0028,0101) says {layout.bits_stored}: the stream's"
        found = replace(layout, depth=depth, signed=pixels.dtype.kind == "i")
        return Decoded(pixels, found, (f"{remark} values are taken",))
    if layout.samples > 1:
        return Decoded(_unsigned(pixels, layout.bits_stored), layout)
    if stated is None and layout.signed:
        return Decoded(_sign_extended(pixels, layout.bits_stored), layout)
    if pixels.dtype.kind == "i" and not layout.signed and pixels.min() >= 0:
        pixels = _unsigned(pixels)
    if layout.signed or pixels.dtype.kind == "i":
        return _signed_values(pixels, layout, depth=depth, lossy=lossy)
    highest = int(pixels.max()) if highest is None else highest
    if highest < 1 << layout.bits_stored:  # looking is cheaper than another array
        return Decoded(pixels, layout)
    cleared = _unsigned(pixels, layout.bits_stored)
    if _has_embedded_overlay(dataset):
        return Decoded(cleared, layout)
    if stated is None and _jumps(pixels) >= _jumps(cleared):
        remark = f"bits above the {layout.bits_stored} of BitsStored (0028,0101) were cleared"
        return Decoded(cleared, layout, (remark,))
    return _deep_values(pixels, layout, highest=highest, lossy=lossy)


def _signed_values(pixels: Array, layout: PixelFormat, *, depth: int, lossy: bool) -> Decoded:
    """Values of a code stream that the header or the stream calls signed."""
    bits, as_signed = layout.bits_stored, pixels
    half = 1 << (bits - 1)
    if pixels.dtype.kind == "u":
        whole = _sign_extended(pixels, 8 * pixels.dtype.itemsize)
        if pixels.max() >= 1 << bits and not (-half <= whole.min() and whole.max() < half):
            bits = depth
        as_signed = _sign_extended(pixels, bits)
    as_unsigned = _unsigned(pixels, bits)
    if _jumps(as_signed) > _jumps(as_unsigned):
        found = replace(layout, signed=False)
        remarks = ("PixelRepresentation (0028,0103) says signed, the values are unsigned",) if layout.signed else ()
        highest = int(as_unsigned.max())
        if highest < 1 << layout.bits_stored:
            return Decoded(as_unsigned, found, remarks)
        deep = _deep_values(as_unsigned, found, highest=highest, lossy=lossy)
        return replace(deep, remarks=remarks + deep.remarks)
    remarks = () if layout.signed else ("the code stream is signed, PixelRepresentation (0028,0103) says unsigned",)
    found = replace(layout, signed=True)
    low, high = int(as_signed.min()), int(as_signed.max())
    if -half <= low and high < half:
        return Decoded(as_signed, found, remarks)
    deep = _deep_values(as_signed, found, highest=max(high, -low - 1), lossy=lossy)
    return replace(deep, remarks=remarks + deep.remarks)


def _deep_values(pixels: Array, layout: PixelFormat, *, highest: int, lossy: bool) -> Decoded:
    """Values beyond the stored bits: what a lossy codec adds at edges is clipped, else the bits are raised."""
    top = (1 << (layout.bits_stored - layout.signed)) - 1
    if lossy and not is_deeper(pixels, top):
        return Decoded(np.clip(pixels, -top - 1 if layout.signed else 0, top), layout)
    bits = highest.bit_length() + layout.signed
    remark = f"the values have {bits} bits, BitsStored (0028,0101) says {layout.bits_stored}: the values are taken"
    allocated = 8 if bits <= 8 else 16
    found = replace(layout, bits_stored=bits, depth=bits, high_bit=bits - 1, bits_allocated=allocated)
    return Decoded(pixels, found, (remark,))


def is_deeper(pixels: Array, highest: int) -> bool:
    """Whether so many values pass the highest by so much that no lossy codec explains it."""
    some = pixels[:: max(1, len(pixels) // 512)].astype(np.int32)
    return float(np.mean(np.abs(some) > highest * (1 + _OVERSHOOT))) > _FEW


def _has_embedded_overlay(dataset: Dataset) -> bool:
    """Whether an overlay plane (60xx) lies in unused bits of the pixels."""
    positions = (dataset.get((group, 0x0102)) for group in range(0x6000, 0x6020, 2))
    return any(element is not None and bool(element.value) for element in positions)


def _unsigned(pixels: Array, bits: int = 16) -> Array:
    words: Array = pixels if pixels.dtype.kind == "u" else pixels.view(f"u{pixels.dtype.itemsize}")
    return words if 8 * words.dtype.itemsize <= bits else words & np.asarray((1 << bits) - 1, words.dtype)


def _sign_extended(pixels: Array, bits: int) -> Array:
    signed: Array = pixels.view(f"i{pixels.dtype.itemsize}")
    move = 8 * pixels.dtype.itemsize - bits
    return np.asarray((signed << move) >> move) if move > 0 else signed


def _jumps(pixels: Array) -> int:
    """Sum of the steps along some rows: great where values wrap round."""
    rows = pixels[:: max(1, len(pixels) // _ROWS)].astype(np.int32)
    return int(np.abs(np.diff(rows, axis=1)).sum())

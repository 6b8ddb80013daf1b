# SPDX-License-Identifier: Apache-2.0
"""Padding beside the image: which stored values are background (PS3.3 C.7.5.1.1.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from ..._typing import Array, Mask
from .header import PixelFormat, number


@dataclass(frozen=True)
class Padding:
    """Range of stored values, both ends included, and remarks."""

    low: int
    high: int
    remarks: tuple[str, ...] = ()

    def holds(self, stored: Array) -> Mask:
        """Which of the stored values are padding."""
        return np.asarray((stored >= self.low) & (stored <= self.high))


def padding_of(dataset: Dataset, layout: PixelFormat) -> Padding | None:
    """PixelPaddingValue to PixelPaddingRangeLimit as stored values; None where there is none."""
    value, limit = number(dataset, "PixelPaddingValue"), number(dataset, "PixelPaddingRangeLimit")
    if value is None:
        return None
    stated = [int(value), int(value if limit is None else limit)]
    low, high = sorted(_as_stored(end, layout) for end in stated)
    if [low, high] == sorted(stated):
        return Padding(low, high)
    taken = f"{low}" if low == high else f"{low} to {high}"
    remark = f"PixelPaddingValue (0028,0120) {stated[0]} is outside of the stored range: taken as {taken}"
    return Padding(low, high, (remark,))


def _as_stored(value: int, layout: PixelFormat) -> int:
    bits = layout.bits_stored
    first = -(1 << (bits - 1)) if layout.signed else 0
    if first <= value < first + (1 << bits):
        return value
    word = value & ((1 << bits) - 1)
    return word - (1 << bits) if layout.signed and word >> (bits - 1) else word

# SPDX-License-Identifier: Apache-2.0
"""Look-up tables of a header (modality, VOI, palette) as they come: too short, too long, of another depth or sign.

References
----------
DICOM PS3.3, C.11.1.1 and C.11.2.1.1 (descriptor and data of a LUT), C.7.6.3.1.5 (palettes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._typing import Array


@dataclass(frozen=True)
class LookupTable:
    """Entries, the value that the first belongs to, and remarks."""

    entries: Array
    first: int
    remarks: tuple[str, ...] = ()


def lookup_table(descriptor: Any, data: Any, *, span: tuple[float, float], big_endian: bool) -> LookupTable:
    """Understand a descriptor and its data for values in `span` (lowest, highest)."""
    if isinstance(descriptor, bytes):  # of an unknown VR
        descriptor = np.frombuffer(descriptor[: len(descriptor) // 2 * 2], ">u2" if big_endian else "<u2")
    try:
        number, first, bits = (int(value) & 0xFFFF for value in descriptor)
    except (TypeError, ValueError):
        msg = "its descriptor is not three numbers"
        raise ValueError(msg) from None
    number = number or 65536
    if not isinstance(data, bytes):
        words = np.atleast_1d(np.asarray([] if data is None else data, np.int64)) & 0xFFFF
        data, big_endian = words.astype("<u2").tobytes(), False
    entries = _entries(data, number, big_endian=big_endian)
    beyond = np.flatnonzero(entries[number:])  # zeros there are padding
    entries = entries[: number + (int(beyond[-1]) + 1 if beyond.size else 0)]
    if not entries.size:
        msg = "it holds no entries"
        raise ValueError(msg)
    remarks = []
    if len(entries) != number:
        end = "the last is repeated" if len(entries) < number else "all are used"
        remarks.append(f"it holds {len(entries)} entries, its descriptor says {number}: {end}")
    if 0 < bits < 16 and entries.max() >= 1 << bits:
        remarks.append(f"its entries reach {entries.max()}, its descriptor says {bits} bits: the entries are taken")
    return LookupTable(entries, _first(first, len(entries), *span), tuple(remarks))


def _entries(data: bytes, number: int, *, big_endian: bool) -> Array:
    words = np.frombuffer(data[: len(data) // 2 * 2], ">u2" if big_endian else "<u2").astype(np.int64)
    narrow = np.frombuffer(data, np.uint8).astype(np.int64)
    if big_endian:  # 8-bit entries stand in words, too
        narrow = narrow[: len(narrow) // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)
    if len(data) - number == number % 2:
        narrow = narrow[:number]  # without the byte that makes the length even
    return narrow if len(data) < 1.5 * number and _roughness(narrow) <= 8 * _roughness(words) else words


def _roughness(entries: Array) -> float:
    """Mean step as a share of the range: words that are read as bytes jump up and down."""
    steps = np.abs(np.diff(entries))
    return float(steps.mean() / max(np.ptp(entries), 1)) if steps.size else 1.0


def _first(word: int, number: int, low: float, high: float) -> int:
    """The word as a number, signed or not, whichever overlaps with the values more."""
    candidates = (word, word - 65536) if word >= 32768 else (word,)
    return max(candidates, key=lambda first: min(first + number, high + 1) - max(first, low))

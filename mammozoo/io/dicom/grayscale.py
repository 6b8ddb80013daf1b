# SPDX-License-Identifier: Apache-2.0
"""The grey-scale pipeline of a DICOM image as one table over its stored values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from pydicom.dataset import Dataset

from ..._typing import Array, Mask
from ...functional.intensity import apply_lut, apply_rescale, apply_window, invert
from ..errors import BadHeaderError
from .header import PixelFormat, number, text

__all__ = ["GrayTable", "Grayscale", "gray_table", "is_padding"]

_WIDE_LUT = int(cv2.__version__.split(".")[0]) >= 5  # since then with 65,536 entries for 16 bits
_ROWS = 64


@dataclass(frozen=True)
class Grayscale:
    """Pixels after the pipeline, what was applied, and warnings."""

    pixels: Array
    voi: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class GrayTable:
    """Stored value to display value.

    Attributes
    ----------
    table : numpy.ndarray or None
        uint16, shape (2 ** bits stored,); None leaves the values as they are.
    first : int
        The stored value of the first entry (negative for signed data).
    voi : str
    warnings : tuple of str
    """

    table: Array | None
    first: int
    voi: str
    warnings: tuple[str, ...]

    def apply(self, stored: Array, *, in_place: bool = False) -> Grayscale:
        """Look stored values (H, W) up, `in_place` where their array allows it; without a table they pass uncopied."""
        if self.table is None:
            return Grayscale(stored, self.voi, self.warnings)
        # By the stored word, signed or not: one look-up without a wider copy of the image.
        words = np.zeros(1 << (8 * stored.dtype.itemsize), self.table.dtype)
        words[np.arange(self.first, self.first + len(self.table)) % len(words)] = self.table
        unsigned = stored.view(f"u{stored.dtype.itemsize}")
        free = in_place and stored.flags.writeable and stored.flags.c_contiguous and words.dtype == unsigned.dtype
        over = unsigned if free else None
        return Grayscale(_look_up(words, unsigned, over=over), self.voi, self.warnings)


def _look_up(words: Array, stored: Array, *, over: Array | None) -> Array:
    """Entry of each stored word (uint8 or uint16) in the table of all words."""
    if stored.dtype.itemsize == 1 or _WIDE_LUT:
        return np.asarray(cv2.LUT(stored, words) if over is None else cv2.LUT(stored, words, dst=over))
    out = np.empty(stored.shape, words.dtype) if over is None else over
    for start in range(0, len(stored), _ROWS):  # in blocks: numpy widens the indices to 64 bits
        rows = np.s_[start : start + _ROWS]
        np.take(words, stored[rows], out=out[rows], mode="clip")
    return out


def gray_table(dataset: Dataset, layout: PixelFormat, *, voi: str | int, name: str) -> GrayTable:
    """Build the table: modality LUT or rescale, VOI, padding, inversion.

    Parameters
    ----------
    dataset : pydicom.dataset.Dataset
    layout : PixelFormat
    voi : str or int
        As in `mammozoo.io.dicom.read.read_mammogram`.
    name : str
        The file's base name, for messages.

    Returns
    -------
    GrayTable

    Raises
    ------
    BadHeaderError
        If a window is empty, not finite or of no width, or an asked-for VOI does not exist.

    Notes
    -----
    The output runs over the stored depth, 0 to ``2 ** bits_stored - 1``. Without VOI the values after the modality
    LUT are kept where they fit, else stretched to that range.
    """
    first = -(1 << (layout.bits_stored - 1)) if layout.signed else 0
    top = float((1 << layout.bits_stored) - 1)
    chosen, label = _choose_voi(dataset, voi=voi, name=name)
    if chosen is None and _is_plain(dataset, layout):
        return GrayTable(None, first, label, ())
    stored = np.arange(first, first + (1 << layout.bits_stored))
    values = _modality(stored, dataset)
    if chosen is not None:
        values = _apply_voi(values, dataset, chosen, top=top, name=name)
    elif values.min() < 0 or values.max() > 65535 or np.any(values != np.rint(values)):
        values = (values - values.min()) * (top / max(float(values.max() - values.min()), 1.0))
    warnings = []
    inverse = layout.photometric == "MONOCHROME1"
    shape = text(dataset, "PresentationLUTShape").upper()
    if shape in ("INVERSE", "IDENTITY") and (shape == "INVERSE") != inverse:
        warnings.append(f"PresentationLUTShape {shape} contradicts {layout.photometric}, which was followed")
    if inverse:
        values = invert(values, low=0.0, high=max(top, float(values.max())))
    values = _without_padding(values, stored, dataset)
    levels = np.rint(values)
    same_type = chosen is None or layout.bits_allocated == 16
    if not inverse and same_type and np.array_equal(levels, stored):
        return GrayTable(None, first, label, tuple(warnings))
    return GrayTable(levels.astype(np.uint16), first, label, tuple(warnings))


def _is_plain(dataset: Dataset, layout: PixelFormat) -> bool:
    """Whether an image without VOI is shown as it is stored, which needs no table to be made and compared."""
    return (
        layout.photometric == "MONOCHROME2"
        and not layout.signed
        and not any(key in dataset for key in ("ModalityLUTSequence", "PixelPaddingValue"))
        and number(dataset, "RescaleSlope") in (None, 1.0)
        and not number(dataset, "RescaleIntercept")
        and text(dataset, "PresentationLUTShape").upper() != "INVERSE"
    )


def _modality(stored: Array, dataset: Dataset) -> Array:
    sequence = dataset.get("ModalityLUTSequence")
    if sequence:
        table, first = _lut(sequence[0])
        return apply_lut(stored, table=table, first=first).astype(np.float64)
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    return apply_rescale(stored, slope=1.0 if slope is None else slope, intercept=intercept or 0.0)


def _lut(item: Dataset) -> tuple[Array, int]:
    """Table and first mapped value of a LUT item, whatever its value representation."""
    count, first, bits = (int(value) for value in item.LUTDescriptor)
    data = item.LUTData
    if isinstance(data, bytes):
        table = np.frombuffer(data, dtype="<u2" if len(data) >= 2 * (count or 65536) else "u1")
    else:
        table = np.asarray(data)
    if first >= 32768 and item["LUTDescriptor"].VR == "SS":
        first -= 65536
    return table[: count or 65536].astype(np.int64) & ((1 << max(bits, 1)) - 1), first


def _choose_voi(dataset: Dataset, *, voi: str | int, name: str) -> tuple[tuple[str, int] | None, str]:
    """Kind and index of the VOI to apply, and its label."""
    luts = len(dataset.get("VOILUTSequence") or [])
    windows = max(_count(dataset, "WindowCenter"), _count(dataset, "WindowWidth"))
    forms = [("lut", i) for i in range(luts)] + [("window", i) for i in range(windows)]
    if voi == "none" or (voi == "first" and not forms):
        return None, "none"
    if voi == "first":
        index = 0
    elif isinstance(voi, int):
        index = voi
    else:
        explanations = _values(dataset, "WindowCenterWidthExplanation")
        matches = [luts + i for i, item in enumerate(explanations) if str(item).strip().lower() == voi.lower()]
        index = matches[0] if matches else -1
    if not 0 <= index < len(forms):
        msg = f"{name}: VOI {voi!r} was asked for; the header has {luts} VOI LUTs and {windows} windows"
        raise BadHeaderError(msg)
    kind, place = forms[index]
    function = text(dataset, "VOILUTFunction") or "LINEAR"
    total = luts if kind == "lut" else windows
    return forms[index], f"{kind} {place + 1} of {total}" + (f" ({function})" if kind == "window" else "")


def _values(dataset: Dataset, keyword: str) -> list[Any]:
    value = dataset.get(keyword)
    if value is None or value == "":
        return []
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, str) else [value]


def _count(dataset: Dataset, keyword: str) -> int:
    return len(_values(dataset, keyword))


def _apply_voi(values: Array, dataset: Dataset, form: tuple[str, int], *, top: float, name: str) -> Array:
    kind, index = form
    if kind == "lut":
        table, first = _lut(dataset.VOILUTSequence[index])
        return apply_lut(values, table=table, first=first) * (top / max(float(table.max()), 1.0))
    center, width = (number(dataset, key, index=index) for key in ("WindowCenter", "WindowWidth"))
    if center is None or width is None:
        msg = f"{name}: WindowCenter (0028,1050) or WindowWidth (0028,1051) is empty or no number; wanted two numbers"
        raise BadHeaderError(msg)
    try:
        function = (text(dataset, "VOILUTFunction") or "LINEAR").upper()
        return apply_window(values, center=center, width=width, function=function, high=top)
    except ValueError as error:
        msg = f"{name}: {error} (0028,1050), (0028,1051), (0028,1056); pass voi='none' to read it without"
        raise BadHeaderError(msg) from error


def _without_padding(values: Array, stored: Array, dataset: Dataset) -> Array:
    """Make padding the darkest value."""
    padded = is_padding(stored, dataset)
    return values if padded is None else np.where(padded, float(values.min()), values)


def is_padding(stored: Array, dataset: Dataset) -> Mask | None:
    """Which of the stored values are padding; None where none are, or all."""
    padding = number(dataset, "PixelPaddingValue")
    if padding is None:
        return None
    limit = number(dataset, "PixelPaddingRangeLimit")
    low, high = sorted((padding, padding if limit is None else limit))
    padded: Mask = (stored >= low) & (stored <= high)
    return padded if padded.any() and not padded.all() else None

# SPDX-License-Identifier: Apache-2.0
"""The grey-scale pipeline of a DICOM image as one table over its stored values."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from pydicom.dataset import Dataset

from ..._typing import Array, Mask
from ...functional.intensity import apply_lut, apply_rescale, apply_window, invert
from ..errors import BadHeaderError
from .header import BIG_ENDIAN, PixelFormat, number, text
from .lut import LookupTable, lookup_table
from .padding import padding_of

_WIDE_LUT = int(cv2.__version__.split(".")[0]) >= 5  # since then with 65,536 entries for 16 bits
_ROWS = 64
_SAMPLE = 1 << 16  # pixels that tell whether a VOI leaves any contrast
_MOST = 32  # VOIs are tried
_FEW = 0.0005  # of them, at either end, do not count
_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True)
class Grayscale:
    """Pixels after the pipeline, what was applied, and warnings."""

    pixels: Array
    voi: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class GrayTable:
    """Stored value, from `first`, to display value as uint16; without a table the values stay as they are."""

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


def gray_table(stored: Array, dataset: Dataset, layout: PixelFormat, *, voi: str | int, name: str) -> GrayTable:
    """Build the table of modality LUT, VOI, padding and inversion for stored values (H, W)."""
    first = -(1 << (layout.depth - 1)) if layout.signed else 0
    forms = _vois(dataset, voi=voi, name=name)
    if not forms and _is_plain(dataset, layout):
        return GrayTable(None, first, "none", ())
    levels = np.arange(first, first + (1 << layout.depth))
    counts = _counts(stored, first, len(levels))
    padded, warnings = _padded(levels, counts, dataset, layout)
    plain, remarks = _modality(levels, dataset, layout)
    values, label, further = _with_voi(plain, counts, dataset, layout, forms, strict=voi != "first", name=name)
    warnings += [*remarks, *further]
    top = float((1 << (layout.depth if label == "none" else layout.bits_stored)) - 1)
    if label == "none" and (values.min() < 0 or values.max() > 65535 or np.any(values != np.rint(values))):
        values = (values - values.min()) * (top / max(float(values.max() - values.min()), 1e-9))
    inverse = layout.photometric == "MONOCHROME1"
    shape = text(dataset, "PresentationLUTShape").upper()
    if shape in ("INVERSE", "IDENTITY") and (shape == "INVERSE") != inverse:
        warnings.append(f"PresentationLUTShape {shape} contradicts {layout.photometric}, which was followed")
    if inverse:
        values = invert(values, low=0.0, high=max(top, float(values.max())))
    if padded is not None:
        values = np.where(padded, float(values.min()), values)
    shown = np.rint(values)
    same_type = label == "none" or layout.bits_allocated == 16
    if not inverse and same_type and np.array_equal(shown, levels):
        return GrayTable(None, first, label, tuple(warnings))
    return GrayTable(shown.astype(np.uint16), first, label, tuple(warnings))


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


def _counts(stored: Array, first: int, size: int) -> Array:
    """How often some pixels of the image have each stored value from `first`."""
    step = max(1, math.isqrt(stored.size // _SAMPLE))
    index = stored[::step, ::step].ravel().astype(np.int64) - first
    return np.bincount(index[(index >= 0) & (index < size)], minlength=size)


def _padded(levels: Array, counts: Array, dataset: Dataset, layout: PixelFormat) -> tuple[Mask | None, list[str]]:
    """Which stored values are padding, None if none; they no longer count."""
    padding = padding_of(dataset, layout)
    padded = None if padding is None else padding.holds(levels)
    if padding is None or padded is None or not padded.any() or padded.all():
        return None, []
    if not counts[~padded].any():
        return None, ["PixelPaddingValue (0028,0120) covers the whole image and is not followed"]
    counts[padded] = 0
    return padded, list(padding.remarks)


def _modality(levels: Array, dataset: Dataset, layout: PixelFormat) -> tuple[Array, list[str]]:
    remarks = []
    if sequence := dataset.get("ModalityLUTSequence"):
        try:
            values, table = _looked_up(sequence[0], levels, layout)
            return values, [f"ModalityLUTSequence (0028,3000): {remark}" for remark in table.remarks]
        except ValueError as error:
            remarks.append(f"ModalityLUTSequence (0028,3000) is not applied: {error}")
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept") or 0.0
    slope = 1.0 if slope is None else slope
    with np.errstate(over="ignore"):
        values = apply_rescale(levels, slope=slope, intercept=intercept)
    if slope == 0 or not np.isfinite(values).all():
        return levels, [*remarks, f"RescaleSlope (0028,1053) {slope:g} leaves no contrast and is not applied"]
    return values, remarks


def _looked_up(item: Dataset, values: Array, layout: PixelFormat) -> tuple[Array, LookupTable]:
    """Values through the LUT of an item, and the LUT."""
    try:
        descriptor, data = item.get("LUTDescriptor"), item.get("LUTData")
    except Exception as error:  # whatever a damaged element makes pydicom raise
        msg = "LUTDescriptor (0028,3002) or LUTData (0028,3006) cannot be read"
        raise ValueError(msg) from error
    span = float(values.min()), float(values.max())
    table = lookup_table(descriptor, data, span=span, big_endian=layout.transfer_syntax == BIG_ENDIAN)
    return apply_lut(values, table=table.entries, first=table.first).astype(np.float64), table


def _vois(dataset: Dataset, *, voi: str | int, name: str) -> list[tuple[str, int, str]]:
    """Kind, index and label of the VOIs to try, LUTs before windows."""
    luts = sum(isinstance(item, Dataset) for item in dataset.get("VOILUTSequence") or ())
    windows = max(len(_values(dataset, "WindowCenter")), len(_values(dataset, "WindowWidth")))
    function = text(dataset, "VOILUTFunction") or "LINEAR"
    forms = [("lut", i, f"lut {i + 1} of {luts}") for i in range(luts)]
    forms += [("window", i, f"window {i + 1} of {windows} ({function})") for i in range(windows)]
    if voi in ("none", "first"):
        return forms[:_MOST] if voi == "first" else []
    if isinstance(voi, int):
        index = voi
    else:
        explanations = _values(dataset, "WindowCenterWidthExplanation")
        matches = [luts + i for i, item in enumerate(explanations) if str(item).strip().lower() == voi.lower()]
        index = matches[0] if matches else -1
    if not 0 <= index < len(forms):
        msg = f"{name}: VOI {voi!r} was asked for; the header has {luts} VOI LUTs and {windows} windows"
        raise BadHeaderError(msg)
    return [forms[index]]


def _values(dataset: Dataset, keyword: str) -> list[Any]:
    value = dataset.get(keyword)
    if value is None or value == "":
        return []
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, str) else [value]


def _with_voi(
    plain: Array,
    counts: Array,
    dataset: Dataset,
    layout: PixelFormat,
    forms: list[tuple[str, int, str]],
    *,
    strict: bool,
    name: str,
) -> tuple[Array, str, list[str]]:
    """Values after the first VOI that can be used, its label (``"none"``), and remarks."""
    top = float((1 << layout.bits_stored) - 1)
    remarks: list[str] = []
    for kind, index, label in forms:
        try:
            values, found = _apply_voi(plain, dataset, layout, kind, index, top=top)
        except ValueError as error:
            if strict:
                msg = f"{name}: {error}; pass voi='none' to read it without"
                raise BadHeaderError(msg) from error
            remarks.append(f"{label} is not applied: {error}")
            continue
        flat = _contrast(values, counts) < top / 256 and _contrast(plain, counts) > 0
        remarks += [f"{label}: {remark}" for remark in found]
        if flat:
            remarks.append(f"{label} leaves no contrast{'' if strict else ' and is not applied'}")
        if strict or not flat:
            return values, label, remarks
    return plain, "none", remarks


def _apply_voi(
    values: Array, dataset: Dataset, layout: PixelFormat, kind: str, index: int, *, top: float
) -> tuple[Array, tuple[str, ...]]:
    if kind == "lut":
        shown, table = _looked_up(dataset.VOILUTSequence[index], values, layout)
        return shown * (top / max(float(table.entries.max()), 1.0)), table.remarks
    center, width = (number(dataset, key, index=index) for key in ("WindowCenter", "WindowWidth"))
    if center is None or width is None:
        msg = "WindowCenter (0028,1050) or WindowWidth (0028,1051) is empty or not a number; expected two numbers"
        raise ValueError(msg)
    stated = (text(dataset, "VOILUTFunction") or "LINEAR").upper()
    function = re.sub("[ -]", "_", stated)
    remarks: tuple[str, ...] = ()
    if function not in _FUNCTIONS:
        function, remarks = "LINEAR", (f"VOILUTFunction (0028,1056) {stated} is unknown: taken as LINEAR",)
    return apply_window(values, center=center, width=width, function=function, high=top), remarks


def _contrast(values: Array, counts: Array) -> float:
    """Range of the values of the counted pixels, but for a few at either end."""
    used = np.flatnonzero(counts)
    if not used.size:
        return 0.0
    order = used[np.argsort(values[used], kind="stable")]
    share = np.cumsum(counts[order]) / counts[order].sum()
    low, high = np.searchsorted(share, (_FEW, 1 - _FEW))
    return float(values[order[min(high, len(order) - 1)]] - values[order[low]])

# SPDX-License-Identifier: Apache-2.0
"""Read a DICOM header within limits, and check it before any pixel is decoded."""

from __future__ import annotations

import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from ..errors import BadHeaderError, NotAnImageError, UnsupportedError

MAX_SIDE = 20_000
BIG_ENDIAN, _DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
_MAMMOGRAPHY = ("1.2.840.10008.5.1.4.1.1.1.2", "1.2.840.10008.5.1.4.1.1.1.2.1")
_GRAY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420")


@dataclass(frozen=True)
class PixelFormat:
    """What the header says of the stored pixels."""

    rows: int
    columns: int
    frames: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    transfer_syntax: str
    depth: int


def read_header(path: Path, *, max_bytes: int, pixels: bool = True) -> Dataset:
    """Parse a DICOM file; large values (the pixels) stay in the file until they are asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        meta = pydicom.filereader.read_file_meta_info(path) if _has_preamble(path) else None
        syntax = str(meta.get("TransferSyntaxUID", "")) if meta is not None else ""
        if syntax == _DEFLATED:
            dataset = _inflated(path, max_bytes=max_bytes)
        else:
            dataset = pydicom.dcmread(path, force=True, defer_size=1 << 16, stop_before_pixels=not pixels)
    if not dataset or ("SOPClassUID" not in dataset and "Rows" not in dataset and "Modality" not in dataset):
        msg = f"{path.name} is neither DICOM nor a PNG, JPEG, TIFF, PGM or NIfTI image"
        raise NotAnImageError(msg)
    return dataset


def _has_preamble(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(128)
        return file.read(4) == b"DICM"


def _inflated(path: Path, *, max_bytes: int) -> Dataset:
    with path.open("rb") as file:
        file.seek(132)
        meta = pydicom.filereader._read_file_meta_info(file)
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        content = inflater.decompress(file.read(), max_bytes)
    if inflater.unconsumed_tail:
        msg = f"{path.name} inflates to more than {max_bytes} bytes: refused as a deflate bomb"
        raise BadHeaderError(msg)
    dataset = pydicom.dcmread(BytesIO(content), force=True)
    dataset.file_meta = meta
    return dataset


def check_header(dataset: Dataset, *, name: str, max_pixels: int, allow_color: bool) -> PixelFormat:
    """Check object, size, depth and photometric interpretation; `name` is the file's, for messages."""
    _check_object(dataset, name)
    rows, columns = (_integer(dataset, tag, name) for tag in ("Rows", "Columns"))
    if not (1 <= rows <= MAX_SIDE and 1 <= columns <= MAX_SIDE) or rows * columns > max_pixels:
        msg = (
            f"{name}: Rows x Columns (0028,0010), (0028,0011) is {rows} x {columns}; expected 1 to {MAX_SIDE} each and "
            f"at most {max_pixels} pixels"
        )
        raise BadHeaderError(msg)
    allocated = _integer(dataset, "BitsAllocated", name)
    stored = _integer(dataset, "BitsStored", name, default=allocated)
    high = _integer(dataset, "HighBit", name, default=stored - 1)
    if allocated not in (8, 16) or not 1 <= stored <= allocated or not stored - 1 <= high < allocated:
        msg = (
            f"{name}: BitsAllocated {allocated}, BitsStored {stored}, HighBit {high} (0028,0100)-(0028,0102); expected "
            "8 or 16 allocated, stored within allocated, the high bit within both"
        )
        raise BadHeaderError(msg)
    photometric = text(dataset, "PhotometricInterpretation").upper()
    if photometric not in (*_GRAY, *_COLOUR):
        msg = (
            f"{name}: PhotometricInterpretation (0028,0004) is {photometric or 'absent'}; expected {' or '.join(_GRAY)}"
        )
        raise BadHeaderError(msg)
    if photometric in _COLOUR and not allow_color:
        msg = f"{name} is a colour image ({photometric}); pass allow_color=True to read its luminance"
        raise UnsupportedError(msg)
    samples = _integer(dataset, "SamplesPerPixel", name, default=1)
    if samples != (1 if photometric in (*_GRAY, "PALETTE COLOR") else 3):
        msg = f"{name}: SamplesPerPixel (0028,0002) is {samples}, which does not fit {photometric}"
        raise BadHeaderError(msg)
    return PixelFormat(
        rows=rows,
        columns=columns,
        frames=max(_integer(dataset, "NumberOfFrames", name, default=1), 1),
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high,
        signed=_integer(dataset, "PixelRepresentation", name, default=0) == 1,
        photometric=photometric,
        transfer_syntax=str(getattr(dataset, "file_meta", {}).get("TransferSyntaxUID", "") or ""),
        depth=stored,
    )


def _check_object(dataset: Dataset, name: str) -> None:
    sop_class, modality = text(dataset, "SOPClassUID"), text(dataset, "Modality").upper()
    if sop_class not in _MAMMOGRAPHY and modality not in ("MG", ""):
        msg = f"{name}: Modality (0008,0060) is {modality!r}; expected 'MG'"
        raise NotAnImageError(msg)
    if "PixelData" not in dataset:
        msg = f"{name} has no PixelData (7FE0,0010)"
        raise NotAnImageError(msg)


def text(dataset: Any, keyword: str) -> str:
    """Value of an attribute as stripped text; empty when absent or empty."""
    value = dataset.get(keyword, "") if dataset is not None else ""
    if value is None:
        return ""
    if isinstance(value, pydicom.multival.MultiValue):
        value = value[0] if value else ""
    return str(value).strip()


def number(dataset: Any, keyword: str, *, index: int = 0) -> float | None:
    """Value of an attribute as a finite float; None when absent, empty or not a number."""
    value = dataset.get(keyword) if dataset is not None else None
    if isinstance(value, pydicom.multival.MultiValue | list | tuple):
        value = value[index] if index < len(value) else None
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if abs(found) < float("inf") else None


def _integer(dataset: Dataset, keyword: str, name: str, *, default: int | None = None) -> int:
    value = number(dataset, keyword)
    if value is None and default is not None:
        return default
    if value is None or value != int(value):
        msg = f"{name}: {keyword} is {'absent' if value is None else value}; expected an integer"
        raise BadHeaderError(msg)
    return int(value)

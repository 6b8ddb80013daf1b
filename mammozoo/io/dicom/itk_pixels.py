# SPDX-License-Identifier: Apache-2.0
"""Decode the stored pixels of one DICOM frame with ITK, for those who want GDCM's codecs.

ITK hands over values after the rescale and after its own inversion of MONOCHROME1; both are taken back here, so that
the grey-scale pipeline is the same whatever decoded the pixels. Where ITK is not right it is not asked: colour (it
may end the process), stored bits that do not start at bit 0 (not shifted), signed MONOCHROME1 (refused by GDCM).
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from ..._optional import optional_import
from ..._typing import Array
from ..errors import BadPixelsError, UnsupportedError
from .codestream import stated_image
from .decode import RAW, RLE, frame_bytes
from .header import PixelFormat, number
from .stored import Decoded, stored_values


def decode_frame_itk(path: Path, dataset: Dataset, layout: PixelFormat, *, frame: int, name: str) -> Decoded:
    """Decode one frame to stored values with ITK, as `mammozoo.io.dicom.decode.decode_frame`."""
    _check_trusted(layout, name)
    if layout.transfer_syntax not in RAW | {RLE}:
        stated = stated_image(frame_bytes(dataset, layout, frame=frame, name=name))
        if stated is not None and (stated.bits < layout.bits_stored or stated.signed > layout.signed):
            msg = f"{name}: the code stream and the header disagree on bits or sign; use backend='pydicom'"
            raise UnsupportedError(msg)
    try:
        values = _values(path)
    except RuntimeError as error:
        msg = f"{name}: ITK cannot decode the pixel data; try backend='pydicom'"
        raise BadPixelsError(msg) from error
    if values.shape != (layout.frames, layout.rows, layout.columns):
        msg = f"{name}: ITK decodes {values.shape}, the header states {(layout.frames, layout.rows, layout.columns)}"
        raise BadPixelsError(msg)
    return stored_values(_as_stored(values[frame], dataset, layout), dataset, layout)


def _values(path: Path) -> Array:
    """All frames after ITK's rescale and inversion, (N, H, W)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        itk: Any = optional_import("itk", extra="itk")
        image = itk.imread(str(path), imageio=itk.GDCMImageIO.New())
        return np.array(itk.array_view_from_image(image))


def _check_trusted(layout: PixelFormat, name: str) -> None:
    reason = ""
    if layout.photometric not in ("MONOCHROME1", "MONOCHROME2"):
        reason = f"{layout.photometric} images"
    elif layout.high_bit != layout.bits_stored - 1:
        reason = f"HighBit {layout.high_bit} with BitsStored {layout.bits_stored}"
    elif layout.signed and layout.photometric == "MONOCHROME1":
        reason = "signed MONOCHROME1"
    if reason:
        msg = f"{name}: the ITK backend does not read {reason}; use backend='pydicom'"
        raise UnsupportedError(msg)


def _as_stored(values: Array, dataset: Dataset, layout: PixelFormat) -> Array:
    """Take rescale and inversion back."""
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept") or 0.0
    if slope and (slope, intercept) != (1.0, 0.0):
        values = np.rint((values.astype(np.float64) - intercept) / slope)
    dtype = np.dtype(f"{'i' if layout.signed else 'u'}{layout.bits_allocated // 8}")
    stored = values.astype(dtype, copy=False)
    if layout.photometric == "MONOCHROME1":
        stored = np.asarray((1 << layout.bits_stored) - 1, dtype) - stored
    return stored

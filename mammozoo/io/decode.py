# SPDX-License-Identifier: Apache-2.0
"""Decode the stored pixels of one DICOM frame: imagecodecs first, pydicom's own decoders as the fallback."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from pydicom import encaps
from pydicom.dataset import Dataset

from .._typing import Array
from .errors import BadPixelsError, UnsupportedError
from .header import PixelFormat

__all__ = ["decode_frame"]

_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_RAW = {"", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", _BIG_ENDIAN}
_RLE = "1.2.840.10008.1.2.5"
_CODECS: dict[str, tuple[str, Callable[..., Any]]] = {
    "1.2.840.10008.1.2.4.50": ("JPEG Baseline", imagecodecs.jpeg8_decode),
    "1.2.840.10008.1.2.4.51": ("JPEG Extended", imagecodecs.jpeg8_decode),
    "1.2.840.10008.1.2.4.57": ("JPEG Lossless", imagecodecs.ljpeg_decode),
    "1.2.840.10008.1.2.4.70": ("JPEG Lossless SV1", imagecodecs.ljpeg_decode),
    "1.2.840.10008.1.2.4.80": ("JPEG-LS Lossless", imagecodecs.jpegls_decode),
    "1.2.840.10008.1.2.4.81": ("JPEG-LS Near-lossless", imagecodecs.jpegls_decode),
    "1.2.840.10008.1.2.4.90": ("JPEG 2000 Lossless", imagecodecs.jpeg2k_decode),
    "1.2.840.10008.1.2.4.91": ("JPEG 2000", imagecodecs.jpeg2k_decode),
    "1.2.840.10008.1.2.4.201": ("HTJ2K Lossless", imagecodecs.jpeg2k_decode),
    "1.2.840.10008.1.2.4.202": ("HTJ2K RPCL", imagecodecs.jpeg2k_decode),
    "1.2.840.10008.1.2.4.203": ("HTJ2K", imagecodecs.jpeg2k_decode),
}


def decode_frame(dataset: Dataset, layout: PixelFormat, *, frame: int, name: str) -> Array:
    """Decode one frame to stored values.

    Parameters
    ----------
    dataset : pydicom.dataset.Dataset
    layout : PixelFormat
        Checked.
    frame : int
        From 0.
    name : str
        The file's base name, for messages.

    Returns
    -------
    numpy.ndarray
        (H, W), or (H, W, 3) for colour; uint8, uint16, int8 or int16, with the bits that are not stored cleared.

    Raises
    ------
    BadPixelsError
        If the data are truncated or do not decode to the size that the header states.
    UnsupportedError
        If there is no decoder for the transfer syntax.
    """
    if layout.transfer_syntax in _RAW:
        pixels = _raw(dataset, layout, frame=frame, name=name)
    elif layout.transfer_syntax == _RLE or layout.transfer_syntax in _CODECS:
        pixels = _encapsulated(dataset, layout, frame=frame, name=name)
    else:
        pixels = _fallback(dataset, layout, frame=frame, name=name)
    wanted = (layout.rows, layout.columns) + ((layout.samples,) if layout.samples > 1 else ())
    if pixels.shape != wanted:
        msg = f"{name}: the pixel data decode to {pixels.shape}, the header states {wanted}"
        raise BadPixelsError(msg)
    return _stored_bits(pixels, layout)


def _raw(dataset: Dataset, layout: PixelFormat, *, frame: int, name: str) -> Array:
    order = ">" if layout.transfer_syntax == _BIG_ENDIAN else "<"
    dtype = np.dtype(f"{order}u{layout.bits_allocated // 8}")
    count = layout.rows * layout.columns * layout.samples
    data = dataset.PixelData
    if len(data) < count * dtype.itemsize * layout.frames:
        msg = (
            f"{name}: PixelData (7FE0,0010) holds {len(data)} bytes; {layout.rows} x {layout.columns} at "
            f"{layout.bits_allocated} bits needs {count * dtype.itemsize * layout.frames}"
        )
        raise BadPixelsError(msg)
    values = np.frombuffer(data, dtype=dtype, count=count, offset=frame * count * dtype.itemsize)
    if layout.samples == 1:
        return values.reshape(layout.rows, layout.columns)
    if dataset.get("PlanarConfiguration", 0) == 1:
        return np.moveaxis(values.reshape(layout.samples, layout.rows, layout.columns), 0, -1)
    return values.reshape(layout.rows, layout.columns, layout.samples)


def _encapsulated(dataset: Dataset, layout: PixelFormat, *, frame: int, name: str) -> Array:
    data = _frame_bytes(dataset.PixelData, layout.frames, frame)
    if layout.transfer_syntax == _RLE:
        dtype = np.dtype(f"<u{layout.bits_allocated // 8}")
        decoded = imagecodecs.dicomrle_decode(data, dtype)
        count = layout.rows * layout.columns * layout.samples
        values = np.frombuffer(decoded, dtype=dtype)
        if values.size < count:
            msg = f"{name}: the RLE data give {values.size} values, the header states {count}"
            raise BadPixelsError(msg)
        planes = values[:count].reshape(layout.samples, layout.rows, layout.columns)
        return planes[0] if layout.samples == 1 else np.moveaxis(planes, 0, -1)
    _check_codestream_size(data, layout, name)
    return np.asarray(_CODECS[layout.transfer_syntax][1](data))


def _check_codestream_size(data: bytes, layout: PixelFormat, name: str) -> None:
    """Compare the size that a JPEG 2000 code stream states with the header, before memory is taken for it."""
    start = data.find(b"\xff\x4f\xff\x51")
    if start < 0:
        return
    width = int.from_bytes(data[start + 8 : start + 12], "big")
    height = int.from_bytes(data[start + 12 : start + 16], "big")
    if (height, width) != (layout.rows, layout.columns):
        msg = f"{name}: the code stream is {height} x {width}, the header states {layout.rows} x {layout.columns}"
        raise BadPixelsError(msg)


def _frame_bytes(data: bytes, frames: int, frame: int) -> bytes:
    """Bytes of one encapsulated frame, with pydicom 2.4 as well as 3."""
    generate = getattr(encaps, "generate_frames", None)
    if generate is not None:
        found = generate(data, number_of_frames=frames)
    else:
        found = encaps.generate_pixel_data_frame(data, frames)
    for index, item in enumerate(found):
        if index == frame:
            return bytes(item)
    msg = f"frame {frame} is missing"
    raise ValueError(msg)


def _fallback(dataset: Dataset, layout: PixelFormat, *, frame: int, name: str) -> Array:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels = np.asarray(dataset.pixel_array)
    except Exception as error:
        msg = f"{name}: no decoder for transfer syntax {layout.transfer_syntax}; install pydicom's pixel data plugins"
        raise UnsupportedError(msg) from error
    return pixels[frame] if layout.frames > 1 else pixels


def _stored_bits(pixels: Array, layout: PixelFormat) -> Array:
    """Clear what lies outside the stored bits (old overlays do), and extend the sign."""
    if not pixels.dtype.isnative:
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
    bits = 8 * pixels.dtype.itemsize
    shift = max(layout.high_bit + 1 - layout.bits_stored, 0)
    mask = (1 << layout.bits_stored) - 1
    if shift:
        pixels = pixels >> shift
    if not layout.signed:
        unsigned = pixels if pixels.dtype.kind == "u" else pixels.view(f"u{bits // 8}")
        return unsigned & np.asarray(mask, unsigned.dtype) if layout.bits_stored < bits else unsigned
    signed = pixels.view(f"i{bits // 8}")
    move = bits - layout.bits_stored
    return (signed << move) >> move if move else signed

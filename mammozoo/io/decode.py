# SPDX-License-Identifier: Apache-2.0
"""Decode the stored pixels of one DICOM frame: imagecodecs first, pydicom's own decoders as the fallback."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from pydicom import encaps
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from .._typing import Array
from .codestream import StatedImage, stated_image
from .errors import BadPixelsError, UnsupportedError
from .header import PixelFormat

__all__ = ["HTJ2K", "JPEG2000", "RAW", "RLE", "decode_frame", "frame_bytes", "only_stored_bits", "openjph"]

_BIG_ENDIAN = "1.2.840.10008.1.2.2"
RAW = frozenset({"", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", _BIG_ENDIAN})
RLE = "1.2.840.10008.1.2.5"
_JPEG: dict[str, Callable[..., Any]] = {
    "1.2.840.10008.1.2.4.50": imagecodecs.jpeg8_decode,  # Baseline
    "1.2.840.10008.1.2.4.51": imagecodecs.jpeg8_decode,  # Extended
    "1.2.840.10008.1.2.4.57": imagecodecs.ljpeg_decode,  # Lossless
    "1.2.840.10008.1.2.4.70": imagecodecs.ljpeg_decode,  # Lossless SV1
    "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_decode,  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.81": imagecodecs.jpegls_decode,  # JPEG-LS Near-lossless
}
JPEG2000 = frozenset({"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"})
HTJ2K = frozenset({"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"})
_MAY_BE_LOSSY = {f"1.2.840.10008.1.2.4.{last}" for last in (50, 51, 81, 91, 203)}
_MAX_TILES = 4096  # a decoder takes kilobytes for each tile, whatever its size
_PIXEL_DATA = 0x7FE00010
_END = b"\xff\xd9"  # end of code stream; a byte of padding may follow


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
    syntax = layout.transfer_syntax
    if syntax in RAW:
        pixels = _raw(dataset, layout, frame=frame, name=name)
    elif syntax == RLE:
        pixels = _rle(frame_bytes(dataset, layout, frame=frame, name=name), layout, name=name)
    elif syntax in HTJ2K:
        pixels = _htj2k(frame_bytes(dataset, layout, frame=frame, name=name), layout)
    elif syntax in JPEG2000 or syntax in _JPEG:
        decode: Callable[..., Any] = _JPEG.get(syntax, imagecodecs.jpeg2k_decode)
        pixels = np.asarray(decode(frame_bytes(dataset, layout, frame=frame, name=name)))
    else:
        pixels = _fallback(dataset, layout, frame=frame, name=name)
    wanted = (layout.rows, layout.columns) + ((layout.samples,) if layout.samples > 1 else ())
    if pixels.shape != wanted:
        msg = f"{name}: the pixel data decode to {pixels.shape}, the header states {wanted}"
        raise BadPixelsError(msg)
    return only_stored_bits(pixels, layout)


def _raw(dataset: Dataset, layout: PixelFormat, *, frame: int, name: str) -> Array:
    order = ">" if layout.transfer_syntax == _BIG_ENDIAN else "<"
    dtype = np.dtype(f"{order}u{layout.bits_allocated // 8}")
    count = layout.rows * layout.columns * layout.samples
    held, values = _raw_values(dataset, dtype, count=count, frame=frame)
    needed = count * dtype.itemsize * layout.frames
    if held < needed:
        msg = (
            f"{name}: PixelData (7FE0,0010) holds {held} bytes; {layout.rows} x {layout.columns} at "
            f"{layout.bits_allocated} bits needs {needed}"
        )
        raise BadPixelsError(msg)
    if layout.samples == 1:
        return values.reshape(layout.rows, layout.columns)
    if dataset.get("PlanarConfiguration", 0) == 1:
        return np.moveaxis(values.reshape(layout.samples, layout.rows, layout.columns), 0, -1)
    return values.reshape(layout.rows, layout.columns, layout.samples)


def _raw_values(dataset: Dataset, dtype: np.dtype[Any], *, count: int, frame: int) -> tuple[int, Array]:
    """Bytes of pixel data that there are, and the values of one frame, from the file where they are still there."""
    start = frame * count * dtype.itemsize
    parsed: Any = dataset._dict  # reading the value through the data set would read every frame
    element = parsed.get(_PIXEL_DATA)
    path = getattr(dataset, "filename", None)
    if isinstance(element, RawDataElement) and element.value is None and isinstance(path, str | Path):
        values = np.fromfile(path, dtype=dtype, count=count, offset=element.value_tell + start)
        return element.length if values.size == count else min(element.length, start + values.nbytes), values
    data = dataset.PixelData
    return len(data), np.frombuffer(data[start : start + count * dtype.itemsize], dtype=dtype)


def _rle(data: bytes, layout: PixelFormat, *, name: str) -> Array:
    dtype = np.dtype(f"<u{layout.bits_allocated // 8}")
    count = layout.rows * layout.columns * layout.samples
    out = np.empty(count * dtype.itemsize, np.uint8)  # bounds what the runs can ask for
    decoded: Any = imagecodecs.dicomrle_decode(data, dtype, out=out.data)
    if len(decoded) < out.size:
        msg = f"{name}: the RLE data give {len(decoded)} bytes, the header states {out.size}"
        raise BadPixelsError(msg)
    planes = out.view(dtype).reshape(layout.samples, layout.rows, layout.columns)
    return planes[0] if layout.samples == 1 else np.moveaxis(planes, 0, -1)


def _htj2k(data: bytes, layout: PixelFormat) -> Array:
    """OpenJPH is twice as fast as OpenJPEG; what it does not take, OpenJPEG may."""
    stated = stated_image(data)
    if stated is not None and layout.samples == 1 and not stated.signed:
        with suppress(Exception):  # its errors have no common class
            return openjph(data, (layout.rows, layout.columns), bits=stated.bits)
    return np.asarray(imagecodecs.jpeg2k_decode(data))


def openjph(data: bytes, shape: tuple[int, int], *, bits: int, skip: int = 0) -> Array:
    """Decode one unsigned component with OpenJPH, without its `skip` highest resolutions.

    imagecodecs drops the error that OpenJPH raises on damage within the image (Python then prints "Exception ignored")
    and returns what there was in memory. Rows come from the top, so a last row that was not touched gives it away.

    Raises
    ------
    BadPixelsError
        If the data are not complete (or the last row all white, at 8 or 16 bits: another decoder will tell).
    """
    if _END not in data[-4:]:  # OpenJPH would fill in what is missing
        msg = "the HTJ2K data have no end"
        raise BadPixelsError(msg)
    out = np.empty(shape, np.uint16 if bits > 8 else np.uint8)
    white = np.iinfo(out.dtype).max
    out[-1] = white
    pixels: Array = np.asarray(imagecodecs.htj2k_decode(data, skipres=skip, out=out))
    if pixels.shape != shape or bool((pixels[-1] == white).all()):
        msg = "the HTJ2K data end before the image does"
        raise BadPixelsError(msg)
    return pixels


def frame_bytes(dataset: Dataset, layout: PixelFormat, *, frame: int, name: str) -> bytes:
    """Compressed bytes of one frame, once what they state of themselves agrees with the header.

    Raises
    ------
    BadPixelsError
        If the frame is missing or its own header states another size, more components, or absurdly many tiles.
    """
    data = _encapsulated(dataset.PixelData, layout.frames, frame)
    if data is None:
        msg = f"{name}: frame {frame} is missing in PixelData (7FE0,0010)"
        raise BadPixelsError(msg)
    if layout.transfer_syntax == RLE:
        return data
    stated = stated_image(data)
    if stated is None or not _agrees(stated, layout):
        found = "holds no image of its kind" if stated is None else f"is {stated.height} x {stated.width}"
        more = f" of {stated.components} components in {stated.tiles} tiles" if stated else ""
        msg = f"{name}: the code stream {found}{more}; the header states {layout.rows} x {layout.columns} of "
        raise BadPixelsError(f"{msg}{layout.samples}")
    return data


def _agrees(stated: StatedImage, layout: PixelFormat) -> bool:
    same = (stated.height, stated.width, stated.components) == (layout.rows, layout.columns, layout.samples)
    return same and stated.bits <= 16 and 1 <= stated.tiles <= _MAX_TILES


def _encapsulated(data: bytes, frames: int, frame: int) -> bytes | None:
    """Bytes of one encapsulated frame, with pydicom 2.4 as well as 3."""
    generate = getattr(encaps, "generate_frames", None)
    if generate is not None:
        found = generate(data, number_of_frames=frames)
    else:
        found = encaps.generate_pixel_data_frame(data, frames)
    return next((bytes(item) for index, item in enumerate(found) if index == frame), None)


def _fallback(dataset: Dataset, layout: PixelFormat, *, frame: int, name: str) -> Array:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels = np.asarray(dataset.pixel_array)
    except Exception as error:
        msg = f"{name}: no decoder for transfer syntax {layout.transfer_syntax}; install pydicom's pixel data plugins"
        raise UnsupportedError(msg) from error
    return pixels[frame] if layout.frames > 1 else pixels


def only_stored_bits(pixels: Array, layout: PixelFormat) -> Array:
    """Clear what lies outside the stored bits (old overlays do), and extend the sign.

    Lossy codecs may overshoot the stored range where they work at a greater depth: those values are clipped.
    """
    if not pixels.dtype.isnative:
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
    bits = 8 * pixels.dtype.itemsize
    shift = max(layout.high_bit + 1 - layout.bits_stored, 0)
    mask = (1 << layout.bits_stored) - 1
    if shift:
        pixels = pixels >> shift
    if layout.signed:
        signed: Array = pixels.view(f"i{bits // 8}")
        move = bits - layout.bits_stored
        return np.asarray((signed << move) >> move) if move else signed
    unsigned: Array = pixels if pixels.dtype.kind == "u" else pixels.view(f"u{bits // 8}")
    if layout.bits_stored >= bits or int(unsigned.max()) <= mask:  # looking is cheaper than another array
        return unsigned
    limit = np.asarray(mask, unsigned.dtype)
    return np.asarray(np.minimum(unsigned, limit) if layout.transfer_syntax in _MAY_BE_LOSSY else unsigned & limit)

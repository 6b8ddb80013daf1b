# SPDX-License-Identifier: Apache-2.0
"""Decode the stored pixels of one DICOM frame: imagecodecs first, pydicom's own decoders as the fallback."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from pydicom import encaps
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from ..._typing import Array
from ..errors import BadPixelsError, UnsupportedError
from ..raster.jpeg import jpeg_facts, jpeg_image
from ..raster.jpeg_damage import jpeg_damage
from .codestream import DamagedStreamError, StatedImage, is_sound_htj2k, raised, stated_image
from .header import BIG_ENDIAN, PixelFormat
from .stored import Decoded, stored_values

RAW = frozenset({"", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", BIG_ENDIAN})
RLE = "1.2.840.10008.1.2.5"
_JPEG: dict[str, Callable[..., Any]] = {
    "1.2.840.10008.1.2.4.50": imagecodecs.jpeg8_decode,  # Baseline
    "1.2.840.10008.1.2.4.51": imagecodecs.jpeg8_decode,  # Extended
    "1.2.840.10008.1.2.4.57": imagecodecs.ljpeg_decode,  # Lossless
    "1.2.840.10008.1.2.4.70": imagecodecs.ljpeg_decode,  # Lossless SV1
    "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_decode,  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.81": imagecodecs.jpegls_decode,  # JPEG-LS Near-lossless
}
_JPEG_LOSSLESS = frozenset({"1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"})
JPEG2000 = frozenset({"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"})
HTJ2K = frozenset({"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"})
MAY_BE_LOSSY = {f"1.2.840.10008.1.2.4.{last}" for last in (50, 51, 81, 91, 203)}
_MAX_TILES = 4096  # a decoder takes kilobytes for each tile, whatever its size
_PIXEL_DATA = 0x7FE00010
_END = b"\xff\xd9"  # of a code stream
_BLOCK = 1 << 18  # bytes


def decode_frame(dataset: Dataset, layout: PixelFormat, *, frame: int, name: str) -> Decoded:
    """Decode one frame (from 0) to stored values; `name` is the file's, for messages."""
    syntax, highest, stated = layout.transfer_syntax, None, None
    remarks: tuple[str, ...] = ()
    if syntax in RAW:
        pixels, highest = _raw(dataset, layout, frame=frame, name=name)
    elif syntax == RLE:
        pixels = _rle(frame_bytes(dataset, layout, frame=frame, name=name), layout, name=name)
    elif syntax in HTJ2K | JPEG2000 | set(_JPEG):
        data = frame_bytes(dataset, layout, frame=frame, name=name)
        stated = stated_image(data)
        if syntax in _JPEG:
            pixels, remarks = _jpeg(data, syntax, name=name)
        else:
            pixels = _htj2k(data, layout) if syntax in HTJ2K else np.asarray(imagecodecs.jpeg2k_decode(data))
    else:
        pixels = _fallback(dataset, layout, frame=frame, name=name)
    wanted = (layout.rows, layout.columns) + ((layout.samples,) if layout.samples > 1 else ())
    if pixels.shape != wanted:
        msg = f"{name}: the pixel data decode to {pixels.shape}, the header states {wanted}"
        raise BadPixelsError(msg)
    lossy = syntax in MAY_BE_LOSSY
    found = stored_values(pixels, dataset, layout, stated=stated, highest=highest, lossy=lossy)
    return replace(found, remarks=remarks + found.remarks) if remarks else found


def _raw(dataset: Dataset, layout: PixelFormat, *, frame: int, name: str) -> tuple[Array, int | None]:
    """Values of a frame, and the highest of them where that is known already."""
    order = ">" if layout.transfer_syntax == BIG_ENDIAN else "<"
    dtype = np.dtype(f"{order}u{layout.bits_allocated // 8}")
    count = layout.rows * layout.columns * layout.samples
    held, values, highest = _raw_values(dataset, dtype, count=count, frame=frame)
    needed = count * dtype.itemsize * layout.frames
    if held < needed or held >= 2 * max(needed, 1):  # other bits or further frames than the header states
        msg = (
            f"{name}: PixelData (7FE0,0010) holds {held} bytes; {layout.rows} x {layout.columns} at "
            f"{layout.bits_allocated} bits needs {needed}"
        )
        raise BadPixelsError(msg)
    if layout.samples == 1:
        return values.reshape(layout.rows, layout.columns), highest
    if dataset.get("PlanarConfiguration", 0) == 1:
        return np.moveaxis(values.reshape(layout.samples, layout.rows, layout.columns), 0, -1), highest
    return values.reshape(layout.rows, layout.columns, layout.samples), highest


def _raw_values(dataset: Dataset, dtype: np.dtype[Any], *, count: int, frame: int) -> tuple[int, Array, int | None]:
    """Bytes of pixel data that there are, the values of one frame, from the file where they still are, the highest."""
    start = frame * count * dtype.itemsize
    path, element = _in_file(dataset)
    if dtype.itemsize == 1 and _in_swapped_words(dataset, element):
        data = dataset.PixelData
        words = np.frombuffer(data[: len(data) // 2 * 2], np.uint8).reshape(-1, 2)[:, ::-1].reshape(-1)
        return len(data), words[start : start + count], None
    if element is not None:
        values, highest = _values_in_file(path, dtype, count=count, offset=element.value_tell + start)
        held = element.length if values.size == count else min(element.length, start + values.nbytes)
        return held, values, highest
    data = dataset.PixelData
    return len(data), np.frombuffer(data[start : start + count * dtype.itemsize], dtype=dtype), None


def _in_swapped_words(dataset: Dataset, element: RawDataElement | None) -> bool:
    """Whether pixels of 8 bits stand in words of another byte order (PS3.5 8.1.1)."""
    syntax = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID", "")
    return syntax == BIG_ENDIAN and (dataset["PixelData"] if element is None else element).VR == "OW"


def _in_file(dataset: Dataset) -> tuple[Path, RawDataElement | None]:
    """The file and the element of the pixel data if they were not read with the header; else no element."""
    parsed: Any = dataset._dict  # reading the value through the data set would read every frame
    element, path = parsed.get(_PIXEL_DATA), getattr(dataset, "filename", None)
    waits = isinstance(element, RawDataElement) and element.value is None and isinstance(path, str | Path)
    return Path(str(path)), element if waits else None


def _values_in_file(path: Path, dtype: np.dtype[Any], *, count: int, offset: int) -> tuple[Array, int]:
    """As many of `count` values as the file has, and the highest, looked for while a block is in the cache."""
    highest = 0
    with path.open("rb", buffering=0) as blocks:
        size = max(0, min(count, (os.fstat(blocks.fileno()).st_size - offset) // dtype.itemsize))
        values = np.empty(size, dtype)
        blocks.seek(offset)
        filled, raw = 0, values.data.cast("B")
        while filled < values.nbytes and (read := blocks.readinto(raw[filled : filled + _BLOCK])):
            begin, filled = filled // dtype.itemsize, filled + read
            highest = max(highest, int(values[begin : filled // dtype.itemsize].max(initial=0)))
    return values[: filled // dtype.itemsize], highest


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


def _jpeg(data: bytes, syntax: str, *, name: str) -> tuple[Array, tuple[str, ...]]:
    """Decode, once nothing is wrong with the stream; remarks say what could not be decided."""
    facts = jpeg_facts(data)
    whole = jpeg_image(data, facts)  # CharLS would count zeros behind the end for seconds
    if whole is None:
        msg = f"{name}: the JPEG data have no end of image; the file is truncated"
        raise BadPixelsError(msg)
    if fault := jpeg_damage(whole):
        msg = f"{name}: the JPEG data are damaged: {fault}"
        raise BadPixelsError(msg)
    pixels = np.asarray(_JPEG[syntax](whole))
    if syntax not in _JPEG_LOSSLESS:
        return pixels, ()
    fault, remark = _lossless_damage(pixels, whole, bits=facts.bits)
    if fault:
        msg = f"{name}: the JPEG Lossless data are damaged: {fault}"
        raise BadPixelsError(msg)
    return pixels, (remark,) if remark else ()


def _lossless_damage(pixels: Array, data: bytes, *, bits: int) -> tuple[str, str]:
    """What is wrong, and what cannot be decided: damage makes predictions leave the range, or decoders disagree."""
    if bits < 16:
        return f"values beyond its {bits} bits" if int(pixels.max(initial=0)) >> bits else "", ""
    try:
        other = np.asarray(imagecodecs.jpegsof3_decode(data))
    except Exception:  # not in this build, or a stream that it does not take
        return "", "damage of JPEG Lossless data of 16 bits cannot be seen: no second decoder reads them"
    return "" if np.array_equal(pixels, other) else "two decoders disagree", ""


def _htj2k(data: bytes, layout: PixelFormat) -> Array:
    """OpenJPH is twice as fast as OpenJPEG; what it does not take, OpenJPEG may."""
    stated = stated_image(data)
    if stated is not None and layout.samples == 1 and not stated.signed:
        try:
            return openjph(data, (layout.rows, layout.columns), bits=stated.bits)
        except DamagedStreamError:
            raise
        except Exception:  # its errors have no common class
            pass
    return np.asarray(imagecodecs.jpeg2k_decode(data))


def openjph(data: bytes, shape: tuple[int, int], *, bits: int, skip: int = 0) -> Array:
    """Decode one unsigned component with OpenJPH, without its `skip` highest resolutions."""
    if _END not in data[-4:] or not is_sound_htj2k(data):  # OpenJPH would fill in what is missing
        msg = "the HTJ2K data have no end or a header that OpenJPH does not take"
        raise BadPixelsError(msg)
    out = np.empty(shape, np.uint16 if bits > 8 else np.uint8)
    white = np.iinfo(out.dtype).max
    out[-1] = white
    with raised("the HTJ2K data"):
        pixels: Array = np.asarray(imagecodecs.htj2k_decode(data, skipres=skip, out=out))
    if pixels.shape != shape or bool((pixels[-1] == white).all()):
        msg = "the HTJ2K data end before the image does"
        raise BadPixelsError(msg)
    return pixels


def frame_bytes(dataset: Dataset, layout: PixelFormat, *, frame: int, name: str) -> bytes:
    """Compressed bytes of one frame, once what they state of themselves agrees with the header."""
    try:
        data = _encapsulated(dataset, layout.frames, frame)
    except (ValueError, struct.error) as error:
        msg = f"{name}: the offset table or the items of PixelData (7FE0,0010) are damaged; expected one item a frame"
        raise BadPixelsError(msg) from error
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


def _encapsulated(dataset: Dataset, frames: int, frame: int) -> bytes | None:
    """Bytes of one encapsulated frame, without the others where they are still in the file."""
    path, element = _in_file(dataset)
    if not hasattr(encaps, "generate_frames"):  # pydicom 2, which MONAI Label's environment has
        return next(islice(encaps.generate_pixel_data_frame(dataset.PixelData, frames), frame, None), None)
    if element is None:
        found = encaps.generate_frames(dataset.PixelData, number_of_frames=frames)
        return next(islice(found, frame, None), None)
    with path.open("rb") as file:
        file.seek(element.value_tell)
        return next(islice(encaps.generate_frames(file, number_of_frames=frames), frame, None), None)


def _fallback(dataset: Dataset, layout: PixelFormat, *, frame: int, name: str) -> Array:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels = np.asarray(dataset.pixel_array)
    except Exception as error:
        msg = f"{name}: no decoder for transfer syntax {layout.transfer_syntax}; install pydicom's pixel data plugins"
        raise UnsupportedError(msg) from error
    return pixels[frame] if layout.frames > 1 else pixels

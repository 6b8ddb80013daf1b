# SPDX-License-Identifier: Apache-2.0
"""Size of an image from its header, without decoding the pixels."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from ..._errors import UserError
from ..._typing import PathLike
from ..masks import read_pixels

__all__ = ["image_shape"]

#: JPEG markers that start a frame (all SOF but the three that are tables: DHT, JPG, DAC).
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}


def image_shape(path: PathLike) -> tuple[int, int]:
    r"""Rows and columns of an image file.

    Parameters
    ----------
    path : PathLike
        PNG, JPEG, TIFF and PGM by their headers, DICOM by its reader, anything else by decoding it.

    Returns
    -------
    (int, int)
        (H, W).

    Raises
    ------
    ValueError
        If the header is broken.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.pgm"
    ...     _ = file.write_bytes(b"P5 # comment\n3 2\n255\n......")
    ...     image_shape(file)
    (2, 3)
    """
    with Path(path).open("rb") as stream:
        magic = stream.read(4)
        stream.seek(0)
        try:
            if magic.startswith(b"\x89PNG"):
                return _png(stream)
            if magic.startswith(b"\xff\xd8"):
                return _jpeg(stream)
            if magic in (b"II*\0", b"MM\0*"):
                return _tiff(stream)
            if magic[:2] in (b"P5", b"P2"):
                return _pgm(stream)
        except (struct.error, IndexError, KeyError) as error:
            raise UserError(f"{path}: the header is cut short or broken; fetch the file again") from error
    height, width = read_pixels(path).shape
    return height, width


def _png(stream: BinaryIO) -> tuple[int, int]:
    stream.seek(16)
    width, height = struct.unpack(">II", stream.read(8))
    return height, width


def _jpeg(stream: BinaryIO) -> tuple[int, int]:
    stream.seek(2)
    while True:
        marker = stream.read(2)
        if marker[0] != 0xFF:
            raise IndexError
        code = marker[1]
        if code == 0xFF:  # fill byte
            stream.seek(-1, 1)
            continue
        (length,) = struct.unpack(">H", stream.read(2))
        if code in _FRAMES:
            _, height, width = struct.unpack(">BHH", stream.read(5))
            return height, width
        stream.seek(length - 2, 1)


def _tiff(stream: BinaryIO) -> tuple[int, int]:
    order = "<" if stream.read(4)[:2] == b"II" else ">"
    (offset,) = struct.unpack(order + "I", stream.read(4))
    stream.seek(offset)
    (entries,) = struct.unpack(order + "H", stream.read(2))
    size = {}
    for _ in range(entries):
        tag, kind, _, raw = struct.unpack(order + "HHI4s", stream.read(12))
        if tag in (256, 257):  # ImageWidth, ImageLength: SHORT or LONG
            size[tag] = struct.unpack(order + ("H" if kind == 3 else "I"), raw[: 2 if kind == 3 else 4])[0]
    return size[257], size[256]


def _pgm(stream: BinaryIO) -> tuple[int, int]:
    lines = stream.read(1024).split(b"\n")
    words = b" ".join(line.split(b"#")[0] for line in lines[:8]).split()
    return int(words[2]), int(words[1])

# SPDX-License-Identifier: Apache-2.0
"""PGM files, binary (P5) and as text (P2): comments, line ends of any system, 8 to 16 bits."""

from __future__ import annotations

import re
import warnings

import numpy as np

from ..._typing import Array

PGM = (b"P2", b"P5")
_MAX_HEADER = 1 << 16

#: Width, height, greatest value, and where the whitespace before the pixels begins.
PgmHeader = tuple[int, int, int, int]


def pgm_header(data: bytes) -> PgmHeader:
    """Read the header."""
    place = 2
    numbers: list[int] = []
    while len(numbers) < 3:
        byte = data[place : place + 1]
        if not byte or place > _MAX_HEADER:
            msg = "the PGM header ends early"
            raise ValueError(msg)
        end = place + 1
        if byte == b"#":
            while data[end : end + 1] not in (b"\n", b"\r", b""):
                end += 1
        elif not byte.isspace():
            while data[end : end + 1].isdigit():
                end += 1
            numbers.append(int(data[place:end]))
        place = end
    width, height, highest = numbers
    if not 1 <= highest <= 65535 or not (width and height):
        msg = f"the PGM header says {width} x {height} of at most {highest}; expected a size and 1 to 65535"
        raise ValueError(msg)
    return width, height, highest, place


def decode_pgm(data: bytes, header: PgmHeader) -> Array:
    """The pixels (H, W), uint8 or uint16, as they are stored."""
    width, height, highest, place = header
    dtype = np.dtype("u1" if highest < 256 else ">u2")
    size = width * height
    if data.startswith(b"P2"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # text that is not a number
            try:
                values = np.fromstring(re.sub(rb"#[^\r\n]*", b"", data[place:]).decode("ascii"), sep=" ", dtype=int)
            except (DeprecationWarning, UnicodeDecodeError) as error:
                msg = "the PGM text holds something that is not a number"
                raise ValueError(msg) from error
    else:
        crlf = data[place : place + 2] == b"\r\n" and len(data) >= place + 2 + size * dtype.itemsize
        values = np.frombuffer(data[place + (2 if crlf else 1) :][: size * dtype.itemsize], dtype)
    if values.size < size or values[:size].max() > highest or values[:size].min() < 0:
        msg = f"the PGM pixels are too few or exceed {highest}"
        raise ValueError(msg)
    return np.asarray(values[:size].reshape(height, width).astype(dtype.newbyteorder("=")))

# SPDX-License-Identifier: Apache-2.0
"""What code streams state of themselves, and the damage that must not reach a decoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pytest

from mammozoo.io.dicom.codestream import StatedImage, is_sound_htj2k, stated_image

PIXELS = (np.add.outer(np.arange(64) * 40, np.arange(48) * 20) % 4096).astype(np.uint16)
LOSSLESS = imagecodecs.htj2k_encode(PIXELS)
LOSSY = imagecodecs.htj2k_encode(PIXELS, level=0.002, reversible=False)


def find(data: bytes, marker: int) -> int:
    """Place of a segment's length."""
    return data.index(bytes([0xFF, marker])) + 2


def changed(data: bytes, place: int, value: bytes) -> bytes:
    return data[:place] + value + data[place + len(value) :]


@pytest.mark.parametrize(
    "encode",
    [
        imagecodecs.ljpeg_encode,
        imagecodecs.jpegls_encode,
        imagecodecs.htj2k_encode,
        lambda a: imagecodecs.jpeg2k_encode(a, codecformat="j2k", bitspersample=12),
        lambda a: imagecodecs.jpeg2k_encode(a, codecformat="jp2", bitspersample=12),
    ],
)
def test_size_and_depth_are_found(encode: Callable[..., Any]) -> None:
    found = stated_image(bytes(encode(PIXELS)))
    assert found is not None
    assert (found.height, found.width, found.components, found.tiles) == (64, 48, 1, 1)
    assert found.bits in (12, 13, 14, 15, 16)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\xff\x4f\xff\x51" + bytes(20), b"text"])
def test_no_header_is_none(data: bytes) -> None:
    assert stated_image(data) is None


def test_tiles_of_no_size() -> None:
    data = changed(LOSSLESS, find(LOSSLESS, 0x51) + 20, bytes(8))
    assert stated_image(data) == StatedImage(0, 0, 1, 0)


@pytest.mark.parametrize("data", [LOSSLESS, LOSSY, imagecodecs.htj2k_encode((PIXELS >> 4).astype(np.uint8))])
def test_what_encoders_write_is_sound(data: bytes) -> None:
    assert is_sound_htj2k(data)


@pytest.mark.parametrize(
    ("data", "marker", "offset", "value"),
    [
        (LOSSY, 0x5C, 3, b"\xff"),  # exponent 31: ended the process
        (LOSSY, 0x5C, 0, b"\x00\x03"),  # a quantisation segment without steps: the same
        (LOSSY, 0x5C, 2, b"\x23"),  # a style that does not exist
        (LOSSY, 0x50, -2, b"\x00\x50"),  # no capability segment: the same
        (LOSSY, 0x51, 12, b"\x01"),  # an image 16 million pixels from the origin: worked for hours
        (LOSSY, 0x90, 0, b"\x80\x0a"),  # a tile header of another length: the same
        (LOSSLESS, 0x52, 7, b"\x20"),  # more decompositions than quantisation steps
    ],
)
def test_what_ended_or_stopped_the_process_is_not_sound(data: bytes, marker: int, offset: int, value: bytes) -> None:
    assert not is_sound_htj2k(changed(data, find(data, marker) + offset, value))


@pytest.mark.parametrize("length", [0, 2, 30, 50, 60, 100])
def test_a_header_that_ends_is_not_sound(length: int) -> None:
    assert not is_sound_htj2k(LOSSY[:length])

# SPDX-License-Identifier: Apache-2.0
"""Damage of JPEG images that decoders pass over, and sound images of every kind that encoders write."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from mammozoo.io.errors import MammogramError
from mammozoo.io.raster.jpeg_damage import jpeg_damage
from mammozoo.io.raster.read import read_raster

ROWS, COLUMNS = np.mgrid[:130, :91]
GRAY = (120 + 80 * np.sin(ROWS / 9) * np.cos(COLUMNS / 7) + np.random.default_rng(0).normal(0, 9, (130, 91))).clip(
    0, 255
)
GRAY = GRAY.astype(np.uint8)
GRAY[100:, 60:] = 0
COLOUR = np.stack([GRAY, GRAY[::-1], GRAY[:, ::-1]], -1)
DEEP = GRAY.astype(np.uint16) * 16


def _pillow(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85, **options)
    return file.getvalue()


SOUND = {
    "gray": _pillow(GRAY),
    "optimised": _pillow(GRAY, optimize=True),
    "restarts": _pillow(GRAY, restart_marker_blocks=7),
    "restarts in every row": _pillow(COLOUR, restart_marker_rows=1, subsampling=2),
    "4:4:4": _pillow(COLOUR, subsampling=0),
    "4:2:2": _pillow(COLOUR, subsampling=1),
    "4:2:0": _pillow(COLOUR, subsampling=2),
    "progressive": _pillow(COLOUR, progressive=True),
    "coarse": bytes(imagecodecs.jpeg8_encode(GRAY, level=20)),
    "fine": bytes(imagecodecs.jpeg8_encode(GRAY, level=99)),
    "12 bits": bytes(imagecodecs.jpeg8_encode(DEEP, level=90, bitspersample=12)),
    "lossless": bytes(imagecodecs.ljpeg_encode(DEEP, bitspersample=12)),
    "JPEG-LS": bytes(imagecodecs.jpegls_encode(DEEP)),
}


@pytest.mark.parametrize("kind", SOUND)
def test_sound_images_have_no_damage(kind: str) -> None:
    data = SOUND[kind]
    assert jpeg_damage(data) == ""
    assert jpeg_damage(data + bytes(100)) == ""  # behind the end
    scan = data.rindex(b"\xff\xda")
    assert jpeg_damage(data[:scan] + b"\xff\xff" + data[scan:]) == ""  # fill bytes
    assert jpeg_damage(data[:-2] + b"\xff\xff\xff\xd9") == ""


def _middle(data: bytes) -> int:
    """A place in the midst of the scan that splits no marker."""
    place = (data.rindex(b"\xff\xda") + len(data)) // 2
    while 0xFF in data[place - 2 : place + 2]:
        place += 1
    return place


DAMAGE = {
    "cut and ended": lambda data, at: data[:at] + b"\xff\xd9",
    "the last bytes gone": lambda data, at: data[:-30] + b"\xff\xd9",
    "a piece gone": lambda data, at: data[:at] + data[at + 200 :],
    "a piece twice": lambda data, at: data[:at] + data[at - 200 :],
    "zeros": lambda data, at: data[:at] + bytes(200) + data[at + 200 :],
    "a marker": lambda data, at: data[:at] + b"\xff\xc1" + data[at + 2 :],
    "a restart": lambda data, at: data[:at] + b"\xff\xd5" + data[at + 2 :],
    "a reserved marker": lambda data, at: data[:at] + b"\xff\x02" + data[at + 2 :],
    "no end": lambda data, at: data[:-2],
    "nothing but the end": lambda data, at: data[: data.rindex(b"\xff\xda") + 14] + b"\xff\xd9",
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("kind", ["gray", "restarts", "4:2:0", "12 bits", "fine"])
def test_damage_is_said(kind: str, how: str) -> None:
    if (kind, how) == ("4:2:0", "zeros"):
        how = "a piece gone"  # these zeros are as many blocks as what they replace: nothing tells
    data = SOUND[kind]
    assert jpeg_damage(DAMAGE[how](data, _middle(data)))


@pytest.mark.parametrize("how", ["a marker", "a restart", "a reserved marker", "no end", "nothing but the end"])
def test_damage_of_lossless_images_is_said_where_markers_tell(how: str) -> None:
    assert jpeg_damage(DAMAGE[how](SOUND["lossless"], _middle(SOUND["lossless"])))


def test_restart_markers_in_another_order() -> None:
    data = SOUND["restarts"]
    first, second = data.index(b"\xff\xd1"), data.index(b"\xff\xd2")
    swapped = data[:first] + b"\xff\xd2" + data[first + 2 : second] + b"\xff\xd1" + data[second + 2 :]
    assert jpeg_damage(swapped) == "restart marker 2 stands where 1 belongs"


@pytest.mark.parametrize("kind", SOUND)
def test_any_bytes_are_judged_without_an_error(kind: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(60):
        data = bytearray(SOUND[kind])
        for place in rng.integers(2, len(data), rng.integers(1, 5)):
            data[place] = rng.integers(256)
        assert isinstance(jpeg_damage(bytes(data[: rng.integers(4, len(data) + 1)])), str)


@pytest.mark.parametrize("how", ["cut and ended", "a piece twice", "zeros"])
def test_a_damaged_picture_is_refused(how: str, tmp_path: Path) -> None:
    data = SOUND["gray"]
    (tmp_path / "a.jpg").write_bytes(DAMAGE[how](data, _middle(data)))
    with pytest.raises(MammogramError, match="damaged"):
        read_raster(tmp_path / "a.jpg", max_pixels=10**6)

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest

from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
from mammozoo.io.errors import MammogramError
from mammozoo.io.shape import image_shape

PIXELS = np.random.default_rng(0).integers(0, 255, (37, 21)).astype(np.uint8)


def _dicom(pixels: np.ndarray) -> bytes:
    header = MammogramHeader(
        patient_id="1", laterality="L", view_position="CC", pixel_spacing=(0.1, 0.1), uid_key="1", study_key="1"
    )
    return mammogram_bytes(pixels.astype(np.uint16), header)


def test_sizes_come_from_headers(tmp_path: Path) -> None:
    contents = {
        "a.jpg": imagecodecs.jpeg8_encode(PIXELS),
        "a.tif": imagecodecs.tiff_encode(PIXELS),
        "a.dcm": _dicom(PIXELS),
        "b": _dicom(PIXELS),
        "a.pgm": b"P5\n# a remark\n21 37\n255\n" + PIXELS.tobytes(),
        "a.pbm": b"P4 21 37\n" + bytes(3 * 37),
        "a.png": cv2.imencode(".png", PIXELS)[1].tobytes(),
        "a.bmp": cv2.imencode(".bmp", PIXELS)[1].tobytes(),
        "a.gif": imagecodecs.gif_encode(PIXELS),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert image_shape(tmp_path / name) == (37, 21), name


def test_a_changed_file_is_looked_at_again(tmp_path: Path) -> None:
    file = tmp_path / "a.bmp"
    file.write_bytes(cv2.imencode(".bmp", PIXELS)[1].tobytes())
    assert image_shape(file) == (37, 21)
    file.write_bytes(cv2.imencode(".bmp", PIXELS[:30])[1].tobytes())
    assert image_shape(file) == (30, 21)


def test_orientation_turns_the_size(tmp_path: Path) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    plain = imagecodecs.jpeg8_encode(PIXELS)
    (tmp_path / "a.jpg").write_bytes(plain[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + plain[2:])
    assert image_shape(tmp_path / "a.jpg") == (21, 37)


@pytest.mark.parametrize(
    "head",
    [b"", b"\x89PNG", b"\xff\xd8\xff", b"II*\0\x08\0\0\0", b"P5\n3", b"GIF89a", b"BM", b"text", b"P4\n", bytes(200)],
)
def test_a_header_that_is_cut_short(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a").write_bytes(head)
    with pytest.raises(MammogramError, match="fetch the file again"):
        image_shape(tmp_path / "a")


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.png", tmp_path):
        with pytest.raises(MammogramError, match="no such file|is damaged or no image"):
            image_shape(path)


def test_no_pixel_is_decoded(tmp_path: Path) -> None:
    """A thousand headers of films of 20 megapixels take as long as a thousand small files."""
    file = tmp_path / "a.dcm"
    file.write_bytes(_dicom(np.zeros((5000, 4000), np.uint16)))
    start = time.perf_counter()
    assert image_shape(file) == (5000, 4000)
    assert time.perf_counter() - start < 0.5

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest

from mammozoo.io.dicom.read import read_mammogram
from mammozoo.io.errors import MammogramError

GRAY8 = (np.add.outer(np.arange(30) * 5, np.arange(20) * 3) % 256).astype(np.uint8)
GRAY16 = GRAY8.astype(np.uint16) * 257


@pytest.mark.parametrize("image", [GRAY8, GRAY16], ids=["8", "16"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_depth_is_kept(tmp_path: Path, image: np.ndarray, suffix: str) -> None:
    file = tmp_path / f"image{suffix}"
    assert cv2.imwrite(str(file), image)
    found = read_mammogram(file)
    np.testing.assert_array_equal(found.pixels, image)
    assert (found.pixels.dtype, found.bits_stored) == (image.dtype, 8 * image.dtype.itemsize)
    assert (found.laterality, found.view_position, found.pixel_spacing) == ("", "", None)


def test_the_content_decides_not_the_suffix(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "a.png"), GRAY8)
    (tmp_path / "a.png").rename(tmp_path / "a.dcm")
    np.testing.assert_array_equal(read_mammogram(tmp_path / "a.dcm").pixels, GRAY8)


def test_jpeg(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(imagecodecs.jpeg8_encode(GRAY8, level=98))
    smooth = read_mammogram(tmp_path / "a.jpg").pixels
    assert np.median(np.abs(smooth.astype(int) - GRAY8)) <= 3


@pytest.mark.parametrize("channels", [3, 4])
def test_gray_stored_as_colour_with_or_without_alpha(tmp_path: Path, channels: int) -> None:
    """DMID stores gray as RGBA, compressed with LZW."""
    planes = [GRAY8, GRAY8, GRAY8, np.full_like(GRAY8, 255)][:channels]
    data = imagecodecs.tiff_encode(np.stack(planes, axis=-1), compression=5)
    (tmp_path / "a.tif").write_bytes(data)
    np.testing.assert_array_equal(read_mammogram(tmp_path / "a.tif").pixels, GRAY8)


def test_colour_becomes_luminance(tmp_path: Path) -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 2] = 200  # red, in OpenCV's order
    assert cv2.imwrite(str(tmp_path / "a.png"), image)
    assert set(np.unique(read_mammogram(tmp_path / "a.png").pixels)) == {round(0.299 * 200)}


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm", ".jpg"])
def test_size_is_limited_before_decoding(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"image{suffix}"
    assert cv2.imwrite(str(file), GRAY8)
    with pytest.raises(MammogramError, match="30 x 20; at most 100 pixels"):
        read_mammogram(file, max_pixels=100)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_truncated_files(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"image{suffix}"
    assert cv2.imwrite(str(file), np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    with pytest.raises(MammogramError, match="damaged or truncated"):
        read_mammogram(file)

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageOps

from mammozoo.data.masks import read_mask, read_pixels
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


def _saved(path: Path, image: Image.Image, kind: str, **options: Any) -> Path:
    image.save(path, kind, **({"quality": 100} if kind == "JPEG" else {}), **options)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_the_orientation_is_applied_to_images_and_masks(tmp_path: Path, orientation: int, kind: str) -> None:
    for stored in (GRAY8, np.where(GRAY8 > 100, 255, 0).astype(np.uint8)):
        image = Image.fromarray(stored)
        exif = image.getexif()
        exif[274] = orientation
        with Image.open(_saved(tmp_path / "upright.png", image, "PNG", exif=exif)) as opened:
            upright = np.asarray(ImageOps.exif_transpose(opened))
        file = _saved(tmp_path / f"a.{kind.lower()}", image, kind, exif=exif)
        found = read_mammogram(file)
        np.testing.assert_allclose(found.pixels, upright, atol=2)
        np.testing.assert_allclose(read_pixels(file), upright, atol=2)
        if stored is not GRAY8:
            np.testing.assert_array_equal(read_mask(file), upright > 127)
        assert any("orientation" in remark for remark in found.warnings) == (orientation > 1)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x09"])
def test_a_damaged_exif_block_is_no_reason_to_refuse(tmp_path: Path, exif: bytes) -> None:
    data = imagecodecs.jpeg8_encode(GRAY8, level=100)
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (tmp_path / "a.jpg").write_bytes(data[:2] + segment + data[2:])
    np.testing.assert_allclose(read_mammogram(tmp_path / "a.jpg").pixels, GRAY8, atol=2)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_gray_as_cmyk(tmp_path: Path, kind: str) -> None:
    file = _saved(tmp_path / "a", Image.fromarray(GRAY8).convert("CMYK"), kind)
    np.testing.assert_allclose(read_mammogram(file).pixels, GRAY8, atol=2)


def test_cmyk_without_adobes_mark_holds_the_ink(tmp_path: Path) -> None:
    data = _saved(tmp_path / "a.jpg", Image.fromarray(255 - GRAY8).convert("CMYK"), "JPEG").read_bytes()
    place = data.index(b"\xff\xee")
    (tmp_path / "a.jpg").write_bytes(
        data[:place] + data[place + 2 + int.from_bytes(data[place + 2 : place + 4], "big") :]
    )
    pixels = read_mammogram(tmp_path / "a.jpg").pixels
    assert pixels.shape == GRAY8.shape
    assert not pixels.any()  # cyan, magenta and yellow are full


@pytest.mark.parametrize("behind", [1, 1500, 5000, 100_000])
@pytest.mark.parametrize("byte", [b"\0", b"\xff", b"x"])
def test_bytes_behind_a_jpeg(tmp_path: Path, behind: int, byte: bytes) -> None:
    data = imagecodecs.jpeg8_encode(GRAY8, level=100)
    (tmp_path / "a.jpg").write_bytes(data + byte * behind)
    np.testing.assert_allclose(read_mammogram(tmp_path / "a.jpg").pixels, GRAY8, atol=2)
    (tmp_path / "a.jpg").write_bytes(data[:-20] + byte * behind)
    with pytest.raises(MammogramError, match="no end of image"):
        read_mammogram(tmp_path / "a.jpg")


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_image(tmp_path: Path) -> None:
    data = imagecodecs.jpeg8_encode(np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8), level=95)
    thumbnail = b"Exif\0\0" + b"II*\0\x08\0\0\0\0\0" + bytes(imagecodecs.jpeg8_encode(GRAY8))
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    whole = data[:2] + segment + data[2:]
    (tmp_path / "a.jpg").write_bytes(whole)
    assert read_mammogram(tmp_path / "a.jpg").pixels.shape == (200, 200)
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MammogramError, match="no end of image"):
        read_mammogram(tmp_path / "a.jpg")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("comments", [b"", b"# a scanner, 12 x 7", b"#"])
@pytest.mark.parametrize("highest", [255, 200, 4095, 65535])
@pytest.mark.parametrize("form", [b"P5", b"P2"])
def test_pgm_of_any_system(tmp_path: Path, end: bytes, comments: bytes, highest: int, form: bytes) -> None:
    pixels = (GRAY8.astype(np.int64) * highest // 255).astype(np.uint16)
    header = [form, *([comments] if comments else []), b"20", *([comments] if comments else []), b"30", b"%d" % highest]
    if form == b"P2":
        body = end.join(b" ".join(b"%d" % value for value in row) for row in pixels) + end
    else:
        body = pixels.astype(np.uint8 if highest < 256 else ">u2").tobytes()
    (tmp_path / "a.pgm").write_bytes(end.join(header) + end + body)
    found = read_mammogram(tmp_path / "a.pgm")
    np.testing.assert_array_equal(found.pixels, pixels)
    assert found.bits_stored == {255: 8, 200: 8, 4095: 12, 65535: 16}[highest]
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.pgm"), pixels)


@pytest.mark.parametrize(
    "content",
    [b"P5\n20 30\n255\n" + bytes(599), b"P5\n20 30\n100\n" + b"\xff" * 600, b"P5\n20 30\n0\n" + bytes(600), b"P5\n20",
     b"P5\n20 30\n70000\n" + bytes(1200), b"P2\n2 2\n255\n1 2 3", b"P2\n2 2\n255\n1 2 3 x", b"P2\n2 2\n255\n1 2 3 -4",
     b"P5\nwide 30\n255\n" + bytes(600), b"P5\n# no end" + b"#" * 70_000],
)  # fmt: skip
def test_damaged_pgm_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pgm").write_bytes(content)
    with pytest.raises(MammogramError, match="a.pgm"):
        read_mammogram(tmp_path / "a.pgm")


@pytest.mark.parametrize("color", [False, True])
def test_bmp(tmp_path: Path, color: bool) -> None:
    assert cv2.imwrite(str(tmp_path / "a.bmp"), np.stack([GRAY8] * 3, axis=-1) if color else GRAY8)
    np.testing.assert_array_equal(read_mammogram(tmp_path / "a.bmp").pixels, GRAY8)
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.bmp"), GRAY8)
    (tmp_path / "a.bmp").write_bytes((tmp_path / "a.bmp").read_bytes()[:60])
    with pytest.raises(MammogramError, match="damaged"):
        read_mammogram(tmp_path / "a.bmp")


def test_a_text_that_begins_as_bmp_does_is_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"BMI and age of the patients\n" * 20)
    with pytest.raises(MammogramError, match="neither DICOM nor"):
        read_mammogram(tmp_path / "a")

# SPDX-License-Identifier: Apache-2.0
"""TIFF files of scanners and of annotation tools: white is zero, palettes, several pages."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from mammozoo.data.masks import read_mask
from mammozoo.io.dicom import read_mammogram
from mammozoo.io.errors import MammogramError
from mammozoo.io.raster.tiff import decode_tiff, tiff_pages
from mammozoo.io.reader import MammogramReader

GRAY8 = (np.add.outer(np.arange(60) * 5, np.arange(40) * 3) % 256).astype(np.uint8)
THUMBNAIL = np.full((15, 10), 9, np.uint8)
LESIONS = [np.zeros((60, 40), np.uint8) for _ in range(3)]
for number, lesion in enumerate(LESIONS):
    lesion[5 + 15 * number : 12 + 15 * number, 8:20] = 255


def written(path: Path, *pages: np.ndarray, **options: Any) -> Path:
    with tifffile.TiffWriter(
        path, bigtiff=options.pop("bigtiff", False), byteorder=options.pop("byteorder", "<")
    ) as file:
        for page in pages:
            file.write(page, **{"photometric": "minisblack", "contiguous": False, **options})
    return path


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_white_is_zero(tmp_path: Path, bits: int, byteorder: Any, compression: Any) -> None:
    if bits == 12 and (compression or byteorder == ">"):
        pytest.skip("such files are not written here")
    wanted = GRAY8 if bits == 8 else GRAY8.astype(np.uint16) * (16 if bits == 12 else 257)
    options = {"photometric": "miniswhite", "byteorder": byteorder, "compression": compression}
    options |= {"bitspersample": 12} if bits == 12 else {}
    found = read_mammogram(written(tmp_path / "a.tif", np.asarray((1 << bits) - 1, wanted.dtype) - wanted, **options))
    np.testing.assert_array_equal(found.pixels, wanted)
    assert found.bits_stored == bits


@pytest.mark.parametrize("photometric", [0, 1])
def test_masks_of_one_bit(tmp_path: Path, photometric: int) -> None:
    mask = LESIONS[0] > 0
    Image.fromarray(mask).save(tmp_path / "m.tif", tiffinfo={262: photometric})
    assert tiff_pages((tmp_path / "m.tif").read_bytes())[0].photometric == photometric
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), mask)
    np.testing.assert_array_equal(read_mammogram(tmp_path / "m.tif").pixels, mask * np.uint8(255))


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    image = Image.fromarray(GRAY8 // 64, mode=None).convert("P")
    image.putpalette([value for level in (0, 80, 160, 240) for value in (level, level, level)])
    image.save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_mammogram(tmp_path / "a.tif").pixels, np.asarray([0, 80, 160, 240])[GRAY8 // 64])


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_the_largest_page_is_the_image(tmp_path: Path, place: int, bigtiff: bool) -> None:
    pages = [THUMBNAIL, THUMBNAIL[:10]]
    pages.insert(place, GRAY8)
    found = read_mammogram(written(tmp_path / "a.tif", *pages, bigtiff=bigtiff))
    np.testing.assert_array_equal(found.pixels, GRAY8)
    assert found.warnings == ("2 smaller pages are not read",)


def test_a_reduced_image_is_a_thumbnail_whatever_its_size(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    with tifffile.TiffWriter(file) as writer:
        writer.write(np.full((90, 90), 7, np.uint8), photometric="minisblack", subfiletype=1)
        writer.write(GRAY8, photometric="minisblack")
    np.testing.assert_array_equal(read_mammogram(file).pixels, GRAY8)


def test_white_is_zero_on_the_page_that_is_read(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(THUMBNAIL, photometric="minisblack")
        writer.write(255 - GRAY8, photometric="miniswhite")
    np.testing.assert_array_equal(read_mammogram(tmp_path / "a.tif").pixels, GRAY8)


def test_several_images_of_one_size(tmp_path: Path) -> None:
    found = read_mammogram(written(tmp_path / "a.tif", GRAY8, GRAY8[::-1]))
    np.testing.assert_array_equal(found.pixels, GRAY8)
    assert found.warnings == ("page 1 of 2 of one size is read",)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, bool])
@pytest.mark.parametrize("value", [1, 255])
def test_masks_of_one_lesion_a_page_are_united(tmp_path: Path, dtype: Any, value: int) -> None:
    pages = [(lesion > 0).astype(dtype) * np.asarray(value, dtype) for lesion in LESIONS]
    file = written(tmp_path / "m.tif", *pages, np.zeros((60, 40), dtype), THUMBNAIL.astype(dtype))
    union = np.any(LESIONS, axis=0)
    np.testing.assert_array_equal(read_mask(file), union)
    array, _ = MammogramReader().get_data(MammogramReader().read(file))
    np.testing.assert_array_equal(array.T > 0, union)


def test_masks_with_soft_edges_are_united(tmp_path: Path) -> None:
    soft = [lesion.copy() for lesion in LESIONS]
    for lesion in soft:
        lesion[4, 8:20] = 100
    np.testing.assert_array_equal(read_mask(written(tmp_path / "m.tif", *soft)), np.any(soft, axis=0))


def test_masks_and_an_image_of_one_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MammogramError, match="page 2 is not a mask as page 1 is"):
        read_mammogram(written(tmp_path / "a.tif", LESIONS[0], GRAY8))


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint32])
def test_other_types_are_refused_by_name(tmp_path: Path, dtype: Any) -> None:
    with pytest.raises(MammogramError, match=rf"a.tif holds an array of \(60, 40\) {np.dtype(dtype)}; expected one"):
        read_mammogram(written(tmp_path / "a.tif", GRAY8.astype(dtype)))


def test_pages_without_end(tmp_path: Path) -> None:
    data = bytearray(written(tmp_path / "a.tif", GRAY8).read_bytes())
    start = struct.unpack("<I", data[4:8])[0]
    end = start + 2 + 12 * struct.unpack("<H", data[start : start + 2])[0]
    data[end : end + 4] = struct.pack("<I", start)  # the next directory is this one
    assert len(tiff_pages(bytes(data))) == 1
    with pytest.raises(MammogramError, match="more than 64 pages"):
        read_mammogram(written(tmp_path / "b.tif", *[THUMBNAIL] * 65))
    with pytest.raises(ValueError, match="no image"):
        decode_tiff(b"", [])


def test_the_size_of_every_page_is_limited(tmp_path: Path) -> None:
    with pytest.raises(MammogramError, match="60 x 40; at most 2000 pixels"):
        read_mammogram(written(tmp_path / "a.tif", THUMBNAIL, GRAY8), max_pixels=2000)

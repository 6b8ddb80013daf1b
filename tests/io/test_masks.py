# SPDX-License-Identifier: Apache-2.0
"""One rule for masks in files, whatever wrote them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import nibabel
import numpy as np
import pytest

from mammozoo._errors import UserError
from mammozoo.io.errors import MammogramError
from mammozoo.io.masks import INVERTED, LOSSY, SOFT, binary_mask, match_shape, read_mask, same_aspect
from mammozoo.io.shape import image_shape

SHAPE = (120, 80)
DISK = cv2.circle(np.zeros(SHAPE, np.uint8), (30, 50), 14, 255, -1)
SQUARE = np.zeros(SHAPE, np.uint8)
SQUARE[80:110, 40:70] = 255
SOFT_DISK = cv2.GaussianBlur(DISK, (0, 0), 1.5)


def _tiff(*pages: Any, **options: Any) -> bytes:
    return bytes(imagecodecs.tiff_encode(np.stack(pages) if len(pages) > 1 else pages[0], **options))


def _cv(suffix: str, pixels: Any) -> bytes:
    return bytes(cv2.imencode(suffix, pixels)[1].tobytes())


#: File -> its content and the lesion that it means.
FILES: dict[str, tuple[bytes, Any]] = {
    "two.png": (_cv(".png", DISK), DISK),
    "ones.png": (_cv(".png", DISK // 255), DISK),
    "16.png": (_cv(".png", DISK.astype(np.uint16) * 257), DISK),
    "colour.png": (_cv(".png", np.dstack([DISK * 0, DISK * 0, DISK])), DISK),
    "alpha.png": (_cv(".png", np.dstack([DISK * 0 + 200] * 3 + [DISK])), DISK),
    "numbers.png": (_cv(".png", (DISK // 255) + 2 * (SQUARE // 255)), DISK | SQUARE),
    "distant numbers.png": (_cv(".png", (DISK // 255) * 100 + (SQUARE // 255) * 220), DISK | SQUARE),
    "two.bmp": (_cv(".bmp", DISK), DISK),
    "two.gif": (imagecodecs.gif_encode(DISK), DISK),
    "two.pgm": (_cv(".pgm", DISK), DISK),
    "two.pbm": (b"P4\n80 120\n" + np.packbits(DISK == 0, axis=1).tobytes(), DISK),
    "two.tif": (_tiff(DISK, compression="lzw"), DISK),
    "float.tif": (_tiff((DISK / 255).astype(np.float32)), DISK),
    "signed.tif": (_tiff(DISK.astype(np.int32)), DISK),
    "pages.tif": (_tiff(DISK, SQUARE), DISK | SQUARE),
    "lossy.jpg": (imagecodecs.jpeg8_encode(DISK, level=75), DISK),
    "soft.png": (_cv(".png", SOFT_DISK), DISK),
    "soft.tif": (_tiff((SOFT_DISK / 255).astype(np.float32)), DISK),
    "soft, half bright.png": (_cv(".png", SOFT_DISK // 2), DISK),
    "soft, 12 bits.png": (_cv(".png", SOFT_DISK.astype(np.uint16) * 16), DISK),
    "cubic.tif": (
        _tiff(
            cv2.resize(
                cv2.resize(DISK / np.float32(255), (40, 60), interpolation=cv2.INTER_AREA),
                SHAPE[::-1],
                interpolation=cv2.INTER_CUBIC,
            )
        ),
        DISK,
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_means_the_same(tmp_path: Path, name: str) -> None:
    content, lesion = FILES[name]
    (tmp_path / name).write_bytes(content)
    found = read_mask(tmp_path / name)
    assert found.mask.dtype == np.uint8
    assert set(np.unique(found.mask)) == {0, 1}
    soft = name.startswith(("soft", "cubic", "lossy"))
    assert np.count_nonzero(found.mask != (lesion > 0)) <= (0.1 * np.count_nonzero(lesion) if soft else 0)
    assert found.note == (LOSSY if name == "lossy.jpg" else SOFT if soft else "")
    assert image_shape(tmp_path / name) == SHAPE


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int16])
@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".NII.GZ"])
@pytest.mark.parametrize("axes", [2, 3])
def test_nifti(tmp_path: Path, dtype: type, ending: str, axes: int) -> None:
    values = 3 * (DISK.T > 0).astype(dtype)
    image = nibabel.Nifti1Image(values if axes == 2 else values[..., None], np.eye(4))
    nibabel.save(image, tmp_path / f"m{ending.lower()}")
    file = (tmp_path / f"m{ending.lower()}").rename(tmp_path / f"m{ending}")
    assert image_shape(file) == SHAPE
    if ending.islower():
        np.testing.assert_array_equal(read_mask(file).mask, DISK > 0)


@pytest.mark.parametrize("level", [30, 50, 75, 90, 98])
def test_what_a_jpeg_became_after_it(tmp_path: Path, level: int) -> None:
    """A JPEG that was saved as PNG carries the same noise; it is told from numbered lesions by its neighbours."""
    pixels = imagecodecs.jpeg8_decode(imagecodecs.jpeg8_encode(DISK, level=level))
    (tmp_path / "m.png").write_bytes(_cv(".png", pixels))
    found = read_mask(tmp_path / "m.png")
    assert found.note == SOFT
    assert np.count_nonzero(found.mask) == pytest.approx(np.count_nonzero(DISK), rel=0.02)


def test_many_numbered_dots() -> None:
    labels = np.zeros((60, 60), np.uint8)
    for number in range(1, 61):
        labels[number - 1, (7 * number) % 60] = number
    mask, note = binary_mask(labels)
    assert (mask.sum(), note) == (60, "")


def test_touching_numbers_and_three_levels() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[10:40, 10:40], labels[40:60, 10:40], labels[80:110, 20:60] = 64, 128, 255
    assert binary_mask(labels)[0].sum() == 900 + 600 + 1200


def test_an_empty_jpeg_is_empty(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 4, SHAPE).astype(np.uint8)
    assert not binary_mask(noise, lossy=True)[0].any()
    assert binary_mask(np.zeros(SHAPE, np.uint8), lossy=True)[1] == ""


def _mammogram() -> Any:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    inside = ((rows - 60) / 50) ** 2 + (columns / 60) ** 2 < 1
    return (inside * (90 + 40 * np.sin(rows / 9) + 30 * np.cos(columns / 7))).astype(np.uint8)


@pytest.mark.parametrize("what", ["mammogram", "probability map", "negative", "not a number"])
def test_what_is_no_mask_is_refused(what: str) -> None:
    values: Any = {
        "mammogram": _mammogram(),
        "probability map": cv2.GaussianBlur(DISK, (0, 0), 15),
        "negative": np.where(DISK > 0, -1, 0),
        "not a number": np.where(DISK > 0, np.nan, 0.0),
    }[what]
    with pytest.raises(MammogramError, match=r"m\.png (is not a mask|holds values from)"):
        binary_mask(values, name="m.png")


@pytest.mark.parametrize("stored", ["lesion", "background"])
def test_white_is_zero(tmp_path: Path, stored: str) -> None:
    """Scanners store the background as 255 and ImageJ the lesion; a lesion is the smaller part either way."""
    data = bytearray(_tiff(DISK if stored == "lesion" else 255 - DISK))
    entry = data.index((262).to_bytes(2, "little") + (3).to_bytes(2, "little"), 8)
    data[entry + 8 : entry + 10] = bytes(2)  # PhotometricInterpretation
    (tmp_path / "m.tif").write_bytes(data)
    found = read_mask(tmp_path / "m.tif")
    np.testing.assert_array_equal(found.mask, DISK > 0)
    assert found.note == INVERTED


def _pages(*pages: Any) -> bytes:
    """A TIFF of pages of several sizes: directories chained by hand."""
    data = bytearray()
    link = 0
    for page in pages:
        one, base = bytearray(_tiff(page)), len(data)
        (place,) = np.frombuffer(one[4:8], "<u4")
        entries = int(np.frombuffer(one[place : place + 2], "<u2")[0])
        for entry in range(entries):
            at = int(place) + 2 + 12 * entry
            tag, kind, count = (
                int(v) for v in (*np.frombuffer(one[at : at + 4], "<u2"), *np.frombuffer(one[at + 4 : at + 8], "<u4"))
            )
            size = count * {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}.get(kind, 1)
            if size > 4 or tag == 273:
                value = int(np.frombuffer(one[at + 8 : at + 12], "<u4")[0]) + base
                one[at + 8 : at + 12] = value.to_bytes(4, "little")
        data += one
        if base:
            data[link : link + 4] = (base + int(place)).to_bytes(4, "little")
        link = base + int(place) + 2 + 12 * entries
    return bytes(data)


def test_a_thumbnail_is_passed_over_and_another_picture_refused(tmp_path: Path) -> None:
    (tmp_path / "thumb.tif").write_bytes(_pages(np.ascontiguousarray(SQUARE[::4, ::4]), DISK))
    np.testing.assert_array_equal(read_mask(tmp_path / "thumb.tif").mask, DISK > 0)
    assert image_shape(tmp_path / "thumb.tif") == SHAPE
    (tmp_path / "other.tif").write_bytes(_pages(DISK, np.ascontiguousarray(SQUARE[:60])))
    with pytest.raises(MammogramError, match=r"other\.tif: page 2 is \(60, 80\)"):
        read_mask(tmp_path / "other.tif")


def _write_volume(file: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 3), np.uint8), np.eye(4)), file)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("empty.png", lambda file: file.write_bytes(b"")),
        ("text.png", lambda file: file.write_text("no image")),
        ("cut.png", lambda file: file.write_bytes(_cv(".png", DISK)[:80])),
        ("cut.tif", lambda file: file.write_bytes(_tiff(DISK)[:80])),
        ("cut.jpg", lambda file: file.write_bytes(imagecodecs.jpeg8_encode(DISK)[:-40])),
        ("cut.gif", lambda file: file.write_bytes(imagecodecs.gif_encode(DISK)[:20])),
        ("web.webp", lambda file: file.write_bytes(imagecodecs.webp_encode(np.dstack([DISK] * 3)))),
        ("three.nii", _write_volume),
        ("folder.png", lambda file: file.mkdir()),
        ("absent.png", lambda file: None),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, write: Callable[[Path], object]) -> None:
    write(tmp_path / name)
    with pytest.raises(MammogramError, match=name.replace(".", r"\.")):
        read_mask(tmp_path / name)


def test_two_pitches_and_two_pictures() -> None:
    assert match_shape(DISK // 255, (240, 160), name="m").mean() == pytest.approx((DISK > 0).mean())
    with pytest.raises(UserError, match=r"mask m is 120 x 80, its image 80 x 120 \(rows x columns\)"):
        match_shape(DISK, (80, 120), name="m")


def test_the_pitches_of_cbis_are_one_picture() -> None:
    assert same_aspect((4386, 1789), (5041, 2056))
    assert not same_aspect((4386, 1789), (5041, 2256))

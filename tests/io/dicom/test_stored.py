# SPDX-License-Identifier: Apache-2.0
"""Data that disagree with their header on bits or sign: the data count, and a remark says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pytest

from mammozoo.io.dicom import read_mammogram
from mammozoo.io.errors import MammogramError

BIG = "1.2.840.10008.1.2.2"


def j2k(bits: int) -> Callable[[np.ndarray], bytes]:
    return lambda a: bytes(
        imagecodecs.jpeg2k_encode(a, codecformat="j2k", reversible=True, level=0, bitspersample=bits)
    )


LOSSLESS: dict[str, Callable[[np.ndarray], bytes]] = {
    "70": lambda a: bytes(imagecodecs.ljpeg_encode(a, bitspersample=8 * a.dtype.itemsize)),
    "80": lambda a: bytes(imagecodecs.jpegls_encode(a)),
    "90": lambda a: bytes(imagecodecs.jpeg2k_encode(a, codecformat="j2k", reversible=True, level=0)),
    "201": lambda a: bytes(imagecodecs.htj2k_encode(a)),
}
EIGHT = {**LOSSLESS, "50": lambda a: bytes(imagecodecs.jpeg8_encode(a, level=98))}


@pytest.mark.parametrize("syntax", EIGHT)
def test_a_stream_of_eight_bits_under_a_header_of_twelve(dicom: Any, breast: Any, grey: Any, syntax: str) -> None:
    data = EIGHT[syntax](breast(8).astype(np.uint8))
    found = read_mammogram(dicom(breast(), syntax=syntax, data=data, WindowCenter=128, WindowWidth=256))
    air, tissue, mass = grey(found)
    assert air <= 32
    assert tissue == pytest.approx(1638, abs=40)
    assert mass == pytest.approx(3481, abs=40)
    remark = "the code stream has 8 bits, BitsStored (0028,0101) says 12: the stream's values are taken"
    assert found.warnings == (remark,)


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_such_a_stream_without_window(dicom: Any, breast: Any, syntax: str, photometric: str) -> None:
    wanted = breast(8).astype(np.uint8)
    data = LOSSLESS[syntax](wanted if photometric == "MONOCHROME2" else 255 - wanted)
    found = read_mammogram(dicom(breast(), syntax=syntax, data=data, PhotometricInterpretation=photometric))
    np.testing.assert_array_equal(found.pixels, wanted)


def test_a_window_for_twelve_bits_over_a_stream_of_eight(dicom: Any, breast: Any, grey: Any) -> None:
    """It shows nothing of the stream and is not applied."""
    data = LOSSLESS["80"](breast(8).astype(np.uint8))
    found = read_mammogram(dicom(breast(), syntax="80", data=data, WindowCenter=2500, WindowWidth=2000))
    assert grey(found) == pytest.approx((0, 102, 217), abs=2)


def test_a_stream_of_ten_bits_under_a_header_of_twelve(dicom: Any, breast: Any) -> None:
    found = read_mammogram(dicom(breast(), syntax="90", data=j2k(10)(breast(10))))
    np.testing.assert_array_equal(found.pixels, breast(10))
    assert "has 10 bits" in found.warnings[0]


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize(("bits", "stated"), [(12, 10), (14, 12), (16, 12)])
def test_values_beyond_the_bits_of_the_header(dicom: Any, breast: Any, syntax: str, bits: int, stated: int) -> None:
    """They neither wrap round nor saturate."""
    found = read_mammogram(dicom(breast(), bits=stated, syntax=syntax, data=LOSSLESS[syntax](breast(bits))))
    np.testing.assert_array_equal(found.pixels, breast(bits))
    assert (found.bits_stored, len(found.warnings)) == (bits, 1)
    assert f"the values have {bits} bits, BitsStored (0028,0101) says {stated}" in found.warnings[0]


@pytest.mark.parametrize("reduce", [1, 2])
@pytest.mark.parametrize("syntax", ["90", "201"])
def test_the_same_at_a_reduced_size(dicom: Any, breast: Any, grey: Any, syntax: str, reduce: int) -> None:
    deep = np.kron(breast(14), np.ones((4, 4), np.uint16))
    found = read_mammogram(dicom(deep, syntax=syntax, data=LOSSLESS[syntax](deep)), reduce=reduce)
    assert found.pixels.max() > 13000
    shallow = np.kron(breast(8), np.ones((4, 4), np.uint16)).astype(np.uint8)
    found = read_mammogram(
        dicom(shallow.astype(np.uint16), syntax=syntax, data=LOSSLESS[syntax](shallow)), reduce=reduce
    )
    assert 200 < found.pixels.max() < 256
    assert "has 8 bits" in found.warnings[0]


def test_a_lossy_stream_of_twelve_bits_under_a_header_of_eight(dicom: Any, breast: Any) -> None:
    data = bytes(imagecodecs.jpeg8_encode(breast(), level=99, bitspersample=12))
    found = read_mammogram(dicom(breast(8), bits=8, syntax="51", data=data))
    assert np.abs(found.pixels.astype(int) - breast()).max() < 60
    assert found.bits_stored == 12


def test_a_lossy_overshoot_is_clipped(dicom: Any, breast: Any) -> None:
    """A near-lossless codec at 16 bits may pass the stored range by a few levels."""
    white = np.where(breast() > 2000, 4095, breast()).astype(np.uint16)
    over = np.where(white == 4095, 4097, white).astype(np.uint16)
    found = read_mammogram(dicom(white, syntax="81", data=bytes(imagecodecs.jpegls_encode(over))))
    np.testing.assert_array_equal(found.pixels, white)
    assert (found.bits_stored, found.warnings) == (12, ())


@pytest.mark.parametrize(("bits", "stated"), [(14, 12), (16, 10)])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", BIG])
def test_raw_values_beyond_the_bits_of_the_header(dicom: Any, breast: Any, bits: int, stated: int, syntax: str) -> None:
    smooth = np.add.outer(np.arange(96) * (1 << bits) // 200, np.arange(64) * (1 << bits) // 200).astype(np.uint16)
    found = read_mammogram(dicom(smooth, bits=stated, syntax=syntax))
    np.testing.assert_array_equal(found.pixels, smooth)
    assert "BitsStored" in found.warnings[0]


@pytest.mark.parametrize(
    "tags",
    [{"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, {"Rows": 48}, {"Columns": 16}],
    ids=["bits", "rows", "columns"],
)
def test_twice_the_data_that_the_header_needs(dicom: Any, breast: Any, tags: dict[str, int]) -> None:
    """Words would be read as bytes, or the first of several frames as all there is."""
    import pydicom

    file = dicom(breast())
    dataset = pydicom.dcmread(file)
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    dataset.save_as(file)
    with pytest.raises(MammogramError, match=r"PixelData \(7FE0,0010\) holds 12288 bytes; .* needs"):
        read_mammogram(file)


@pytest.mark.parametrize("declared", [False, True])
def test_an_overlay_in_the_unused_bits_is_cleared(dicom: Any, breast: Any, declared: bool) -> None:
    letters = (np.indices((96, 64)).sum(0) % 7 == 0).astype(np.uint16) << 13
    tags = {"OverlayBitPosition": None}
    file = dicom(breast() | letters, **tags)
    if declared:
        import pydicom

        dataset = pydicom.dcmread(file)
        dataset.add_new((0x6000, 0x0102), "US", 13)
        dataset.save_as(file)
    found = read_mammogram(file)
    np.testing.assert_array_equal(found.pixels, breast())
    assert bool(found.warnings) != declared


def signed(breast: Any) -> np.ndarray:
    """Values of -1000 (air) to 2480 (mass) and their words of 12 bits."""
    return breast().astype(np.int16) - 1000


@pytest.mark.parametrize("representation", [0, 1])
@pytest.mark.parametrize("bits", [12, 16])
def test_a_signed_stream_whatever_the_header_says(
    dicom: Any, breast: Any, grey: Any, representation: int, bits: int
) -> None:
    tags = {"PixelRepresentation": representation, "RescaleIntercept": 2048}
    values = np.minimum(signed(breast), 2047)
    found = read_mammogram(dicom(breast(), syntax="90", data=j2k(bits)(values), **tags))
    np.testing.assert_array_equal(found.pixels, values + 2048)
    assert any("the code stream is signed" in remark for remark in found.warnings) == (representation == 0)


@pytest.mark.parametrize("syntax", ["70", "80", "90"])
def test_words_of_signed_values_in_an_unsigned_stream(dicom: Any, breast: Any, syntax: str) -> None:
    """As JPEG and JPEG-LS have to do it, and some encoders of JPEG 2000 do."""
    values = np.minimum(signed(breast), 2047)
    words = (values & 0xFFF).astype(np.uint16)
    data = j2k(12)(words) if syntax == "90" else LOSSLESS[syntax](words)
    found = read_mammogram(dicom(breast(), syntax=syntax, data=data, PixelRepresentation=1, RescaleIntercept=2048))
    np.testing.assert_array_equal(found.pixels, values + 2048)
    assert not found.warnings


@pytest.mark.parametrize("syntax", ["70", "80", "90", "201"])
def test_unsigned_values_under_a_header_that_says_signed(dicom: Any, breast: Any, syntax: str) -> None:
    data = j2k(12)(breast()) if syntax == "90" else LOSSLESS[syntax](breast())
    found = read_mammogram(dicom(breast(), syntax=syntax, data=data, PixelRepresentation=1))
    np.testing.assert_array_equal(found.pixels, breast())
    assert "PixelRepresentation (0028,0103) says signed, the values are unsigned" in found.warnings


def test_words_of_unsigned_values_in_a_signed_stream(dicom: Any, breast: Any) -> None:
    words = ((breast().astype(np.int32) + 2048) % 4096 - 2048).astype(np.int16)
    found = read_mammogram(dicom(breast(), syntax="90", data=j2k(12)(words)))
    np.testing.assert_array_equal(found.pixels, breast())


def test_signed_bytes_under_a_header_of_twelve_bits(dicom: Any, breast: Any) -> None:
    data = LOSSLESS["80"](breast(8).astype(np.uint8))
    found = read_mammogram(dicom(breast(), syntax="80", data=data, PixelRepresentation=1))
    np.testing.assert_array_equal(found.pixels, breast(8))


@pytest.mark.parametrize("columns", [64, 63])
@pytest.mark.parametrize("vr", ["OW", "OB"])
def test_bytes_in_words_of_big_endian(dicom: Any, breast: Any, columns: int, vr: str) -> None:
    import pydicom

    pixels = np.ascontiguousarray(breast(8).astype(np.uint8)[:, :columns])
    file = dicom(pixels, bits=8, syntax=BIG)
    dataset = pydicom.dcmread(file)
    plain = pixels.tobytes() + b"\0" * (pixels.size % 2)
    words = np.frombuffer(plain, np.uint8).reshape(-1, 2)[:, ::-1].tobytes()
    dataset.PixelData = words if vr == "OW" else plain
    dataset["PixelData"].VR = vr
    dataset.save_as(file, implicit_vr=False, little_endian=False, enforce_file_format=True)
    np.testing.assert_array_equal(read_mammogram(file).pixels, pixels)


def test_one_of_two_frames_of_bytes_in_words(dicom: Any) -> None:
    import pydicom

    frames = np.arange(2 * 15, dtype=np.uint8).reshape(2, 3, 5)  # the second begins in the middle of a word
    file = dicom(frames[0], bits=8, syntax=BIG, NumberOfFrames=2)
    dataset = pydicom.dcmread(file)
    dataset.PixelData = frames.reshape(-1, 2)[:, ::-1].tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.save_as(file, implicit_vr=False, little_endian=False, enforce_file_format=True)
    for number in (0, 1):
        np.testing.assert_array_equal(read_mammogram(file, frame=number).pixels, frames[number])


@pytest.mark.parametrize("syntax", ["50", "70", "80"])
@pytest.mark.parametrize("behind", [2000, 40000])
def test_zeros_behind_a_jpeg_frame(dicom: Any, breast: Any, syntax: str, behind: int) -> None:
    whole = EIGHT[syntax](breast(8).astype(np.uint8))
    plain = read_mammogram(dicom(breast(8), bits=8, syntax=syntax, data=whole)).pixels
    found = read_mammogram(dicom(breast(8), bits=8, syntax=syntax, data=whole + bytes(behind)))
    np.testing.assert_array_equal(found.pixels, plain)

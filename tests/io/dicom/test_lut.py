# SPDX-License-Identifier: Apache-2.0
"""Look-up tables whose descriptor and data disagree, or whose first value has another sign."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from mammozoo.io.dicom import read_mammogram
from mammozoo.io.dicom.lut import lookup_table

IMPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
CURVE = np.rint(4095 * (np.arange(4096) / 4095) ** 0.7).astype(np.uint16)


def item(number: int, first: int, bits: int, data: Any, *, vr: str = "US", data_vr: str = "OW") -> Dataset:
    found = Dataset()
    found.add_new("LUTDescriptor", vr, [number, first, bits])
    found.add_new("LUTData", data_vr, data)
    return found


def right(stored: np.ndarray) -> np.ndarray:
    return CURVE[stored] * (4095 / CURVE.max())


@pytest.mark.parametrize(
    ("number", "entries", "remark"),
    [(4096, 4095, "4095 entries, its descriptor says 4096: the last is repeated"),
     (4097, 4096, "4096 entries, its descriptor says 4097"),
     (4096, 3600, "3600 entries"),
     (0, 4096, "its descriptor says 65536"),
     (4095, 4096, "4096 entries, its descriptor says 4095: all are used"),
     (256, 4096, "its descriptor says 256: all are used"),
     (2048, 4096, "its descriptor says 2048")],
)  # fmt: skip
@pytest.mark.parametrize("data_vr", ["OW", "US"])
def test_a_voi_lut_of_another_length(
    dicom: Any, breast: Any, number: int, entries: int, remark: str, data_vr: str
) -> None:
    data = CURVE[:entries]
    value = data.astype("<u2").tobytes() if data_vr == "OW" else [int(entry) for entry in data]
    found = read_mammogram(dicom(breast(), VOILUTSequence=[item(number, 0, 12, value, data_vr=data_vr)]))
    assert np.abs(found.pixels - right(np.minimum(breast(), entries - 1)) * (CURVE.max() / data.max())).max() <= 0.5001
    assert (found.voi, len(found.warnings)) == ("lut 1 of 1", 1)
    assert remark in found.warnings[0]


def test_padding_behind_a_lut_is_no_entry(dicom: Any, breast: Any) -> None:
    data = np.append(CURVE, [0, 0]).astype("<u2").tobytes()
    found = read_mammogram(dicom(breast(), VOILUTSequence=[item(4096, 0, 12, data)]))
    assert np.abs(found.pixels - right(breast())).max() <= 0.5001
    assert not found.warnings


@pytest.mark.parametrize(
    ("bits", "warned"), [(8, True), (10, True), (12, False), (16, False), (0, False), (255, False)]
)
def test_the_entries_count_not_the_bits_of_the_descriptor(dicom: Any, breast: Any, bits: int, warned: bool) -> None:
    found = read_mammogram(dicom(breast(), VOILUTSequence=[item(4096, 0, bits, CURVE.astype("<u2").tobytes())]))
    assert np.abs(found.pixels - right(breast())).max() <= 0.5001
    assert bool(found.warnings) == warned
    assert not warned or f"its descriptor says {bits} bits" in found.warnings[0]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", IMPLICIT, BIG])
def test_entries_of_eight_bits(dicom: Any, breast: Any, bits: int, syntax: str) -> None:
    """One byte an entry, by the length of the data; in Big Endian two of them make a word."""
    curve = np.rint(255 * (np.arange(256) / 255) ** 0.7).astype(np.uint8)
    data = curve.reshape(-1, 2)[:, ::-1].tobytes() if syntax == BIG else curve.tobytes()
    pixels = breast(8).astype(np.uint8)
    found = read_mammogram(dicom(pixels, bits=8, syntax=syntax, VOILUTSequence=[item(256, 0, bits, data)]))
    np.testing.assert_array_equal(found.pixels, curve[pixels])


def test_words_in_big_endian(dicom: Any, breast: Any) -> None:
    found = read_mammogram(
        dicom(breast(), syntax=BIG, VOILUTSequence=[item(4096, 0, 12, CURVE.astype(">u2").tobytes())])
    )
    assert np.abs(found.pixels - right(breast())).max() <= 0.5001


@pytest.mark.parametrize("number", [4096, 2048])
def test_half_a_table_of_words_is_not_a_table_of_bytes(number: int) -> None:
    table = lookup_table(
        [number, 0, 12], CURVE[: number // 2].astype("<u2").tobytes(), span=(0, 4095), big_endian=False
    )
    np.testing.assert_array_equal(table.entries, CURVE[: number // 2])


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", IMPLICIT])
@pytest.mark.parametrize(("intercept", "first"), [(-1024, -1024), (-4096, -4000), (-30000, -30000)])
@pytest.mark.parametrize("vr", ["US", "SS"])
def test_a_negative_first_value(dicom: Any, breast: Any, syntax: str, intercept: int, first: int, vr: str) -> None:
    """Whatever its VR says; Implicit VR says none."""
    lut = item(4096, first if vr == "SS" else first & 0xFFFF, 12, CURVE.astype("<u2").tobytes(), vr=vr)
    tags = {"RescaleSlope": 1, "RescaleIntercept": intercept, "VOILUTSequence": [lut]}
    found = read_mammogram(dicom(breast(), syntax=syntax, **tags))
    stored = np.clip(breast().astype(int) + intercept - first, 0, 4095)
    assert np.abs(found.pixels - right(stored)).max() <= 0.5001
    assert not found.warnings


def test_a_first_value_above_32767_that_is_written_as_negative(dicom: Any, breast: Any) -> None:
    """Unsigned pixels of 16 bits and a descriptor in SS."""
    pixels = (breast(12) + 40000).astype(np.uint16)
    lut = item(4096, 40000 - 65536, 12, CURVE.astype("<u2").tobytes(), vr="SS")
    found = read_mammogram(dicom(pixels, bits=16, VOILUTSequence=[lut]))
    assert np.abs(found.pixels - right(breast()) * (65535 / 4095)).max() <= 0.5001


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", IMPLICIT])
def test_a_modality_lut_of_signed_values_that_is_too_short(dicom: Any, breast: Any, syntax: str) -> None:
    signed = breast().astype(np.int16) - 2048
    lut = item(4096, -2048, 16, CURVE[:4000].astype("<u2").tobytes(), vr="SS")
    found = read_mammogram(dicom(signed, syntax=syntax, PixelRepresentation=1, ModalityLUTSequence=[lut]))
    np.testing.assert_array_equal(found.pixels, CURVE[np.minimum(breast(), 3999)])
    assert "ModalityLUTSequence (0028,3000): it holds 4000 entries" in found.warnings[0]


@pytest.mark.parametrize(
    ("descriptor", "data", "reason"),
    [([4096, 0], b"\0\0", "not three numbers"), (None, b"\0\0", "not three numbers"), ("abc", b"\0\0", "not three"),
     ([4096, 0, 12], b"", "no entries"), ([4096, 0, 12], None, "no entries")],
)  # fmt: skip
def test_what_is_no_table(descriptor: Any, data: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        lookup_table(descriptor, data, span=(0, 4095), big_endian=False)


def test_a_descriptor_of_an_unknown_vr(dicom: Any, breast: Any) -> None:
    lut = item(4096, 0, 12, CURVE.astype("<u2").tobytes())
    lut.add_new("LUTDescriptor", "UN", np.asarray([4096, 0, 12], "<u2").tobytes())
    found = read_mammogram(dicom(breast(), VOILUTSequence=[lut]))
    assert np.abs(found.pixels - right(breast())).max() <= 0.5001


def test_a_broken_lut_gives_way_to_the_window(dicom: Any, breast: Any) -> None:
    lut = item(4096, 0, 12, b"")
    found = read_mammogram(dicom(breast(), VOILUTSequence=[lut], WindowCenter=2048, WindowWidth=4096))
    assert found.voi == "window 1 of 1 (LINEAR)"
    assert found.warnings == ("lut 1 of 1 is not applied: it holds no entries",)
    np.testing.assert_array_equal(found.pixels, breast())


def test_a_broken_modality_lut_is_named_and_left_out(dicom: Any, breast: Any) -> None:
    found = read_mammogram(dicom(breast(), ModalityLUTSequence=[item(4096, 0, 12, b"")]))
    np.testing.assert_array_equal(found.pixels, breast())
    assert "ModalityLUTSequence (0028,3000) is not applied: it holds no entries" in found.warnings

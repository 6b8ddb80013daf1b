# SPDX-License-Identifier: Apache-2.0
"""Raw data: one logarithm at most, polarity by the sign of PS3.3 C.8.11.3.1.2; padding in any VR and sign."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mammozoo.io.dicom import read_mammogram

RAW = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.2.1", "PresentationIntentType": "FOR PROCESSING"}


@pytest.mark.parametrize(
    ("photometric", "sign", "air_is_bright"),
    [("MONOCHROME2", -1, False), ("MONOCHROME2", 1, True), ("MONOCHROME1", 1, True), ("MONOCHROME1", -1, False),
     ("MONOCHROME1", None, True), ("MONOCHROME2", None, False), ("MONOCHROME1", 0, True)],
)  # fmt: skip
@pytest.mark.parametrize("relation", ["LIN", "LOG", None])
def test_tissue_is_bright_whatever_the_header_says(
    dicom: Any, breast: Any, grey: Any, photometric: str, sign: int | None, air_is_bright: bool, relation: str | None
) -> None:
    stored = 16383 - breast(14) if air_is_bright else breast(14)
    tags = {"PhotometricInterpretation": photometric, "PixelIntensityRelationshipSign": sign}
    found = read_mammogram(dicom(stored, bits=14, **RAW, **tags, PixelIntensityRelationship=relation))
    air, tissue, mass = grey(found)
    assert air < tissue < mass
    assert (found.pixels.min(), found.pixels.max()) == (0, 65535)
    share = (tissue - air) / (mass - air)
    if relation == "LOG":
        assert share == pytest.approx(0.4 / 0.85, abs=0.01)
    else:
        assert share < 0.4 if air_is_bright else share > 0.8
    assert found.voi == ("none (LOG data)" if relation == "LOG" else "log")
    contradiction = any("contradicts MONOCHROME1" in remark for remark in found.warnings)
    assert contradiction == (photometric == "MONOCHROME1" and sign == -1)
    assert any("polarity" in remark for remark in found.warnings) == (photometric == "MONOCHROME2" and sign is None)


@pytest.mark.parametrize("relation", ["log", "LOG "])
def test_spellings_of_log(dicom: Any, breast: Any, relation: str) -> None:
    tags = {"PixelIntensityRelationshipSign": -1, "PixelIntensityRelationship": relation}
    assert read_mammogram(dicom(breast(), **RAW, **tags)).voi == "none (LOG data)"


def padded(pixels: np.ndarray, value: int) -> np.ndarray:
    pixels = pixels.copy()
    pixels[:, 50:] = value
    return pixels


@pytest.mark.parametrize(
    ("bits", "signed", "vr", "stated", "stored"),
    [(16, 0, "SS", -1, 65535), (16, 0, "US", 65535, 65535), (12, 0, "SS", -1, 4095), (12, 0, "US", 65535, 4095),
     (12, 0, "SS", -96, 4000), (16, 0, "SS", -536, 65000),
     (16, 1, "US", 65535, -1), (16, 1, "SS", -2000, -2000), (16, 1, "US", 63536, -2000), (12, 1, "US", 2048, -2048),
     (12, 1, "US", 63488, -2048), (12, 1, "SS", -2048, -2048)],
)  # fmt: skip
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_in_another_vr_or_sign(
    dicom: Any, breast: Any, bits: int, signed: int, vr: str, stated: int, stored: int, photometric: str
) -> None:
    values = breast(11).astype(np.int32) // 2 + 100
    pixels = padded(values, stored & ((1 << bits) - 1)).astype(np.uint16)
    tags = {"PixelRepresentation": signed, "PhotometricInterpretation": photometric, "PixelPaddingValue": (vr, stated)}
    found = read_mammogram(dicom(pixels, bits=bits, **tags))
    assert not found.pixels[:, 50:].any()
    inside = found.pixels[:, :50].astype(int) * (1 if photometric == "MONOCHROME2" else -1)
    np.testing.assert_array_equal(inside - inside.min(), values[:, :50] - values[:, :50].min())
    assert bool(found.warnings) == (stated != stored)


@pytest.mark.parametrize(("value", "limit"), [(-1, -10), (-10, -1), (65535, 65520), (65526, -1)])
def test_a_padding_range_in_ss(dicom: Any, breast: Any, value: int, limit: int) -> None:
    pixels = padded(breast(), 65530)
    pixels[:5, 50:] = 65535
    tags = {f"PixelPadding{name}": ("SS" if end < 0 else "US", end) for name, end in
            (("Value", value), ("RangeLimit", limit))}  # fmt: skip
    found = read_mammogram(dicom(pixels, bits=16, **tags))
    assert not found.pixels[5:, 50:].any()
    np.testing.assert_array_equal(found.pixels[:, :50], breast()[:, :50])


def test_padding_of_everything_is_not_followed(dicom: Any, breast: Any) -> None:
    found = read_mammogram(dicom(breast(), PixelPaddingValue=0, PixelPaddingRangeLimit=4000))
    np.testing.assert_array_equal(found.pixels, breast())
    assert "covers the whole image" in found.warnings[0]


@pytest.mark.parametrize("relation", ["LIN", "LOG"])
def test_padding_of_raw_data_with_the_sign_of_another_vr(dicom: Any, breast: Any, relation: str) -> None:
    tags = {**RAW, "PixelIntensityRelationship": relation, "PixelIntensityRelationshipSign": 1}
    pixels = padded(16383 - breast(14), 65535)
    found = read_mammogram(dicom(pixels, bits=16, **tags, PixelPaddingValue=("SS", -1)))
    plain = read_mammogram(dicom((16383 - breast(14))[:, :50], bits=16, **tags))
    assert not found.pixels[:, 50:].any()
    np.testing.assert_array_equal(found.pixels[:, :50], plain.pixels)

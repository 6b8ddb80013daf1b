# SPDX-License-Identifier: Apache-2.0
"""Windows that are invalid or leave no contrast: the next one that can be used is, and a remark says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from mammozoo.io.dicom import read_mammogram
from mammozoo.io.errors import MammogramError
from mammozoo.io.inspect import inspect_file

GOOD = (2048, 4096)


@pytest.mark.parametrize(
    ("window", "reason"),
    [((2048, 0), "width 0"), ((2048, -5), "width -5"), ((2048, 0.5), "width 0.5"), ((2048, None), "empty or not"),
     ((40000, 100), "leaves no contrast"), ((-9000, 50), "leaves no contrast"), ((1e300, 1), "leaves no contrast"),
     ((2048, 3e7), "leaves no contrast")],
)  # fmt: skip
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_window_that_cannot_be_used(
    dicom: Any, breast: Any, window: tuple[Any, Any], reason: str, photometric: str
) -> None:
    stored = breast() if photometric == "MONOCHROME2" else 4095 - breast()
    tags = {"WindowCenter": window[0], "WindowWidth": window[1], "PhotometricInterpretation": photometric}
    found = read_mammogram(dicom(stored, **tags))
    np.testing.assert_array_equal(found.pixels, breast())
    assert found.voi == "none"
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("window 1 of 1 (LINEAR)")
    assert reason in found.warnings[0]


@pytest.mark.parametrize("function", ["LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("window", [(2048, 0), (2048, -1), (90000, 10)])
def test_the_other_functions(dicom: Any, breast: Any, function: str, window: tuple[int, int]) -> None:
    tags = {"WindowCenter": window[0], "WindowWidth": window[1], "VOILUTFunction": function}
    found = read_mammogram(dicom(breast(), **tags))
    np.testing.assert_array_equal(found.pixels, breast())
    assert f"window 1 of 1 ({function})" in found.warnings[0]


@pytest.mark.parametrize("bad", [(2048, 0), (40000, 100), (-8000, 1)])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_first_window_that_is_good(dicom: Any, breast: Any, bad: tuple[int, int], place: int) -> None:
    windows = [bad, bad, bad]
    windows[place] = GOOD
    centers, widths = zip(*windows, strict=True)
    found = read_mammogram(dicom(breast(), WindowCenter=list(centers), WindowWidth=list(widths)))
    assert found.voi == f"window {place + 1} of 3 (LINEAR)"
    assert len(found.warnings) == place
    np.testing.assert_array_equal(found.pixels, breast())


def test_thousands_of_invalid_windows_cost_no_time(dicom: Any, breast: Any) -> None:
    found = read_mammogram(dicom(breast(), WindowCenter=[1] * 3000, WindowWidth=[0] * 3000))
    assert (found.voi, len(found.warnings)) == ("none", 32)


def test_more_centres_than_widths(dicom: Any, breast: Any) -> None:
    found = read_mammogram(dicom(breast(), WindowCenter=[2048, 100], WindowWidth=4096), voi="first")
    assert (found.voi, found.warnings) == ("window 1 of 2 (LINEAR)", ())


def test_a_flat_lut_gives_way_to_a_window(dicom: Any, breast: Any) -> None:
    flat = Dataset()
    flat.add_new("LUTDescriptor", "US", [4096, 0, 12])
    flat.add_new("LUTData", "OW", np.full(4096, 700, "<u2").tobytes())
    found = read_mammogram(dicom(breast(), VOILUTSequence=[flat], WindowCenter=GOOD[0], WindowWidth=GOOD[1]))
    assert found.voi == "window 1 of 1 (LINEAR)"
    assert found.warnings == ("lut 1 of 1 leaves no contrast and is not applied",)


@pytest.mark.parametrize("stated", ["CUBIC", "LOG"])
def test_an_unknown_function_is_taken_as_linear(dicom: Any, breast: Any, stated: str) -> None:
    found = read_mammogram(dicom(breast(), WindowCenter=1500, WindowWidth=2000, VOILUTFunction=stated))
    expected = read_mammogram(dicom(breast(), WindowCenter=1500, WindowWidth=2000)).pixels
    np.testing.assert_array_equal(found.pixels, expected)
    assert f"{stated} is unknown: taken as LINEAR" in found.warnings[0]


@pytest.mark.parametrize("stated", ["LINEAR EXACT", "linear_exact"])
def test_another_spelling_of_a_function(dicom: Any, breast: Any, stated: str) -> None:
    found = read_mammogram(dicom(breast(), WindowCenter=1500, WindowWidth=2000, VOILUTFunction=stated))
    expected = read_mammogram(dicom(breast(), WindowCenter=1500, WindowWidth=2000, VOILUTFunction="LINEAR_EXACT"))
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert not found.warnings


@pytest.mark.parametrize("voi", [0, "soft"])
def test_a_window_that_is_asked_for_is_refused_if_invalid(dicom: Any, breast: Any, voi: int | str) -> None:
    file = dicom(breast(), WindowCenter=[1, 2], WindowWidth=[0, 4096], WindowCenterWidthExplanation=["SOFT", "HARD"])
    with pytest.raises(MammogramError, match="do not make a LINEAR window; pass voi='none'"):
        read_mammogram(file, voi=voi)


def test_a_window_that_is_asked_for_is_applied_though_it_is_flat(dicom: Any, breast: Any) -> None:
    found = read_mammogram(dicom(breast(), WindowCenter=40000, WindowWidth=100), voi=0)
    assert not found.pixels.any()
    assert "flat" in found.flags
    assert "window 1 of 1 (LINEAR) leaves no contrast" in found.warnings


@pytest.mark.parametrize("slope", [0, "1e308"])
def test_a_slope_that_leaves_nothing(dicom: Any, breast: Any, slope: Any) -> None:
    found = read_mammogram(dicom(breast(), RescaleSlope=slope, RescaleIntercept=5))
    np.testing.assert_array_equal(found.pixels, breast())
    assert "RescaleSlope (0028,1053)" in found.warnings[0]


@pytest.mark.parametrize("value", [0, 700, 4095])
@pytest.mark.parametrize("window", [None, GOOD])
def test_an_image_that_is_flat_as_it_is_stored(dicom: Any, breast: Any, value: int, window: Any) -> None:
    pixels = np.full_like(breast(), value)
    pixels[3, 5] ^= 1  # a pixel of the detector
    tags = {} if window is None else {"WindowCenter": window[0], "WindowWidth": window[1]}
    found = read_mammogram(dicom(pixels, **tags))
    assert "flat" in found.flags
    assert found.warnings[-1] == f"the image is flat: nearly all of its pixels are {value}"
    assert "flat" in inspect_file(dicom(pixels, **tags))["flags"]
    assert "flat" not in read_mammogram(dicom(breast())).flags

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from mammozoo.functional.intensity import apply_lut, apply_rescale, apply_window, invert, presentation_like


def test_linear_window_follows_the_standards_pseudo_code() -> None:
    """PS3.3 C.11.2.1.2.1, with its example: center 2048, width 4096 leaves 12-bit values as they are."""
    values = np.arange(4096)
    np.testing.assert_allclose(apply_window(values, center=2048, width=4096, high=4095), values)
    out = apply_window(np.array([0, 1, 2]), center=1, width=1, high=255)
    np.testing.assert_array_equal(out, [0, 255, 255])


@pytest.mark.parametrize(("function", "middle"), [("LINEAR_EXACT", 0.5), ("SIGMOID", 0.5)])
def test_center_is_the_middle(function: str, middle: float) -> None:
    out = apply_window(np.array([-1e9, 30.0, 1e9]), center=30, width=8, function=function)
    np.testing.assert_allclose(out, [0, middle, 1], atol=1e-9)


@pytest.mark.parametrize(
    ("center", "width", "function"),
    [(1, 0, "LINEAR"), (1, 0.5, "LINEAR"), (1, 0, "SIGMOID"), (float("nan"), 3, "LINEAR"), (1, 3, "CUBIC")],
)
def test_impossible_windows(center: float, width: float, function: str) -> None:
    with pytest.raises(ValueError, match="do not make|is none of"):
        apply_window(np.zeros(2), center=center, width=width, function=function)


def test_lut_ends_are_clamped() -> None:
    np.testing.assert_array_equal(apply_lut(np.array([-9, 4, 5, 7]), table=np.array([1, 2, 3]), first=4), [1, 1, 2, 3])


def test_rescale_of_one_and_zero_copies_nothing() -> None:
    values = np.arange(3)
    assert apply_rescale(values) is values
    np.testing.assert_array_equal(apply_rescale(values, slope=2, intercept=-1), [-1, 1, 3])


def test_inversion_is_its_own_inverse() -> None:
    values = np.arange(5.0)
    np.testing.assert_array_equal(invert(invert(values, low=0, high=9), low=0, high=9), values)


@pytest.mark.parametrize("invert_polarity", [True, False])
def test_raw_values_keep_or_turn_their_order_and_start_at_zero(invert_polarity: bool) -> None:
    out = presentation_like(np.array([-5.0, 0.0, 10.0, 4000.0]), invert_polarity=invert_polarity)
    assert out.min() == 0
    assert np.all(np.diff(out) < 0) if invert_polarity else np.all(np.diff(out) > 0)

# SPDX-License-Identifier: Apache-2.0
"""Display window and overlays."""

from __future__ import annotations

import numpy as np
import pytest

from mammozoo.functional.contours import (
    PREDICTION_COLOUR,
    TRUTH_COLOUR,
    add_caption,
    add_labels,
    display_window,
    draw_contours,
    line_width,
)


@pytest.fixture
def lesion() -> np.ndarray:
    mask = np.zeros((120, 90), bool)
    mask[50:70, 30:45] = True
    return mask


def _coloured(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (image == np.array(colour, np.uint8)).all(axis=2)


@pytest.mark.parametrize("thickness", [1, 3, 8])
def test_line_lies_around_the_lesion(lesion: np.ndarray, thickness: int) -> None:
    image = np.full(lesion.shape, 200, np.uint8)
    drawn = draw_contours(image, [lesion], thickness=thickness)
    line = _coloured(drawn, PREDICTION_COLOUR)
    assert not (line & lesion).any()
    np.testing.assert_array_equal(drawn[lesion], 200)
    rows, columns = np.nonzero(line)
    assert (rows.min(), rows.max()) == (50 - thickness, 69 + thickness)
    assert (columns.min(), columns.max()) == (30 - thickness, 44 + thickness)
    far = np.zeros_like(lesion)
    far[:30] = True
    np.testing.assert_array_equal(drawn[far], 200)
    assert image.min() == 200


def test_rim_is_darker_than_the_tissue(lesion: np.ndarray) -> None:
    drawn = draw_contours(np.full(lesion.shape, 200, np.uint8), [lesion], thickness=4)
    assert drawn[60, 30 - 5].tolist() == [66, 66, 66]


def test_second_mask_has_its_own_colour(lesion: np.ndarray) -> None:
    drawn = draw_contours(np.zeros((*lesion.shape, 3), np.uint8), [lesion, np.roll(lesion, 25, 1)], thickness=1)
    assert _coloured(drawn, PREDICTION_COLOUR).any()
    assert _coloured(drawn, TRUTH_COLOUR).any()


def test_lesion_at_the_border_and_lesion_everywhere() -> None:
    mask = np.zeros((20, 20), bool)
    mask[:3, :3] = True
    assert _coloured(draw_contours(np.zeros((20, 20), np.uint8), [mask], thickness=2), PREDICTION_COLOUR).any()
    everywhere = draw_contours(np.zeros((20, 20), np.uint8), [np.ones((20, 20))])
    assert not everywhere.any()


def test_empty_mask_draws_nothing() -> None:
    image = np.arange(100, dtype=np.uint8).reshape(10, 10)
    drawn = draw_contours(image, [np.zeros((10, 10))])
    np.testing.assert_array_equal(drawn, np.repeat(image[..., None], 3, axis=2))


def test_line_width_scales_with_the_image() -> None:
    assert [line_width(shape) for shape in [(8, 8), (256, 256), (1024, 832), (4096, 3328)]] == [1, 1, 2, 8]


@pytest.mark.parametrize(
    ("image", "masks", "message"),
    [
        (np.zeros((4, 4)), [], "uint8"),
        (np.zeros((4, 4, 4), np.uint8), [], "shape"),
        (np.zeros((4, 4), np.uint8), [np.zeros((4, 5))], "masks must have"),
        (np.zeros((4, 4), np.uint8), [np.zeros((4, 4))] * 3, "colours"),
    ],
)
def test_draw_contours_refuses(image: np.ndarray, masks: list[np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_contours(image, masks)


def _breast() -> np.ndarray:
    """12 bits: background 50, tissue 800 to 2400 in a third of the image, a clip of 4000 in one pixel."""
    image = np.full((300, 200), 50, np.uint16)
    image[:, :70] = np.linspace(800, 2400, 70).astype(np.uint16)
    image[5, 5] = 4000
    return image


def test_window_is_set_by_the_breast() -> None:
    shown = display_window(_breast())
    assert shown.dtype == np.uint8
    assert not shown[:, 100:].any()
    assert shown[100, 0] < 10
    assert shown[100, 69] > 245
    assert (np.diff(shown[100, :70].astype(int)) >= 0).all()


def test_window_does_not_depend_on_the_share_of_background() -> None:
    wide = np.pad(_breast(), ((0, 0), (0, 400)), constant_values=50)
    difference = display_window(wide)[:, :70].astype(int) - display_window(_breast())[:, :70]
    assert abs(difference).max() <= 3


def test_window_of_a_mask() -> None:
    mask = np.zeros((300, 200))
    mask[:, 35:70] = 1
    assert display_window(_breast(), breast_mask=mask)[100, 30] == 0


def test_window_leaves_8_bits_alone() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    shown = display_window(image)
    np.testing.assert_array_equal(shown, image)
    assert shown is not image


@pytest.mark.parametrize(
    "image",
    [np.zeros((5, 5), np.uint16), np.full((5, 5), 7.0), np.full((5, 5), np.nan)],
    ids=["zero", "flat", "nan"],
)
def test_window_of_nothing_is_black(image: np.ndarray) -> None:
    assert not display_window(image).any()


def test_window_survives_nan_and_infinity() -> None:
    image = _breast().astype(np.float32)
    image[0, 0], image[0, 1] = np.nan, np.inf
    shown = display_window(image)
    assert shown[0, 0] == 0
    assert shown[0, 1] == 255


def test_label_avoids_what_is_bright() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    image[150:250, 230:] = 255  # calcification right of the box
    drawn = add_labels(image, [("0.90", (190, 190, 210, 210))])
    np.testing.assert_array_equal(drawn[150:250, 230:], 255)
    assert (drawn != image).any()


@pytest.mark.parametrize("box", [(0, 0, 3, 3), (397, 397, 400, 400), (0, 0, 400, 400)])
def test_label_stays_inside(box: tuple[int, int, int, int]) -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    inner = add_labels(image, [("0.50", box)]).any(axis=2)
    padded = add_labels(np.zeros((400, 400, 3), np.uint8), [("0.50", (200, 200, 203, 203))]).any(axis=2)
    assert inner.sum() > 0.8 * padded.sum()


@pytest.mark.parametrize("shape", [(64, 48), (900, 700), (300, 60)])
def test_caption_lies_in_the_darkest_corner(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 90, np.uint8)
    image[shape[0] // 2 :] = 0
    image[-shape[0] // 4 :, : shape[1] // 2] = 120
    changed = np.nonzero((add_caption(image, "TEXT") != image).any(axis=2))
    assert changed[0].min() > shape[0] // 2
    assert changed[1].max() < shape[1] - 1

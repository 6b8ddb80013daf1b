# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from mammozoo.functional.boxes.frame import FRAMINGS, DetectorFrame, find_frame, frame_image


def _mammogram(*, right: bool) -> np.ndarray:
    """A breast of 60 x 30 pixels at one side of a 100 x 80 image, with a bright lesion of 4 x 6."""
    image = np.zeros((100, 80), np.float32)
    image[20:80, :30] = 500
    image[40:46, 10:14] = 1000
    return np.ascontiguousarray(image[:, ::-1]) if right else image


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("right", [True, False])
def test_a_box_lands_on_its_lesion_in_the_frame(right: bool, framing: str) -> None:
    image = _mammogram(right=right)
    box = [66, 40, 70, 46] if right else [10, 40, 14, 46]
    frame = find_frame(image, framing=framing)
    assert frame.mirrored is right
    size = (frame.window[0] * 2, frame.window[1] * 2)
    ((x1, y1, x2, y2),) = frame.to_frame([box], size=size).round().astype(int)
    shown = frame_image(image, frame, size=size)
    inner = shown[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1]
    assert inner.size
    np.testing.assert_array_equal(inner, 1000)
    assert shown[y1 - 3, x1 - 3] < 1000


def test_there_and_back() -> None:
    frame = DetectorFrame(shape=(100, 80), content=(3, 10, 47, 90), window=(44, 88), mirrored=True)
    boxes = np.array([[30.5, 20, 60, 80.25], [0, 0, 80, 100]])
    np.testing.assert_allclose(frame.to_image(frame.to_frame(boxes, size=(320, 640)), size=(320, 640)), boxes)


def test_the_frame_is_twice_as_high_as_wide_and_padded_with_zeros() -> None:
    image = _mammogram(right=False)
    image[:, 40:] = 0
    frame = find_frame(image)
    width, height = frame.window
    assert height == 2 * width
    shown = frame_image(image, frame, size=frame.window)
    x1, y1, x2, y2 = frame.content
    assert shown[y2 - y1 :].sum() == shown[:, x2 - x1 :].sum() == 0


def test_an_image_without_breast_is_shown_whole() -> None:
    frame = find_frame(np.zeros((50, 20)))
    assert frame.content[2] > frame.content[0]
    assert frame_image(np.zeros((50, 20)), frame, size=(32, 64)).shape == (64, 32)


def test_wrong_input() -> None:
    with pytest.raises(TypeError, match="flip_to_left"):
        find_frame(np.zeros((8, 8)), flip_to_left="true")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no framing 'plain'; there are padded, stretched, whole"):
        find_frame(np.zeros((8, 8)), framing="plain")
    frame = DetectorFrame(shape=(4, 4), content=(0, 0, 4, 4), window=(4, 8), mirrored=False)
    with pytest.raises(ValueError, match=r"shape \(4, 4\)"):
        frame_image(np.zeros((5, 4)), frame, size=(4, 8))

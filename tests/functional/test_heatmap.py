# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from mammozoo.functional.heatmap import heat_overlay


def test_no_heat_leaves_the_image_and_full_heat_colours_it() -> None:
    image = np.full((4, 6), 90, np.uint8)
    heat = np.zeros((4, 6), np.float32)
    heat[1, 2], heat[0, 0], heat[3, 5] = 1, np.nan, 7
    drawn = heat_overlay(image, heat)
    assert drawn.shape == (4, 6, 3)
    assert (drawn[0, 0] == 90).all()
    assert drawn[1, 2, 0] > drawn[1, 2, 2]
    assert (drawn[1, 2] == drawn[3, 5]).all()


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="of its shape"):
        heat_overlay(np.zeros((4, 6), np.uint8), np.zeros((6, 4)))

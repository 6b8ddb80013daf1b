# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from mammozoo.functional.lesion_size import area_224, size_bin


@pytest.mark.parametrize(
    ("area", "name"),
    [(0, "none"), (499, "small"), (500, "medium"), (1500, "medium"), (1501, "large")],
)
def test_bins(area: float, name: str) -> None:
    assert size_bin(area) == name


def test_area_is_exact_on_the_grid_and_scales_elsewhere() -> None:
    mask = np.zeros((224, 224), np.uint8)
    mask[10:20, 10:35] = 255
    assert area_224(mask) == pytest.approx(250)
    assert area_224(np.kron(mask, np.ones((3, 2)))) == pytest.approx(250)
    assert area_224(np.zeros((0, 0))) == 0

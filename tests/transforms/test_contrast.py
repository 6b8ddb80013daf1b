# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor

from mammozoo.transforms.contrast import StackContrastd


def test_low_energy_comes_first_and_the_metadata_are_the_subtracted_images() -> None:
    low, subtracted = (MetaTensor(torch.full((1, 3, 5), value), meta={"name": value}) for value in (1.0, 2.0))
    found = StackContrastd()({"low_energy": low, "image": subtracted})
    assert set(found) == {"image"}
    assert found["image"][:, 0, 0].tolist() == [1, 2]
    assert found["image"].meta["name"] == 2


def test_one_image_passes() -> None:
    image = torch.zeros(1, 2, 2)
    assert StackContrastd()({"image": image})["image"] is image


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="register them first"):
        StackContrastd()({"low_energy": torch.zeros(1, 3, 5), "image": torch.zeros(1, 5, 3)})

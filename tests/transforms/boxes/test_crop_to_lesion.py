# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch

from mammozoo.transforms.boxes.crop_to_lesion import CropToLesiond


def test_the_box_grows_by_a_fifth_in_area_and_keeps_its_shape() -> None:
    label = torch.zeros(1, 300, 200)
    label[:, 100:200, 80:120] = 1
    cropped = CropToLesiond(["image", "label"])({"image": torch.rand(1, 300, 200), "label": label})
    width, height = cropped["label"].shape[1:]
    assert cropped["image"].shape == cropped["label"].shape
    assert width * height == pytest.approx(1.2 * 100 * 40, rel=0.02)
    assert width / height == pytest.approx(2.5, rel=0.03)
    assert cropped["label"].sum() == label.sum()


def test_at_the_frame_and_without_lesion() -> None:
    label = torch.zeros(1, 50, 40)
    assert CropToLesiond("label")({"label": label})["label"].shape == (1, 50, 40)
    label[:, :10, :10] = 1
    assert np.all(np.asarray(CropToLesiond("label")({"label": label})["label"].shape[1:]) == 10)

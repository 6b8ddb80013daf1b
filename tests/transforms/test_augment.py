# SPDX-License-Identifier: Apache-2.0
"""The background-preserving crop, and MONAI's transforms with the arguments that the paper's ranges need."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import RandSmoothDeform

from mammozoo.transforms.augment import RandBackgroundPreservingCrop, RandBackgroundPreservingCropd


def label(x1: int, y1: int, x2: int, y2: int) -> torch.Tensor:
    mask = torch.zeros(1, 100, 80, dtype=torch.uint8)
    mask[:, x1:x2, y1:y2] = 1
    return mask


@pytest.mark.parametrize("box", [(0, 0, 3, 3), (97, 77, 100, 80), (40, 30, 60, 45), (2, 1, 99, 79), (0, 40, 100, 41)])
def test_crop_is_large_and_holds_the_whole_lesion(box: tuple[int, int, int, int]) -> None:
    transform = RandBackgroundPreservingCrop(1.0).set_random_state(seed=0)
    drawn = set()
    for _ in range(50):
        _, mask = transform(torch.rand(1, 100, 80), label(*box))
        x1, y1, x2, y2 = transform.box[0]
        drawn.add((x1, y1, x2, y2))
        assert 0 <= x1 <= box[0] < box[2] <= x2 <= 100
        assert 0 <= y1 <= box[1] < box[3] <= y2 <= 80
        assert x2 - x1 >= 80
        assert y2 - y1 >= 64
        assert mask.sum() >= (box[2] - box[0]) * (box[3] - box[1])
    assert len(drawn) > 3


def test_crop_without_lesion_goes_anywhere() -> None:
    transform = RandBackgroundPreservingCrop(1.0).set_random_state(seed=0)
    image, mask = transform(torch.rand(1, 100, 80), torch.zeros(1, 100, 80))
    assert image.shape == mask.shape == (1, 100, 80)
    assert not mask.any()


@pytest.mark.parametrize("kind", [torch.Tensor.numpy, torch.clone, MetaTensor])
def test_forms_agree_and_are_seeded(kind: Any) -> None:
    data = {"image": kind(torch.rand(1, 100, 80)), "label": kind(label(40, 30, 60, 45))}
    array, dictionary = RandBackgroundPreservingCrop(0.5), RandBackgroundPreservingCropd(prob=0.5)
    array.set_random_state(seed=4)
    dictionary.set_random_state(seed=4)
    changed = 0
    for _ in range(12):
        image, mask = array(data["image"], data["label"])
        result = dictionary(data)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(result["image"]))
        np.testing.assert_array_equal(np.asarray(mask), np.asarray(result["label"]))
        assert type(mask) is type(data["label"])
        assert mask.dtype == data["label"].dtype
        changed += image is not data["image"]
    assert 1 <= changed <= 11


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="min_side"):
        RandBackgroundPreservingCrop(min_side=1.5)
    with pytest.raises(ValueError, match="keys"):
        RandBackgroundPreservingCropd("image")


def test_smooth_deformation_stays_within_eight_pixels_and_is_smooth() -> None:
    side = 224
    x, y = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    place = torch.stack([x, y]).float()
    transform = RandSmoothDeform(
        (side, side),
        rand_size=(14, 14),
        field_mode="bicubic",
        align_corners=True,
        prob=1.0,
        def_range=2 * 8 / math.sqrt(2) / side,
        grid_mode="bilinear",
        grid_align_corners=True,
    ).set_random_state(seed=0)
    for _ in range(10):
        moved = (transform(place) - place)[:, 16:-16, 16:-16]
        length = moved.square().sum(dim=0).sqrt()
        assert 3 < length.max() < 8
        assert moved.mean().abs() < 1  # no drift
        assert moved.diff(dim=1).abs().max() < 1  # no fold

# SPDX-License-Identifier: Apache-2.0
"""Area resizing: integers, aspect, metadata, and the way back."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd

from mammozoo.transforms.resize import AreaResize, AreaResized


def disc(width: int = 90, height: int = 120) -> MetaTensor:
    x, y = torch.meshgrid(torch.arange(width), torch.arange(height), indexing="ij")
    return MetaTensor((((x - 30) ** 2 + (y - 70) ** 2) < 400)[None].float())


def test_integers_stay_and_equal_cv2() -> None:
    image = (np.random.RandomState(0).rand(1, 90, 120) * 4095).astype(np.uint16)
    result = AreaResize((32, 40))(image)
    expected = cv2.resize(image[0], (40, 32), interpolation=cv2.INTER_AREA)
    assert result.dtype == torch.int32
    np.testing.assert_array_equal(result[0].numpy(), expected)


@pytest.mark.parametrize("keep_aspect", [False, True])
@pytest.mark.parametrize("size", [(45, 45), (64, 30), (200, 200)])
def test_inverse_brings_the_lesion_back(keep_aspect: bool, size: tuple[int, int]) -> None:
    image = disc()
    transform = AreaResize(size, keep_aspect=keep_aspect)
    small = transform(image)
    back = transform.inverse(small.clone())
    overlap = 2 * ((back > 0.5) & (image > 0.5)).sum() / ((back > 0.5).sum() + (image > 0.5).sum())
    assert small.shape == (1, *size)
    assert back.shape == image.shape
    assert overlap > 0.93
    assert back.applied_operations == []
    torch.testing.assert_close(back.affine, image.affine)


def test_aspect_is_kept_by_padding() -> None:
    small = AreaResize((60, 60), keep_aspect=True, pad_value=-1.0)(disc())
    assert (small[0, :7] == -1).all()
    assert (small[0, -8:] == -1).all()
    assert (small[0, 7:52] > -1).all()
    assert small.affine[:2, :2].tolist() == [[2.0, 0.0], [0.0, 2.0]]
    assert small.affine[:2, -1].tolist() == [0.5 - 2 * 7, 0.5]


@pytest.mark.parametrize("nearest", [False, True])
def test_invertd_restores_a_probability_map(nearest: bool) -> None:
    preprocessing = Compose([AreaResized(["image", "label"], [45, 45], mode=["area", "nearest"], keep_aspect=True)])
    data = preprocessing({"image": disc(), "label": disc()})
    data["pred"] = MetaTensor(data["image"].as_tensor().clone())
    restore = Invertd("pred", preprocessing, orig_keys="image", nearest_interp=nearest, to_tensor=True)
    pred = restore(data)["pred"]
    assert pred.shape == (1, 90, 120)
    assert ((pred > 0.5) == (disc() > 0.5)).float().mean() > 0.98
    between = ((pred > 0.01) & (pred < 0.99)).float().mean()
    assert (len(pred.unique()) <= len(data["image"].unique())) == nearest
    assert between > 0


def test_labels_keep_their_values_and_type() -> None:
    label = disc().to(torch.uint8) * 3
    small = AreaResized("label", 45, mode="nearest")({"label": label})["label"]
    assert small.dtype == torch.uint8
    assert small.unique().tolist() == [0, 3]


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, MetaTensor])
def test_dictionary_form_agrees(kind: Any) -> None:
    image = kind(np.random.RandomState(0).rand(2, 33, 47).astype(np.float32))
    transform = AreaResized(["a", "b"], [20, 60], mode=["area", "nearest"], allow_missing_keys=True)
    result = transform({"a": image, "b": image})
    torch.testing.assert_close(result["a"], AreaResize((20, 60))(image))
    torch.testing.assert_close(result["b"], AreaResize((20, 60), mode="nearest")(image))
    assert "b" not in transform({"a": image})


def test_from_json_in_the_fast_order() -> None:
    config = {
        "t": {
            "_target_": "Compose",
            "transforms": [
                {
                    "_target_": "mammozoo.transforms.resize.AreaResized",
                    "keys": ["image", "label"],
                    "spatial_size": [32, 24],
                    "mode": ["area", "nearest"],
                },
                {"_target_": "ScaleIntensityd", "keys": "image"},
                {"_target_": "mammozoo.transforms.clahe.CLAHEd", "keys": "image"},
            ],
        }
    }
    image = MetaTensor(torch.randint(0, 4096, (1, 90, 120), generator=torch.Generator().manual_seed(0)))
    result = ConfigParser(config).get_parsed_content("t")({"image": image, "label": disc()})
    assert result["image"].shape == result["label"].shape == (1, 32, 24)
    assert 0 <= result["image"].min() < result["image"].max() <= 1

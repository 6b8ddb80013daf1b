# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import ScaleIntensity

from mammozoo.transforms.clahe import CLAHE
from mammozoo.transforms.scale import UnitScale, UnitScaled, UnitToUint8, UnitToUint8d

IMAGE = np.random.default_rng(0).integers(3, 4000, (1, 20, 30)).astype(np.uint16)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_it_scales_as_monai_does(kind: Callable[[Any], Any], dtype: str) -> None:
    given = (IMAGE % 200).astype(dtype)
    result = UnitScale()(kind(given.copy()))
    assert type(result) is type(kind(given))
    assert result.dtype in (np.float32, torch.float32)
    np.testing.assert_allclose(result, ScaleIntensity()(given.astype(np.float32)), atol=1e-6)


def test_metadata_and_memory_order_are_kept_and_the_image_is_not_changed() -> None:
    given = MetaTensor(torch.from_numpy(IMAGE.copy()).transpose(1, 2), meta={"id": "x"})
    result = UnitScaled("image")({"image": given})["image"]
    assert isinstance(result, MetaTensor)
    assert result.meta["id"] == "x"
    assert result.stride()[1:] == given.stride()[1:]
    np.testing.assert_array_equal(given.numpy(), IMAGE.transpose(0, 2, 1))
    float_image = torch.rand(1, 4, 4)
    before = float_image.clone()
    UnitScale()(float_image)
    assert torch.equal(float_image, before)


@pytest.mark.parametrize("image", [np.full((1, 4, 4), 7, np.uint8), np.zeros((1, 0, 4), np.float32)])
def test_without_contrast_or_pixels(image: np.ndarray) -> None:
    result = UnitScale()(image)
    assert result.shape == image.shape
    assert not np.any(result)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, MetaTensor])
def test_bytes_lose_nothing_of_an_equalised_image(kind: Callable[[Any], Any]) -> None:
    levels = CLAHE()(kind(UnitScale()(IMAGE)))
    whole = UnitToUint8()(levels)
    assert type(whole) is type(levels)
    assert str(whole.dtype).endswith("uint8")
    np.testing.assert_array_equal(np.asarray(whole).astype(np.float32) / np.float32(255), np.asarray(levels))


def test_bytes_are_rounded_and_clipped() -> None:
    given = torch.tensor([[[-0.5, 0.499 / 255, 0.501 / 255, 2.0]]])
    assert UnitToUint8d("image")({"image": given})["image"].tolist() == [[[0, 0, 1, 255]]]
    assert UnitToUint8()(given.numpy()).tolist() == [[[0, 0, 1, 255]]]


@pytest.mark.gpu
def test_cuda_equals_cpu() -> None:
    image = torch.from_numpy(IMAGE.astype(np.int32))
    torch.testing.assert_close(UnitScale()(image.cuda()).cpu(), UnitScale()(image))

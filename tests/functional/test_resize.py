# SPDX-License-Identifier: Apache-2.0
"""Area resizing in main memory and by matrices."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from mammozoo.functional.resize import axis_weights, resize, resize_on_device

SIZES = [(17, 23), (64, 48), (128, 96), (30, 90), (100, 20)]  # of 64 x 48 (W x H): smaller, same, larger, mixed


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("mode", ["area", "nearest"])
def test_main_memory_equals_matrices(size: tuple[int, int], dtype: type, mode: str) -> None:
    image = (np.random.RandomState(0).rand(2, 48, 64) * 250).astype(dtype)
    ours = resize(image, size=size, mode=mode)
    device = resize_on_device(torch.from_numpy(image.astype(np.float64)), size=size, mode=mode).numpy()
    tolerance = 0.51 if np.issubdtype(dtype, np.integer) else 1e-3
    if size[0] > 64 or size[1] > 48:
        tolerance += 1.01 if np.issubdtype(dtype, np.integer) else 0  # cv2 interpolates integers in fixed point
    assert ours.dtype == dtype
    assert ours.shape == (2, size[1], size[0])
    assert np.abs(ours - device).max() <= tolerance


def test_shrinking_is_cv2_area_on_integers() -> None:
    image = (np.random.RandomState(0).rand(200, 150) * 4095).astype(np.uint16)
    expected = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(resize(image, size=(64, 64)), expected)
    tensor = resize(torch.from_numpy(image.astype(np.int32)), size=(64, 64))
    assert tensor.dtype == torch.int32
    np.testing.assert_array_equal(tensor.numpy(), expected)


def test_transposed_data_give_the_transposed_result() -> None:
    image = np.random.RandomState(0).rand(70, 50)
    np.testing.assert_allclose(resize(image.T, size=(20, 30)), resize(image, size=(30, 20)).T, atol=1e-12)


def test_large_integers_survive() -> None:
    image = np.full((4, 4), 1_000_000, np.int32)
    np.testing.assert_array_equal(resize(image, size=(2, 2)), np.full((2, 2), 1_000_000))


@pytest.mark.parametrize(("source", "target"), [(5, 3), (3, 5), (4, 4), (1, 6), (7, 1)])
def test_weights_sum_to_one(source: int, target: int) -> None:
    np.testing.assert_allclose(axis_weights(source, target).sum(axis=1), 1)


def test_bad_mode() -> None:
    with pytest.raises(ValueError, match="mode"):
        resize(np.zeros((4, 4)), size=(2, 2), mode="cubic")  # type: ignore[call-overload]

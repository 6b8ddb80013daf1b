# SPDX-License-Identifier: Apache-2.0
"""Resampling of boxes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mammozoo.functional.patches.draw import boxes_around
from mammozoo.functional.patches.gather import gather_masks, gather_patches, nearest_indices


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.float32, torch.float64])
def test_gather_of_the_patch_size_copies(dtype: torch.dtype) -> None:
    image = (torch.rand(2, 40, 30, generator=torch.Generator().manual_seed(0)) * 200).to(dtype)
    patches = gather_patches(image, np.array([[3, 5, 13, 25], [0, 0, 10, 20]]), size=(10, 20))
    assert patches.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.equal(patches[0], image[:, 5:25, 3:13].to(patches.dtype))
    assert torch.equal(patches[1], image[:, :20, :10].to(patches.dtype))


def test_gather_enlarges_as_torch_does() -> None:
    image = torch.rand(1, 40, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.interpolate(image[None, :, 5:25, 3:13], size=(56, 28), mode="bilinear")
    torch.testing.assert_close(gather_patches(image, np.array([[3, 5, 13, 25]]), size=(28, 56)), expected)


def test_gather_reduces_by_averages() -> None:
    image = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0))
    patches = gather_patches(image, np.array([[0, 0, 64, 64], [8, 8, 24, 24]]), size=(16, 16))
    torch.testing.assert_close(patches[0], torch.nn.functional.avg_pool2d(image, 4))
    assert torch.equal(patches[1], image[:, 8:24, 8:24])


def test_gather_is_one_call_for_many_boxes_and_views() -> None:
    image, rng = torch.rand(1, 50, 70, generator=torch.Generator().manual_seed(0)), np.random.RandomState(0)
    boxes = boxes_around(rng.uniform(0, 70, (20, 2)), sides=rng.randint(1, 60, (20, 2)), shape=(50, 70))
    together = gather_patches(image, boxes, size=(16, 12))
    view = image.transpose(1, 2).contiguous().transpose(1, 2)
    for index, box in enumerate(boxes):
        assert torch.equal(together[index : index + 1], gather_patches(image, box[None], size=(16, 12)))
    assert torch.equal(together, gather_patches(view, boxes, size=(16, 12)))


def test_reduced_mask_never_loses_its_lesion() -> None:
    mask = torch.zeros(1, 100, 100, dtype=torch.uint8)
    mask[0, 37, 61] = 1
    patch = gather_masks(mask, np.array([[0, 0, 100, 100]]), size=(10, 10))
    assert patch.sum() == 1
    assert patch[0, 0, 3, 6] == 1


def test_nearest_indices_equal_torch() -> None:
    for side, size in [(7, 3), (3, 7), (64, 64), (100, 33)]:
        source = torch.arange(side, dtype=torch.float64)[None, None]
        expected = torch.nn.functional.interpolate(source, size=size, mode="nearest-exact")[0, 0].long()
        assert torch.equal(nearest_indices(0, side, size), expected)

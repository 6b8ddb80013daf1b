# SPDX-License-Identifier: Apache-2.0
"""Patch boxes, their resampling, and the strata they are drawn from."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from skimage.measure import label as skimage_label
from skimage.measure import regionprops

from mammozoo.functional.patches.draw import (
    boxes_around,
    coverage_counts,
    ensure_lesion,
    fit_side,
    lesion_boxes,
    negative_boxes,
    pick_pixels,
    positive_boxes,
)
from mammozoo.functional.patches.gather import gather_masks, gather_patches, nearest_indices
from mammozoo.functional.patches.strata import STRATA, hybrid_boxes, rough_breast, stratum_masks


def blobs(shape: tuple[int, int], count: int, seed: int) -> torch.Tensor:
    mask = np.zeros(shape, np.uint8)
    rng = np.random.RandomState(seed)
    for _ in range(count):
        centre = int(rng.randint(shape[1])), int(rng.randint(shape[0]))
        cv2.circle(mask, centre, int(rng.randint(0, 12)), 1, -1)
    return torch.from_numpy(mask)


@pytest.mark.parametrize("seed", range(5))
def test_lesion_boxes_equal_skimage(seed: int) -> None:
    mask = blobs((120, 90), 5, seed)
    regions = regionprops(skimage_label(mask.numpy(), connectivity=2))
    expected = sorted((r.bbox[1], r.bbox[0], r.bbox[3], r.bbox[2]) for r in regions)
    assert sorted(map(tuple, lesion_boxes(mask).tolist())) == expected


def test_lesion_boxes_of_nothing() -> None:
    assert lesion_boxes(torch.zeros(8, 9)).shape == (0, 4)


@pytest.mark.parametrize(
    ("lesion", "shape", "expected"),
    [(0, (256, 256), 64), (20, (256, 256), 64), (60, (256, 256), 90), (250, (256, 300), 256), (0, (4096, 3328), 224)],
)
def test_fit_side(lesion: int, shape: tuple[int, int], expected: int) -> None:
    assert fit_side(lesion, shape=shape) == expected


def test_boxes_lie_inside_and_keep_their_size() -> None:
    rng = np.random.RandomState(0)
    centres, sides = rng.uniform(-50, 250, (200, 2)), rng.randint(1, 150, (200, 2))
    boxes = boxes_around(centres, sides=sides, shape=(120, 100))
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= (100, 120)).all()
    np.testing.assert_array_equal(boxes[:, 2:] - boxes[:, :2], np.minimum(sides, (100, 120)))


def test_coverage_counts_equal_slices() -> None:
    mask, rng = blobs((60, 50), 6, 1), np.random.RandomState(0)
    boxes = boxes_around(rng.uniform(0, 60, (50, 2)), sides=rng.randint(1, 40, (50, 2)), shape=(60, 50))
    expected = [int(mask[y1:y2, x1:x2].sum()) for x1, y1, x2, y2 in boxes]
    assert coverage_counts(mask, boxes).tolist() == expected


def test_pick_pixels_is_uniform_over_the_mask() -> None:
    mask = torch.zeros(10, 10)
    mask[2:4, 5:9] = 1
    picks = pick_pixels(mask > 0, np.arange(800) / 800)
    places, counts = np.unique(np.floor(picks), axis=0, return_counts=True)
    assert len(places) == 8
    assert set(counts) == {100}
    assert pick_pixels(mask > 2, np.array([0.5])).shape == (0, 2)


@pytest.mark.parametrize("patch_scale", ["fit", "native"])
@pytest.mark.parametrize("size", [(32, 32), (24, 48)])
def test_every_positive_box_holds_lesion(patch_scale: str, size: tuple[int, int]) -> None:
    for seed in range(60):
        mask = blobs((150, 110), 1 + seed % 4, seed)
        boxes = positive_boxes(
            mask, np.random.RandomState(seed), count=4, size=size, patch_scale=patch_scale, perturbation=0.5
        )
        assert (coverage_counts(mask, boxes) > 0).all()
        assert gather_masks(mask[None], boxes, size=size).flatten(1).any(dim=1).all()


def test_fitted_box_holds_the_whole_lesion_with_its_margin() -> None:
    mask = torch.zeros(1000, 800)
    mask[480:620, 300:420] = 1  # 140 x 120
    boxes = positive_boxes(mask, np.random.RandomState(0), count=200)
    assert (coverage_counts(mask, boxes) == 140 * 120).all()
    assert ((boxes[:, 2:] - boxes[:, :2]) == 210).all()
    shift = (boxes[:, :2] + boxes[:, 2:]) / 2 - (360, 550)
    assert 18 < np.abs(shift).max() <= 21.5  # +-10 % of 210


def test_ensure_lesion_moves_empty_boxes_only() -> None:
    mask = torch.zeros(40, 40)
    mask[30, 35] = 1
    boxes = ensure_lesion(mask, np.array([[0, 0, 6, 6], [30, 28, 40, 38]]))
    assert boxes[1].tolist() == [30, 28, 40, 38]
    assert coverage_counts(mask, boxes).tolist() == [1, 1]


@pytest.mark.parametrize("limit", [0.05, 0.0])
def test_no_negative_reaches_the_coverage_limit(limit: float) -> None:
    found = 0
    for seed in range(60):
        mask = blobs((160, 130), 6, seed)
        breast = torch.zeros(160, 130)
        breast[20:140, :90] = 1
        boxes = negative_boxes(
            mask, breast, np.random.RandomState(seed), sides=np.full((4, 2), 40), size=(32, 32), max_coverage=limit
        )
        found += len(boxes)
        seen = gather_masks(mask[None], boxes, size=(32, 32)).float().mean(dim=(1, 2, 3)).numpy()
        covered = coverage_counts(mask, boxes) / 1600
        assert ((covered < limit) | (covered == 0)).all()
        assert ((seen < limit) | (seen == 0)).all()
        centres = (boxes[:, :2] + boxes[:, 2:]) // 2 - 1  # the picked pixel, for sides are even
        assert breast[centres[:, 1], centres[:, 0]].all()
    assert found == 240


def test_lesion_everywhere_leaves_no_negative() -> None:
    ones = torch.ones(50, 50)
    assert negative_boxes(ones, ones, np.random.RandomState(0), sides=np.full((3, 2), 10)).shape == (0, 4)


def test_boxes_depend_on_the_seed_only() -> None:
    mask = blobs((100, 100), 3, 0)
    draws = [positive_boxes(mask, np.random.RandomState(7), count=5) for _ in range(2)]
    np.testing.assert_array_equal(*draws)
    assert positive_boxes(mask, np.random.default_rng(7), count=5).shape == (5, 4)


def test_unknown_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="patch_scale"):
        positive_boxes(torch.ones(9, 9), np.random.RandomState(0), count=1, patch_scale="huge")


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.float32, torch.float64])
def test_gather_of_the_patch_size_copies(dtype: torch.dtype) -> None:
    image = (torch.rand(2, 40, 30, generator=torch.Generator().manual_seed(0)) * 200).to(dtype)
    patches = gather_patches(image, np.array([[3, 5, 13, 25], [0, 0, 10, 20]]), size=(10, 20))
    assert patches.dtype == dtype
    assert torch.equal(patches[0], image[:, 5:25, 3:13])
    assert torch.equal(patches[1], image[:, :20, :10])


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


def exam() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rows, columns = torch.meshgrid(torch.arange(200.0), torch.arange(150.0), indexing="ij")
    breast = ((rows - 100) / 80) ** 2 + (columns / 100) ** 2 < 1
    lesion = (rows - 90) ** 2 + (columns - 40) ** 2 < 60
    return breast * (0.4 + columns / 400) + lesion * 0.2, lesion, breast


def test_strata_lie_where_their_names_say() -> None:
    image, lesion, breast = exam()
    masks = {name: mask for name, (mask, step) in stratum_masks(image, lesion, breast).items() if step == 1}
    assert set(masks) == set(STRATA)
    assert torch.equal(masks["lesion"], lesion)
    assert torch.equal(masks["background"], ~breast)
    for name in ("hard_negative", "breast", "border"):
        assert masks[name].any()
        assert not (masks[name] & lesion).any()
    assert (masks["hard_negative"] & ~breast).sum() == 0
    assert image[masks["hard_negative"]].mean() > image[masks["breast"]].mean()
    assert 0.05 < masks["hard_negative"].sum() / masks["breast"].sum() < 0.2
    given = torch.zeros_like(image)
    given[5, 5] = 1
    hard, _ = stratum_masks(image, lesion, breast, hard_negative=given)["hard_negative"]
    assert hard.nonzero().tolist() == [[5, 5]]


def test_shares_are_kept_and_lesion_boxes_hold_lesion() -> None:
    image, lesion, breast = exam()
    strata, rng = stratum_masks(image, lesion, breast), np.random.RandomState(0)
    shares = {"lesion": 0.35, "breast": 0.4, "border": 0.15, "background": 0.1}
    boxes, names = hybrid_boxes(strata, rng, shares=shares, count=10_000, extent=(32, 32))
    for name, share in shares.items():
        assert abs(names.count(name) / 10_000 - share) < 4 * np.sqrt(share * (1 - share) / 10_000)
    with_lesion = np.array(names) == "lesion"
    assert (coverage_counts(lesion, boxes[with_lesion]) > 0).all()


def test_missing_stratum_leaves_its_share() -> None:
    image, lesion, breast = exam()
    empty, rng = torch.zeros_like(lesion), np.random.RandomState(0)
    strata = stratum_masks(image, empty, breast)
    _, names = hybrid_boxes(strata, rng, shares={"lesion": 0.9, "breast": 0.1}, count=50, extent=(8, 8))
    assert set(names) == {"breast"}
    _, names = hybrid_boxes(strata, rng, shares={"lesion": 1.0}, count=5, extent=(8, 8))
    assert set(names) == {"any"}


@pytest.mark.parametrize("shares", [{}, {"lesion": -1.0}, {"lesion": 0.0}, {"skin": 1.0}])
def test_bad_shares(shares: dict[str, float]) -> None:
    strata = stratum_masks(*exam())
    with pytest.raises(ValueError, match="shares"):
        hybrid_boxes(strata, np.random.RandomState(0), shares=shares, count=1, extent=(8, 8))


def test_rough_breast_of_a_flat_image_is_everything() -> None:
    assert rough_breast(torch.ones(4, 4)).all()


@pytest.mark.gpu
def test_same_crops_on_cuda() -> None:
    image, lesion, breast = exam()
    results = []
    for device in ("cpu", "cuda"):
        one, mask, place = image.to(device), lesion.to(device), breast.to(device)
        rng = np.random.RandomState(3)
        boxes, names = hybrid_boxes(
            stratum_masks(one, mask, place), rng, shares=dict.fromkeys(STRATA, 1.0), count=64, extent=(40, 40)
        )
        more = [positive_boxes(mask, rng, count=4), negative_boxes(mask, place, rng, sides=np.full((4, 2), 40))]
        patches = gather_patches(one[None], boxes, size=(24, 24)).cpu()
        results.append((np.concatenate([boxes, *more]), names, patches))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]
    torch.testing.assert_close(results[0][2], results[1][2], atol=1e-6, rtol=0)

# SPDX-License-Identifier: Apache-2.0
"""Patch boxes: about lesions, and where lesion is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from skimage.measure import label as skimage_label
from skimage.measure import regionprops

from mammozoo.functional.patches.draw import (
    LesionMap,
    boxes_around,
    fit_side,
    negative_boxes,
    pick_pixels,
    positive_boxes,
)
from mammozoo.functional.patches.gather import gather_masks


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
    assert sorted(map(tuple, LesionMap(mask).boxes.tolist())) == expected
    assert sorted(map(tuple, LesionMap(mask.T.contiguous().T.float()).boxes.tolist())) == expected


def test_map_of_nothing() -> None:
    lesions = LesionMap(torch.zeros(8, 9))
    assert lesions.boxes.shape == (0, 4)
    assert lesions.counts(np.array([[0, 0, 9, 8]])).tolist() == [0]
    assert lesions.seen(np.array([0, 0, 9, 8]), (4, 4)) == 0


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


def test_counts_and_seen_shares_equal_slices() -> None:
    mask, rng = blobs((60, 50), 6, 1), np.random.RandomState(0)
    lesions = LesionMap(mask)
    boxes = boxes_around(rng.uniform(0, 60, (50, 2)), sides=rng.randint(1, 40, (50, 2)), shape=(60, 50))
    expected = [int(mask[y1:y2, x1:x2].sum()) for x1, y1, x2, y2 in boxes]
    assert lesions.counts(boxes).tolist() == expected
    seen = gather_masks(mask[None], boxes, size=(16, 12)).float().mean(dim=(1, 2, 3)).tolist()
    assert [lesions.seen(box, (16, 12)) for box in boxes] == pytest.approx(seen)


def test_pick_pixels_is_uniform_over_the_mask() -> None:
    mask = np.zeros((10, 10), bool)
    mask[2:4, 5:9] = True
    picks = pick_pixels(mask, np.arange(800) / 800)
    places, counts = np.unique(np.floor(picks), axis=0, return_counts=True)
    assert len(places) == 8
    assert set(counts) == {100}
    assert pick_pixels(mask[:1], np.array([0.5])).shape == (0, 2)


@pytest.mark.parametrize("patch_scale", ["fit", "native"])
@pytest.mark.parametrize("size", [(32, 32), (24, 48)])
def test_every_positive_box_holds_lesion(patch_scale: str, size: tuple[int, int]) -> None:
    for seed in range(60):
        mask = blobs((150, 110), 1 + seed % 4, seed)
        lesions = LesionMap(mask)
        rng = np.random.default_rng(seed)
        boxes = positive_boxes(lesions, rng, count=4, size=size, patch_scale=patch_scale, jitter=0.5)
        assert (lesions.counts(boxes) > 0).all()
        assert gather_masks(mask[None], boxes, size=size).flatten(1).any(dim=1).all()


def test_fitted_box_holds_the_whole_lesion_with_its_margin() -> None:
    mask = torch.zeros(1000, 800)
    mask[480:620, 300:420] = 1  # 140 x 120
    boxes = positive_boxes(LesionMap(mask), np.random.default_rng(0), count=200, size=(224, 224))
    assert (LesionMap(mask).counts(boxes) == 140 * 120).all()
    assert ((boxes[:, 2:] - boxes[:, :2]) == 210).all()
    shift = (boxes[:, :2] + boxes[:, 2:]) / 2 - (360, 550)
    assert 18 < np.abs(shift).max() <= 21.5  # +-10 % of 210


def test_empty_boxes_alone_are_moved_onto_the_lesion() -> None:
    mask = torch.zeros(40, 40)
    mask[30, 35] = 1
    lesions = LesionMap(mask)
    boxes = lesions.onto_lesion(np.array([[0, 0, 6, 6], [30, 28, 40, 38]]))
    assert boxes[1].tolist() == [30, 28, 40, 38]
    assert lesions.counts(boxes).tolist() == [1, 1]


@pytest.mark.parametrize("limit", [0.05, 0.0])
def test_no_negative_reaches_the_coverage_limit(limit: float) -> None:
    found = 0
    for seed in range(60):
        mask = blobs((160, 130), 6, seed)
        breast = np.zeros((160, 130), bool)
        breast[20:140, :90] = True
        boxes = negative_boxes(
            LesionMap(mask),
            [(breast, 1)],
            np.random.default_rng(seed),
            sides=np.full((4, 2), 40),
            size=(32, 32),
            max_coverage=limit,
            jitter=0.0,
        )
        found += len(boxes)
        seen = gather_masks(mask[None], boxes, size=(32, 32)).float().mean(dim=(1, 2, 3)).numpy()
        covered = LesionMap(mask).counts(boxes) / 1600
        assert ((covered < limit) | (covered == 0)).all()
        assert ((seen < limit) | (seen == 0)).all()
        centres = (boxes[:, :2] + boxes[:, 2:]) // 2 - 1  # the picked pixel, for sides are even
        assert breast[centres[:, 1], centres[:, 0]].all()
    assert found == 240


def test_lesion_everywhere_leaves_no_negative() -> None:
    boxes = negative_boxes(
        LesionMap(torch.ones(50, 50)),
        [(np.ones((50, 50), bool), 1)],
        np.random.default_rng(0),
        sides=np.full((3, 2), 10),
        size=(10, 10),
        max_coverage=0.05,
    )
    assert boxes.shape == (0, 4)

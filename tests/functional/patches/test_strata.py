# SPDX-License-Identifier: Apache-2.0
"""The strata of a mammogram, and boxes in given shares of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from mammozoo.functional.patches.draw import Boxes, LesionMap
from mammozoo.functional.patches.strata import STRATA, coarse, coarse_step, hybrid_boxes, stratum_places


def exam() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, lesion and breast, (200, 150); the tissue grows brighter away from the chest wall."""
    rows, columns = np.mgrid[:200, :150].astype(np.float32)
    breast = ((rows - 100) / 80) ** 2 + (columns / 100) ** 2 < 1
    lesion = (rows - 90) ** 2 + (columns - 40) ** 2 < 60
    return breast * (0.4 + columns / 400) + lesion * 0.2, lesion, breast


def draw(seed: int = 0, lesion: np.ndarray | None = None, **options: Any) -> tuple[Boxes, list[str]]:
    image, there, _ = exam()
    lesion = there if lesion is None else lesion
    options = {"size": (32, 32), "count": 6, "shares": dict.fromkeys(STRATA, 1), **options}
    lesions = LesionMap(torch.from_numpy(lesion))
    return hybrid_boxes(lesions, stratum_places(image, lesion), np.random.default_rng(seed), step=1, **options)


def test_strata_lie_where_their_names_say() -> None:
    image, lesion, breast = exam()
    places = stratum_places(image, lesion, breast=breast)
    assert set(places) == set(STRATA) - {"lesion"}
    assert np.array_equal(places["background"], ~breast)
    assert not any((places[name] & lesion).any() for name in ("hard_negative", "breast", "border"))
    assert not (places["hard_negative"] & ~breast).any()
    assert image[places["hard_negative"]].mean() > image[places["breast"]].mean()
    assert 0.05 < places["hard_negative"].sum() / places["breast"].sum() < 0.2
    assert 0 < (places["border"] & breast).sum() < places["border"].sum()
    given = np.zeros_like(image)
    given[5, 5] = 1
    assert np.argwhere(stratum_places(image, lesion, hard_negative=given)["hard_negative"]).tolist() == [[5, 5]]


def test_without_a_mask_the_breast_is_found_and_a_flat_image_is_all_breast() -> None:
    image, lesion, breast = exam()
    assert np.array_equal(stratum_places(image, lesion)["breast"], breast & ~lesion)
    assert stratum_places(np.ones((4, 4)), np.zeros((4, 4)))["breast"].all()


def test_one_positive_and_two_negatives_always() -> None:
    shares = {"lesion": 1, "hard_negative": 1, "breast": 1}
    for seed in range(200):
        assert draw(seed, shares=shares, count=3)[1] == ["lesion", "hard_negative", "breast"]
        assert Counter(draw(seed, shares=shares, count=6)[1]) == dict.fromkeys(shares, 2)


def test_shares_are_kept_on_average_and_their_sum_is_free() -> None:
    shares = {"lesion": 0.7, "breast": 0.8, "border": 0.3, "background": 0.2}
    names = Counter(name for seed in range(500) for name in draw(seed, shares=shares, count=3)[1])
    for name, share in shares.items():
        assert names[name] / 1500 == pytest.approx(share / 2, abs=0.03)


def test_lesion_patches_hold_lesion_and_hard_negatives_never() -> None:
    _, lesion, _ = exam()
    for seed in range(100):
        boxes, names = draw(seed, jitter=0.5, max_negative_coverage=0.3, count=10)
        held = dict(zip(names, LesionMap(torch.from_numpy(lesion)).counts(boxes), strict=True))
        assert held["lesion"] > 0
        assert held["hard_negative"] == 0


def test_missing_strata_leave_their_shares() -> None:
    nothing = np.zeros((200, 150), bool)
    assert set(draw(lesion=nothing, shares={"lesion": 0.9, "breast": 0.1})[1]) == {"breast"}
    assert draw(lesion=nothing, shares={"lesion": 1.0})[1] == ["breast"] * 6


def test_a_stratum_without_a_free_place_borrows_one() -> None:
    """A lesion over the whole breast but a spot: every negative lies outside of it."""
    _, _, breast = exam()
    breast[98:102, 50:54] = False
    boxes, names = draw(lesion=breast, shares={"hard_negative": 1, "breast": 1}, max_negative_coverage=0.0, count=4)
    assert names == ["hard_negative"] * 2 + ["breast"] * 2
    assert not LesionMap(torch.from_numpy(breast)).counts(boxes).any()
    assert draw(lesion=np.ones((200, 150), bool), shares={"breast": 1})[1] == []


def test_boxes_depend_on_the_seed_only() -> None:
    assert np.array_equal(draw(7)[0], draw(7)[0])
    assert not np.array_equal(draw(7)[0], draw(8)[0])


@pytest.mark.parametrize(("shape", "step"), [((512, 300), 1), ((513, 10), 2), ((4096, 3328), 8)])
def test_the_grid_has_at_most_512_places_a_side(shape: tuple[int, int], step: int) -> None:
    assert coarse_step(shape) == step
    assert coarse(torch.zeros(shape), step).shape == tuple(-(-side // step) for side in shape)

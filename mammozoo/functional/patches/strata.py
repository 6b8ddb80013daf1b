# SPDX-License-Identifier: Apache-2.0
"""Hybrid sampling: boxes drawn from the strata of a mammogram in given shares."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from torch import Tensor

from ..._typing import Array, Mask
from .draw import LESION_MARGIN, Boxes, LesionMap, negative_boxes, patch_sides, positive_boxes

STRATA = ("lesion", "hard_negative", "breast", "border", "background")
WORKING_SIDE = 512  # strata other than the lesion are drawn on a grid of about this size
BREAST_FRACTION = 0.1  # of the range between the darkest and the brightest pixel: enough to place patches
DENSE_QUANTILE = 0.9  # hard negatives imitate masses: the brightest tenth of the breast
DENSE_SIDE = 9  # working pixels of the local mean that ranks brightness
BORDER_SIDE = 17  # working pixels: the border reaches 8 on either side of the skin line


def coarse_step(shape: tuple[int, int]) -> int:
    """Step of the grid on which the strata of an image (H, W) are drawn."""
    return max(1, -(-max(shape) // WORKING_SIDE))


def coarse(plane: Tensor, step: int) -> Array:
    """Every step-th pixel of a plane (H, W) of any device, in main memory."""
    return plane[::step, ::step].cpu().numpy()


def stratum_places(
    image: Array, lesion: Array, *, breast: Array | None = None, hard_negative: Array | None = None
) -> dict[str, Mask]:
    """Where the patches of each stratum but the lesion have their centres: masks of the shape of the coarse planes."""
    low, high = float(image.min()), float(image.max())
    inside = image >= low + BREAST_FRACTION * (high - low) if breast is None else breast > 0
    tissue = inside & (lesion <= 0)
    if hard_negative is None:
        mean = cv2.blur(np.ascontiguousarray(image, np.float32), (DENSE_SIDE, DENSE_SIDE))
        hard = tissue & (mean >= np.quantile(mean[tissue], DENSE_QUANTILE)) if tissue.any() else tissue
    else:
        hard = (hard_negative > 0) & (lesion <= 0)
    near = np.ones((BORDER_SIDE, BORDER_SIDE), np.uint8)
    border = (cv2.dilate(inside.astype(np.uint8), near) > 0) & (cv2.dilate((~inside).astype(np.uint8), near) > 0)
    return {"hard_negative": hard, "breast": tissue, "border": border & (lesion <= 0), "background": ~inside}


def hybrid_boxes(
    lesions: LesionMap,
    places: Mapping[str, Mask],
    rng: np.random.Generator,
    *,
    step: int,
    shares: Mapping[str, float],
    count: int,
    size: tuple[int, int],
    patch_scale: str = "fit",
    margin: float = LESION_MARGIN,
    jitter: float = 0.1,
    max_negative_coverage: float = 0.05,
) -> tuple[Boxes, list[str]]:
    """Draw boxes and the stratum of each; lesion patches come first, and the others have their sides."""
    there = {"lesion": len(lesions.boxes) > 0, **{name: bool(place.any()) for name, place in places.items()}}
    usable = {name: shares[name] for name in STRATA if shares.get(name, 0) > 0 and there[name]} or {"breast": 1.0}
    edges = np.cumsum(list(usable.values())) * count / sum(usable.values())
    ranks = np.searchsorted(edges, np.arange(count) + rng.uniform(), side="right")
    numbers = np.bincount(np.minimum(ranks, len(usable) - 1), minlength=len(usable))
    wanted = dict(zip(usable, numbers.tolist(), strict=True))

    positives = wanted.pop("lesion", 0)
    boxes = [
        positive_boxes(lesions, rng, count=positives, size=size, patch_scale=patch_scale, margin=margin, jitter=jitter)
    ]
    names = ["lesion"] * positives
    sides = boxes[0][:, 2:] - boxes[0][:, :2]
    if positives == 0:
        sides = patch_sides([0.0], shape=lesions.shape, size=size, patch_scale=patch_scale, margin=margin)
    for name, number in wanted.items():
        found = negative_boxes(
            lesions,
            [(place, step) for place in (places[name], places["breast"], np.ones_like(places[name]))],
            rng,
            sides=sides[np.arange(number) % len(sides)],
            size=size,
            max_coverage=0.0 if name == "hard_negative" else max_negative_coverage,
            jitter=jitter,
        )
        boxes.append(found)
        names += [name] * len(found)
    return np.concatenate(boxes), names

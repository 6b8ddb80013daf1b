# SPDX-License-Identifier: Apache-2.0
"""Hybrid sampling: patches drawn from the strata of a mammogram in any mixture of shares."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from .draw import Boxes, Rng, boxes_around, ensure_lesion, pick_pixels

__all__ = ["STRATA", "hybrid_boxes", "rough_breast", "stratum_masks"]

STRATA = ("lesion", "hard_negative", "breast", "border", "background")
WORKING_SIDE = 512  # strata other than the lesion are drawn on a grid of about this size
DENSE_QUANTILE = 0.9  # hard negatives imitate masses: the brightest tenth of the breast
DENSE_RADIUS = 4  # working pixels of the local mean that ranks brightness
BORDER_RADIUS = 8  # working pixels on either side of the skin line
LEVELS = 4095


def rough_breast(image: Tensor, *, fraction: float = 0.1) -> Tensor:
    """Tell breast from air by one threshold; enough to place patches, not to segment.

    Parameters
    ----------
    image : Tensor, shape (H, W)
        Mammogram with dark air.
    fraction : float
        The threshold's height between the image's minimum and maximum.

    Returns
    -------
    Tensor, shape (H, W)
        True in the breast; everywhere if the image has no contrast.

    Examples
    --------
    >>> rough_breast(torch.tensor([[0.0, 0.05, 0.5, 1.0]])).tolist()
    [[False, False, True, True]]
    """
    step = max(1, max(image.shape) // WORKING_SIDE)  # the extremes of a fine sample do for a rough threshold
    low, high = image[::step, ::step].min(), image[::step, ::step].max()
    return image >= low + (high - low) * fraction


def stratum_masks(
    image: Tensor, lesion: Tensor, breast: Tensor, *, hard_negative: Tensor | None = None
) -> dict[str, tuple[Tensor, int]]:
    """Where the patches of each stratum have their centres.

    Parameters
    ----------
    image, lesion, breast : Tensor, shape (H, W)
        Grey levels, lesion mask, breast mask; one device.
    hard_negative : Tensor, shape (H, W), optional
        Places known to mislead, for example false positives of an earlier model. By default the brightest tenth of
        the breast outside the lesion, by local mean.

    Returns
    -------
    dict of str to (Tensor, int)
        For each of `STRATA` a boolean mask and its step: the mask of a stratum with step s is every s-th pixel.

    Examples
    --------
    >>> image = torch.rand(64, 64)
    >>> masks = stratum_masks(image, image > 2, image > -1)
    >>> [name for name, (mask, _) in masks.items() if mask.any()]
    ['hard_negative', 'breast']
    """
    step = max(1, -(-max(image.shape) // WORKING_SIDE))
    inside, outside_lesion = breast[::step, ::step] > 0, lesion[::step, ::step] <= 0
    tissue = inside & outside_lesion
    hard = _dense(image[::step, ::step], tissue) if hard_negative is None else hard_negative[::step, ::step] > 0
    border = _dilate(inside) & _dilate(~inside)
    return {
        "lesion": (lesion > 0, 1),
        "hard_negative": (hard & outside_lesion, step),
        "breast": (tissue, step),
        "border": (border & outside_lesion, step),
        "background": (~inside, step),
    }


def hybrid_boxes(
    strata: Mapping[str, tuple[Tensor, int]],
    rng: Rng,
    *,
    shares: Mapping[str, float],
    count: int,
    extent: tuple[int, int],
    jitter: float = 0.1,
) -> tuple[Boxes, list[str]]:
    """Draw patch boxes from strata in given shares.

    Parameters
    ----------
    strata : mapping
        From :func:`stratum_masks`.
    rng : numpy generator
        Source of chance: four numbers a box, whatever the image.
    shares : mapping of str to float
        Expected share of each stratum, of any sum. The share of a stratum that the image lacks goes to the others in
        proportion; if it lacks all, patches come from anywhere.
    count : int
        Number of boxes.
    extent : (int, int)
        Width and height of a box in pixels.
    jitter : float
        Greatest shift of the centre as a fraction of the box's side.

    Returns
    -------
    boxes : array, shape (count, 4)
        Those of the stratum ``lesion`` hold lesion pixels; those of the others may touch the lesion.
    names : list of str
        The stratum of each; ``any`` where no stratum served.

    Raises
    ------
    ValueError
        If a share is negative, its name is no stratum, or all are zero.

    Examples
    --------
    >>> image = torch.rand(64, 64)
    >>> masks = stratum_masks(image, image > 2, image > -1)
    >>> boxes, names = hybrid_boxes(masks, np.random.RandomState(0), shares={"lesion": 1, "breast": 1}, count=2,
    ...                             extent=(32, 32))
    >>> names
    ['breast', 'breast']
    """
    unknown = sorted(set(shares) - set(STRATA))
    if unknown or not shares or min(shares.values()) < 0 or sum(shares.values()) <= 0:
        raise ValueError(f"shares must be positive numbers for some of {STRATA}, got {dict(shares)}")
    lesion = strata["lesion"][0]
    shape, draws = (lesion.shape[0], lesion.shape[1]), rng.uniform(size=(count, 4))
    usable = {name: share for name, share in shares.items() if share > 0 and bool(strata[name][0].any())}
    names = list(usable) or ["any"]
    edges = np.cumsum(list(usable.values()) or [1.0])
    chosen = np.minimum(np.searchsorted(edges / edges[-1], draws[:, 0], side="right"), len(names) - 1)
    centres = np.zeros((count, 2))
    for number, name in enumerate(names):
        mask, step = (torch.ones_like(lesion), 1) if name == "any" else strata[name]
        mine = chosen == number
        if mine.any():
            centres[mine] = pick_pixels(mask, draws[mine, 1]) * step
    sides = np.tile(np.array(extent, np.int64), (count, 1))
    centres += (2 * draws[:, 2:] - 1) * jitter * sides
    boxes = boxes_around(centres, sides=sides, shape=shape)
    with_lesion = np.array([names[number] == "lesion" for number in chosen], bool)
    if with_lesion.any():
        boxes[with_lesion] = ensure_lesion(lesion, boxes[with_lesion])
    return boxes, [names[number] for number in chosen]


def _dense(image: Tensor, tissue: Tensor) -> Tensor:
    """Tissue whose local mean is in the highest tenth; in whole numbers, so that every device agrees."""
    values = image.to(torch.float32)
    span = (values.max() - values.min()).clamp(min=torch.finfo(torch.float32).tiny)
    levels = ((values - values.min()) / span * LEVELS).round().to(torch.int64)
    mean = _box_sum(levels) // _box_sum(torch.ones_like(levels))
    candidates = mean[tissue]
    if candidates.numel() == 0:
        return tissue
    rank = min(int(DENSE_QUANTILE * candidates.numel()), candidates.numel() - 1)
    return tissue & (mean >= candidates.sort().values[rank])


def _box_sum(values: Tensor, *, radius: int = DENSE_RADIUS) -> Tensor:
    """Sum over a square window, cut at the image's edge."""
    for axis in (0, 1):
        size = values.shape[axis]
        place = torch.arange(size, device=values.device)
        totals = torch.cat([torch.zeros_like(values.narrow(axis, 0, 1)), values.cumsum(axis)], dim=axis)
        upper, lower = (place + radius + 1).clamp(max=size), (place - radius).clamp(min=0)
        values = totals.index_select(axis, upper) - totals.index_select(axis, lower)
    return values


def _dilate(mask: Tensor) -> Tensor:
    return _box_sum(mask.to(torch.int32), radius=BORDER_RADIUS) > 0

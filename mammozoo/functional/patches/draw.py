# SPDX-License-Identifier: Apache-2.0
"""Patch boxes: where lesion and lesion-free patches of a mammogram lie.

Boxes are (N, 4) int64, x1, y1, x2, y2 in pixels, half-open, on images (H, W); `size` and `sides` are (width, height).
All is drawn on the CPU with the caller's numpy generator: of a mask on a GPU only the lesion's window is fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..._typing import Mask
from ..components import lesion_boxes
from .gather import gather_masks

Boxes: TypeAlias = NDArray[np.int64]

LESION_MARGIN = 1.5  # side of a fitted patch in lesion sides; an open choice, docs/explanation/choices.md
CANDIDATES = 64  # places tried at once for a negative patch
ROUNDS = 2  # times that each kind of place is tried


def positive_pixels(mask: Tensor) -> Tensor:
    """Where a mask of any shape, type and device is above 0, boolean."""
    if mask.dtype == torch.bool:
        return mask
    # numpy compares ten times faster than torch does on a CPU
    return torch.from_numpy(mask.numpy() > 0) if mask.device.type == "cpu" else mask > 0


class LesionMap:
    """The lesion pixels of a mask (H, W) of any device: their boxes, and how many of them a box holds."""

    def __init__(self, mask: Tensor) -> None:
        self.shape = (int(mask.shape[0]), int(mask.shape[1]))
        lesion = positive_pixels(mask).view(torch.uint8)  # torch reduces truth values ten times more slowly
        rows, columns = (lesion.amax(dim=axis).cpu().numpy().nonzero()[0] for axis in (1, 0))
        top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
        left, right = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, 0)
        self.origin = np.array([left, top], np.int64)
        self.part = lesion[top:bottom, left:right].cpu().contiguous().numpy()
        self.sides = np.array([right - left, bottom - top], np.int64)
        self.boxes: Boxes = np.zeros((0, 4), np.int64)
        if self.part.size:
            self.boxes = lesion_boxes(self.part).astype(np.int64) + np.tile(self.origin, 2)
        self.integral = cv2.integral(self.part) if self.part.size else np.zeros((1, 1), np.int32)

    def counts(self, boxes: Boxes) -> NDArray[np.int64]:
        """Lesion pixels in each box."""
        x1, y1, x2, y2 = np.clip(boxes.reshape(-1, 2, 2) - self.origin, 0, self.sides).reshape(-1, 4).T
        table = self.integral
        return np.asarray(table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1], np.int64)

    def seen(self, box: NDArray[np.int64], size: tuple[int, int]) -> float:
        """Share of lesion in a patch as the network will see its label."""
        if not self.counts(box)[0]:
            return 0.0
        whole = np.zeros(tuple(box[[3, 2]] - box[[1, 0]]), np.uint8)
        start = np.maximum(box[:2], self.origin)
        stop = np.minimum(box[2:], self.origin + self.sides)
        there, here = (tuple(map(slice, (start - at)[::-1], (stop - at)[::-1])) for at in (box[:2], self.origin))
        whole[there] = self.part[here]
        around = np.array([[0, 0, whole.shape[1], whole.shape[0]]])
        return float(gather_masks(torch.from_numpy(whole)[None], around, size=size).float().mean())

    def onto_lesion(self, boxes: Boxes) -> Boxes:
        """Move each box that holds no lesion pixel onto the nearest one."""
        result = boxes.copy()
        for index in np.flatnonzero(self.counts(boxes) == 0):
            centre, sides = (boxes[index, :2] + boxes[index, 2:]) / 2, boxes[index, 2:] - boxes[index, :2]
            pixels = np.argwhere(self.part)[:, ::-1] + self.origin + 0.5
            nearest = pixels[np.argmin(((pixels - centre) ** 2).sum(axis=1))]
            result[index] = boxes_around(nearest[None], sides=sides[None], shape=self.shape)[0]
        return result


def fit_side(lesion_side: float, *, shape: tuple[int, int], patch: int = 224, margin: float = LESION_MARGIN) -> int:
    """Side of a square patch that shows a lesion with its surroundings."""
    short = min(shape)
    return int(min(max(np.ceil(margin * lesion_side), min(patch, short // 4), 1), short))


def boxes_around(centres: NDArray[np.float64], *, sides: NDArray[np.int64], shape: tuple[int, int]) -> Boxes:
    """Boxes about centres (N, 2), cut to the image's sides and moved inside it; the centre of pixel 0 is 0.5."""
    limit = np.array([shape[1], shape[0]], np.int64)
    size = np.clip(sides, 1, limit)
    start = np.clip(np.floor(centres - size / 2 + 0.5).astype(np.int64), 0, limit - size)
    return np.concatenate([start, start + size], axis=1)


def pick_pixels(mask: Mask, uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centres (N, 2) of pixels of a mask, picked by rank: each uniform is a fraction of the candidates in row order."""
    candidates = np.flatnonzero(mask)
    if candidates.size == 0:
        return np.zeros((0, 2))
    ranks = np.minimum((uniforms * candidates.size).astype(np.int64), candidates.size - 1)
    rows, columns = np.divmod(candidates[ranks], mask.shape[1])
    return np.stack([columns + 0.5, rows + 0.5], axis=1)


def positive_boxes(
    lesions: LesionMap,
    rng: np.random.Generator,
    *,
    count: int,
    size: tuple[int, int],
    patch_scale: str = "fit",
    margin: float = LESION_MARGIN,
    jitter: float = 0.1,
) -> Boxes:
    """Draw boxes about lesions chosen at random, each with lesion pixels; none where there is no lesion."""
    if len(lesions.boxes) == 0 or count == 0:
        return np.zeros((0, 4), np.int64)
    chosen = lesions.boxes[rng.integers(len(lesions.boxes), size=count)]
    longest = (chosen[:, 2:] - chosen[:, :2]).max(axis=1)
    sides = patch_sides(longest, shape=lesions.shape, size=size, patch_scale=patch_scale, margin=margin)
    centres = (chosen[:, :2] + chosen[:, 2:]) / 2 + rng.uniform(-jitter, jitter, size=(count, 2)) * sides
    return lesions.onto_lesion(boxes_around(centres, sides=sides, shape=lesions.shape))


def patch_sides(
    lesion_sides: Sequence[float] | NDArray[np.int64],
    *,
    shape: tuple[int, int],
    size: tuple[int, int],
    patch_scale: str = "fit",
    margin: float = LESION_MARGIN,
) -> NDArray[np.int64]:
    """Width and height (N, 2) of the boxes for lesions of the given sides; their aspect is that of `size`."""
    if patch_scale == "native":
        return np.tile(np.array(size, np.int64), (len(lesion_sides), 1))
    short = np.array([fit_side(side, shape=shape, patch=min(size), margin=margin) for side in lesion_sides])
    return np.asarray(np.rint(short[:, None] * np.array(size) / min(size)), np.int64)


def negative_boxes(
    lesions: LesionMap,
    places: Sequence[tuple[Mask, int]],
    rng: np.random.Generator,
    *,
    sides: NDArray[np.int64],
    size: tuple[int, int],
    max_coverage: float,
    jitter: float = 0.1,
) -> Boxes:
    """Draw boxes (M, 4), M <= N, whose centres lie in the first of the places that offers one with little lesion."""
    found: dict[int, NDArray[np.int64]] = {}
    for place, step in (place for place in places for _ in range(ROUNDS)):
        missing = [index for index in range(len(sides)) if index not in found]
        if not missing or not place.any():
            continue
        draws = rng.uniform(size=(len(missing) * CANDIDATES, 3))
        wide = np.repeat(sides[missing], CANDIDATES, axis=0)
        centres = pick_pixels(place, draws[:, 0]) * step + (2 * draws[:, 1:] - 1) * jitter * wide
        boxes = boxes_around(centres, sides=wide, shape=lesions.shape)
        coverage = lesions.counts(boxes) / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        free = ((coverage < max_coverage) | (coverage == 0)).reshape(-1, CANDIDATES)
        for index, tried, good in zip(missing, boxes.reshape(-1, CANDIDATES, 4), free, strict=True):
            for box in tried[good]:
                if (seen := lesions.seen(box, size)) < max_coverage or seen == 0:
                    found[index] = box
                    break
    return np.stack([found[index] for index in sorted(found)]) if found else np.zeros((0, 4), np.int64)

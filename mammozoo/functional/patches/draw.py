# SPDX-License-Identifier: Apache-2.0
"""Patch boxes: where lesion and lesion-free patches of a mammogram lie. Drawn on the CPU, the same for every device.

Boxes are (x1, y1, x2, y2) in pixels, int64, half-open, on images (..., H, W). `rng` is any numpy generator; all chance
comes from ``rng.uniform``, and a masked candidate is picked by its rank, so a seed gives the same boxes everywhere.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .gather import nearest_indices

__all__ = [
    "Boxes",
    "Rng",
    "boxes_around",
    "coverage_counts",
    "ensure_lesion",
    "fit_side",
    "lesion_boxes",
    "negative_boxes",
    "pick_pixels",
    "positive_boxes",
]

Rng: TypeAlias = "np.random.RandomState | np.random.Generator"
Boxes: TypeAlias = NDArray[np.int64]

LESION_MARGIN = 1.5  # side of a fitted patch in lesion sides; an open choice, docs/explanation/choices.md
PERTURBATION = 0.1  # "random perturbation of the centroid" [Huang 2026, Methods]: +-10 % of the side, an open choice
MAX_NEGATIVE_COVERAGE = 0.05  # "mask coverage < 5 %" [Huang 2026, Methods]
CANDIDATES = 64  # negative candidates tried at once
ROUNDS = 4
WORKING_SIDE = 1024  # negative centres lie on a grid of about this size


def lesion_boxes(mask: Tensor) -> Boxes:
    """Bounding boxes of the connected lesions of a mask.

    Parameters
    ----------
    mask : Tensor, shape (H, W)
        Lesion where positive; any device.

    Returns
    -------
    array, shape (N, 4)
        One box a lesion (8-connected), sorted by top row; (0, 4) for an empty mask.

    Examples
    --------
    >>> mask = torch.zeros(8, 8)
    >>> mask[2:4, 3:6] = 1
    >>> lesion_boxes(mask).tolist()
    [[3, 2, 6, 4]]
    """
    window = _window(mask)
    if window is None:
        return np.zeros((0, 4), np.int64)
    left, top, right, bottom = window
    lesion = (mask[top:bottom, left:right] > 0).to("cpu", torch.uint8).contiguous().numpy()
    _, _, stats, _ = cv2.connectedComponentsWithStats(lesion, connectivity=8)
    x, y, w, h = stats[1:, :4].astype(np.int64).T
    boxes = np.stack([x + left, y + top, x + w + left, y + h + top], axis=1)
    return np.asarray(boxes[np.lexsort((boxes[:, 0], boxes[:, 1]))], np.int64)


def fit_side(lesion_side: float, *, shape: tuple[int, int], patch: int = 224, margin: float = LESION_MARGIN) -> int:
    """Side of a square patch that shows a lesion with its surroundings.

    Parameters
    ----------
    lesion_side : float
        Longer side of the lesion's box, in pixels.
    shape : (int, int)
        Height and width of the image.
    patch : int
        Side of the patch handed to the network.
    margin : float
        Patch side in lesion sides.

    Returns
    -------
    int
        ``max(margin * lesion_side, s)`` with s = min(`patch`, a quarter of the image's short side), at least 1 and
        not more than that short side.

    Examples
    --------
    >>> fit_side(20, shape=(256, 256)), fit_side(200, shape=(4096, 3328)), fit_side(250, shape=(256, 256))
    (64, 300, 256)
    """
    short = min(shape)
    return int(min(max(np.ceil(margin * lesion_side), min(patch, short // 4), 1), short))


def boxes_around(centres: NDArray[np.float64], *, sides: NDArray[np.int64], shape: tuple[int, int]) -> Boxes:
    """Boxes about centres, cut to the image's sides and moved inside it.

    Parameters
    ----------
    centres : array, shape (N, 2)
        x and y, in pixels (the centre of pixel 0 is 0.5).
    sides : array, shape (N, 2)
        Width and height.
    shape : (int, int)
        Height and width of the image.

    Returns
    -------
    array, shape (N, 4)

    Examples
    --------
    >>> boxes_around(np.array([[0.5, 50.0]]), sides=np.array([[10, 200]]), shape=(100, 80)).tolist()
    [[0, 0, 10, 100]]
    """
    limit = np.array([shape[1], shape[0]], np.int64)
    size = np.clip(sides, 1, limit)
    start = np.clip(np.floor(centres - size / 2 + 0.5).astype(np.int64), 0, limit - size)
    return np.concatenate([start, start + size], axis=1)


def pick_pixels(mask: Tensor, uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pick pixels of a mask by rank.

    Parameters
    ----------
    mask : Tensor, shape (H, W)
        Candidates where true; any device.
    uniforms : array, shape (N,)
        Numbers in [0, 1): the rank of each pick as a fraction of the candidates, in row order.

    Returns
    -------
    array, shape (N, 2)
        Pixel centres x, y; (0, 2) if the mask is empty.

    Examples
    --------
    >>> pick_pixels(torch.eye(4) > 0, np.array([0.0, 0.9])).tolist()
    [[0.5, 0.5], [3.5, 3.5]]
    """
    candidates = mask.reshape(-1).nonzero().flatten()
    if candidates.numel() == 0:
        return np.zeros((0, 2))
    ranks = torch.from_numpy(np.floor(np.asarray(uniforms) * candidates.numel()).astype(np.int64))
    index = candidates[ranks.clamp_(0, candidates.numel() - 1).to(mask.device)].cpu().numpy()
    return np.stack([index % mask.shape[1] + 0.5, index // mask.shape[1] + 0.5], axis=1)


def coverage_counts(mask: Tensor, boxes: Boxes) -> NDArray[np.int64]:
    """Count the positive pixels of a mask in each box, through an integral image.

    Parameters
    ----------
    mask : Tensor, shape (H, W)
        Positive where counted.
    boxes : array, shape (N, 4)
        Boxes inside the mask.

    Returns
    -------
    array, shape (N,)

    Examples
    --------
    >>> coverage_counts(torch.ones(4, 4), np.array([[0, 0, 2, 3], [1, 1, 2, 2]])).tolist()
    [6, 1]
    """
    return _counts(_integral(mask), boxes)


def ensure_lesion(mask: Tensor, boxes: Boxes) -> Boxes:
    """Move each box that holds no lesion pixel onto the nearest one.

    Parameters
    ----------
    mask : Tensor, shape (H, W)
        Lesion where positive, with at least one lesion pixel.
    boxes : array, shape (N, 4)
        Boxes inside the mask.

    Returns
    -------
    array, shape (N, 4)
        Boxes of the same sizes, each with lesion.

    Examples
    --------
    >>> mask = torch.zeros(20, 20)
    >>> mask[15, 15] = 1
    >>> ensure_lesion(mask, np.array([[0, 0, 4, 4]])).tolist()
    [[14, 14, 18, 18]]
    """
    empty = np.flatnonzero(coverage_counts(mask, boxes) == 0)
    if empty.size == 0:
        return boxes
    pixels = (mask > 0).nonzero().cpu().numpy()[:, ::-1] + 0.5
    result = boxes.copy()
    for index in empty:
        box = boxes[index]
        centre, sides = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        nearest = pixels[np.argmin(((pixels - centre) ** 2).sum(axis=1))]
        shape = (mask.shape[0], mask.shape[1])
        result[index] = boxes_around(nearest[None], sides=sides[None], shape=shape)[0]
    return result


def positive_boxes(
    mask: Tensor,
    rng: Rng,
    *,
    count: int,
    size: tuple[int, int] = (224, 224),
    patch_scale: str = "fit",
    margin: float = LESION_MARGIN,
    perturbation: float = PERTURBATION,
) -> Boxes:
    """Draw lesion-centred patch boxes; each holds lesion pixels.

    Parameters
    ----------
    mask : Tensor, shape (H, W)
        Lesion where positive.
    rng : numpy generator
        Source of chance: three numbers a box, whatever the image.
    count : int
        Number of boxes; each takes one of the connected lesions at random.
    size : (int, int)
        Width and height of the patch handed to the network.
    patch_scale : {"fit", "native"}
        ``fit``: :func:`fit_side` for the shorter side of the box, its aspect that of `size`; ``native``: a box of
        `size` pixels.
    margin : float
        Box side in lesion sides under ``fit``.
    perturbation : float
        Greatest shift of the centre, as a fraction of the box's side, uniform on each axis.

    Returns
    -------
    array, shape (count, 4)
        (0, 4) if the mask has no lesion.

    Raises
    ------
    ValueError
        If `patch_scale` is neither ``fit`` nor ``native``.

    Examples
    --------
    >>> mask = torch.zeros(256, 256)
    >>> mask[100:110, 120:130] = 1
    >>> boxes = positive_boxes(mask, np.random.RandomState(0), count=3)
    >>> coverage_counts(mask, boxes).tolist()
    [100, 100, 100]
    """
    if patch_scale not in ("fit", "native"):
        raise ValueError(f"patch_scale must be 'fit' or 'native', got {patch_scale!r}")
    lesions, shape = lesion_boxes(mask), (mask.shape[0], mask.shape[1])
    draws = rng.uniform(size=(count, 3))
    if len(lesions) == 0 or count == 0:
        return np.zeros((0, 4), np.int64)
    chosen = lesions[np.minimum((draws[:, 0] * len(lesions)).astype(np.int64), len(lesions) - 1)]
    if patch_scale == "native":
        sides = np.tile(np.array(size, np.int64), (count, 1))
    else:
        longest = (chosen[:, 2:] - chosen[:, :2]).max(axis=1)
        short = np.array([fit_side(n, shape=shape, patch=min(size), margin=margin) for n in longest])
        sides = np.rint(short[:, None] * np.array(size) / min(size)).astype(np.int64)
    centres = (chosen[:, :2] + chosen[:, 2:]) / 2 + (2 * draws[:, 1:] - 1) * perturbation * sides
    return ensure_lesion(mask, boxes_around(centres, sides=sides, shape=shape))


def negative_boxes(
    mask: Tensor,
    breast: Tensor,
    rng: Rng,
    *,
    sides: NDArray[np.int64],
    size: tuple[int, int] = (224, 224),
    max_coverage: float = MAX_NEGATIVE_COVERAGE,
) -> Boxes:
    """Draw patch boxes in the breast that show (almost) no lesion.

    Parameters
    ----------
    mask : Tensor, shape (H, W)
        Lesion where positive.
    breast : Tensor, shape (H, W)
        Breast where positive: each box's centre lies in it, unless the image has no acceptable place there.
    rng : numpy generator
        Source of chance.
    sides : array, shape (N, 2)
        Width and height of the boxes wanted.
    size : (int, int)
        Width and height of the resampled patch.
    max_coverage : float
        A box is rejected when lesion takes this fraction of it or more, before or after resampling; with 0 it must
        hold no lesion at all.

    Returns
    -------
    array, shape (M, 4)
        M <= N: a box for which no place is found after 4 x 64 candidates is left out.

    Examples
    --------
    >>> sides = np.full((4, 2), 64)
    >>> boxes = negative_boxes(torch.zeros(256, 256), torch.ones(256, 256), np.random.RandomState(0), sides=sides)
    >>> boxes.shape
    (4, 4)
    """
    wanted, shape = np.asarray(sides, np.int64).reshape(-1, 2), (mask.shape[0], mask.shape[1])
    integral, step = _integral(mask), max(1, max(shape) // WORKING_SIDE)
    coarse = breast[::step, ::step] > 0
    found: dict[int, Boxes] = {}
    for attempt in range(ROUNDS):
        uniforms = rng.uniform(size=(len(wanted), CANDIDATES))
        missing = [index for index in range(len(wanted)) if index not in found]
        if not missing:
            break
        place = coarse if attempt < ROUNDS // 2 else torch.ones_like(coarse)
        centres = pick_pixels(place, uniforms[missing].ravel()) * step
        if len(centres) == 0:
            continue
        boxes = boxes_around(centres, sides=np.repeat(wanted[missing], CANDIDATES, axis=0), shape=shape)
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        accepted = _accepted(_counts(integral, boxes) / area, max_coverage).reshape(-1, CANDIDATES)
        for index, tried, good in zip(missing, boxes.reshape(-1, CANDIDATES, 4), accepted, strict=True):
            for box in tried[good]:
                if _accepted(_resampled_coverage(mask, box, size), max_coverage):
                    found[index] = box
                    break
    return np.stack([found[index] for index in sorted(found)]) if found else np.zeros((0, 4), np.int64)


def _accepted(coverage: NDArray[np.float64], max_coverage: float) -> NDArray[np.bool_]:
    return np.asarray((coverage < max_coverage) | (coverage == 0))


def _window(mask: Tensor) -> tuple[int, int, int, int] | None:
    """Bounding box x1, y1, x2, y2 of the positive pixels."""
    # uint8 maxima: torch reduces them ten times faster than truth values
    lesion = (mask > 0).view(torch.uint8)
    rows, columns = lesion.amax(dim=1).nonzero().flatten(), lesion.amax(dim=0).nonzero().flatten()
    if rows.numel() == 0:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _integral(mask: Tensor) -> tuple[Tensor, tuple[int, int, int, int]]:
    """Counts of positive pixels above and left of each corner of the window that holds them all."""
    x1, y1, x2, y2 = window = _window(mask) or (0, 0, 0, 0)
    counts = (mask[y1:y2, x1:x2] > 0).cumsum(0, dtype=torch.int32).cumsum(1, dtype=torch.int32)
    return torch.nn.functional.pad(counts, (1, 0, 1, 0)), window


def _counts(integral: tuple[Tensor, tuple[int, int, int, int]], boxes: Boxes) -> NDArray[np.int64]:
    table, window = integral
    start, stop = np.array(window[:2] * 2), np.array(window[2:] * 2)
    inside = torch.from_numpy(np.clip(boxes, start, stop) - start).to(table.device)
    x1, y1, x2, y2 = inside.unbind(1)
    counts = table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]
    return np.asarray(counts.cpu().numpy(), np.int64)


def _resampled_coverage(mask: Tensor, box: Boxes, size: tuple[int, int]) -> NDArray[np.float64]:
    """Lesion fraction of the patch as the network will see its label."""
    columns = nearest_indices(int(box[0]), int(box[2]), size[0]).to(mask.device)
    rows = nearest_indices(int(box[1]), int(box[3]), size[1]).to(mask.device)
    return (mask[rows][:, columns] > 0).double().mean().cpu().numpy()

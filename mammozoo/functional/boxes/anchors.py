# SPDX-License-Identifier: Apache-2.0
"""Anchor boxes of a detector, found by k-means over the sizes of the lesions.

References
----------
.. [1] Redmon and Farhadi, YOLO9000: better, faster, stronger, CVPR 2017, arXiv:1612.08242, Section 2 "Dimension
   clusters".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["kmeans_anchors", "mean_best_iou", "shape_iou"]


def shape_iou(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """IoU (N, M) of boxes laid on a common corner: of their widths and heights alone."""
    a, b = _as_sizes(first)[:, None], _as_sizes(second)[None]
    shared = np.minimum(a, b).prod(axis=-1)
    iou: NDArray[np.float64] = shared / (a.prod(axis=-1) + b.prod(axis=-1) - shared)
    return iou


def mean_best_iou(sizes: ArrayLike, anchors: ArrayLike) -> float:
    """Mean over boxes of the shape IoU with the best anchor: how well the anchors fit."""
    iou = shape_iou(sizes, anchors)
    if iou.size == 0:
        msg = f"at least one box and one anchor are needed, got {iou.shape[0]} and {iou.shape[1]}"
        raise ValueError(msg)
    return float(iou.max(axis=1).mean())


def kmeans_anchors(
    sizes: ArrayLike, *, k: int = 9, generator: np.random.Generator, restarts: int = 10, max_iterations: int = 300
) -> NDArray[np.float64]:
    """Cluster box sizes by the distance 1 - IoU [1]_; a centre is the median of its boxes.

    Parameters
    ----------
    sizes : array_like of shape (N, 2)
        Widths and heights in pixels of the network's input, positive.
    k : int
        Number of anchors; 9 for three scales of three.
    generator : numpy.random.Generator
        Draws the first centres among the distinct sizes.
    restarts : int
        Runs from other first centres, at least 1; the one of the highest `mean_best_iou` is taken, the first of equals.
    max_iterations : int
        Where a run stops if assignments still change.

    Returns
    -------
    numpy.ndarray of shape (k, 2), float64
        By rising area, then rising width.

    Raises
    ------
    ValueError
        If there are fewer distinct sizes than `k`, `k` or `restarts` is below 1, or a size is not a pair of positive
        finite numbers.

    Notes
    -----
    A cluster that loses its last box takes the box that fits its own centre worst. Medians rather than means are a
    choice, see docs/explanation/choices.md.

    Examples
    --------
    >>> sizes = [[10, 10], [11, 10], [12, 10], [40, 40]]
    >>> kmeans_anchors(sizes, k=2, generator=np.random.default_rng(0)).tolist()
    [[11.0, 10.0], [40.0, 40.0]]
    """
    boxes = _as_sizes(sizes)
    distinct = np.unique(boxes, axis=0)
    if min(k, restarts) < 1:
        msg = f"k and restarts must be at least 1, got {k} and {restarts}"
        raise ValueError(msg)
    if len(distinct) < k:
        msg = (
            f"{k} anchors need at least {k} boxes of distinct size, got {len(boxes)} boxes of {len(distinct)} sizes; "
            "use more images or a smaller k"
        )
        raise ValueError(msg)
    starts = [generator.choice(distinct, size=k, replace=False) for _ in range(restarts)]
    runs = [_one_run(boxes, start, max_iterations=max_iterations) for start in starts]
    centres = max(runs, key=lambda run: mean_best_iou(boxes, run))
    return centres[np.lexsort((centres[:, 0], centres.prod(axis=1)))]


def _one_run(boxes: NDArray[np.float64], centres: NDArray[np.float64], *, max_iterations: int) -> NDArray[np.float64]:
    """Move the centres to the medians of their boxes until the assignment stays."""
    assigned = np.full(len(boxes), -1)
    for _ in range(max_iterations):
        nearest = _assign(boxes, centres)
        if np.array_equal(nearest, assigned):
            break
        assigned = nearest
        centres = np.stack([np.median(boxes[assigned == cluster], axis=0) for cluster in range(len(centres))])
    return centres


def _assign(boxes: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    """Cluster of every box (N,), none of them empty; of equally near centres the first."""
    iou = shape_iou(boxes, centres)
    nearest: NDArray[np.int64] = iou.argmax(axis=1)
    fit = iou.max(axis=1)
    for cluster in range(len(centres)):
        if not (nearest == cluster).any():
            shared = np.bincount(nearest, minlength=len(centres))[nearest] > 1  # leave no other cluster empty
            worst = np.where(shared, fit, np.inf).argmin()
            nearest[worst], fit[worst] = cluster, 1.0
    return nearest


def _as_sizes(sizes: ArrayLike) -> NDArray[np.float64]:
    """Sizes as (N, 2) float64, judged."""
    array = np.asarray(sizes, np.float64)
    if array.size == 0:
        return np.zeros((0, 2))
    if array.ndim != 2 or array.shape[1] != 2:
        msg = f"sizes of shape (N, 2), width and height, are needed, got {array.shape}"
        raise ValueError(msg)
    bad = np.flatnonzero(~(np.isfinite(array) & (array > 0)).all(axis=1))
    if bad.size:
        msg = f"widths and heights must be positive and finite, got {array[bad[0]].tolist()} at index {bad[0]}"
        raise ValueError(msg)
    return array

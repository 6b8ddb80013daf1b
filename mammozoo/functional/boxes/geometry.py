# SPDX-License-Identifier: Apache-2.0
"""Boxes as (x1, y1, x2, y2) in pixels, half-open: checked, rounded, clipped, compared, squared."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray


def as_boxes(values: ArrayLike, *, name: str = "boxes") -> NDArray[np.float64]:
    """Boxes (N, 4) xyxy as float64, judged; a box without area is a box, an empty list is (0, 4)."""
    boxes = _four_columns(values, name=name)
    bad = np.flatnonzero(~np.isfinite(boxes).all(axis=1) | (boxes[:, 2:] < boxes[:, :2]).any(axis=1))
    if bad.size:
        msg = f"{name} must be finite with x1 <= x2 and y1 <= y2, got {boxes[bad[0]].tolist()} at index {bad[0]}"
        raise ValueError(msg)
    return boxes


def round_boxes(boxes: ArrayLike, *, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Edges rounded to whole pixels (halves up, so that moved boxes keep their size), boxes cut to the image."""
    height, width = shape
    return np.clip(np.floor(as_boxes(boxes) + 0.5), 0, [width, height, width, height]).astype(np.int64)


def box_iou_matrix(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """IoU (N, M) in float64 (in float32, as MONAI's, 7/10 is below 0.7); 0 for boxes without area."""
    a, b = as_boxes(first, name="first")[:, None], as_boxes(second, name="second")[None]
    shared = (np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])).clip(min=0).prod(axis=-1)
    union = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1) - shared
    iou: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def square_crop_box(box: ArrayLike, *, shape: tuple[int, int], margin: float = 1.25) -> tuple[int, int, int, int]:
    """Square around a region, cut to the image: what a segmentation network is shown of it."""
    if not (math.isfinite(margin) and margin >= 1):
        msg = f"margin must be at least 1, or the square would cut the region; got {margin}"
        raise ValueError(msg)
    region = as_boxes(np.reshape(np.asarray(box, np.float64), (1, -1)), name="box")
    size = region[0, 2:] - region[0, :2]
    side = max(math.floor(margin * size.max() + 0.5), math.ceil(size.max()), 1)
    start = np.floor(region[0, :2] + (size - side) / 2 + 0.5)
    square = round_boxes(np.concatenate([start, start + side])[None], shape=shape)[0]
    x1, y1, x2, y2 = (int(edge) for edge in square)
    if x1 >= x2 or y1 >= y2:
        msg = f"the box {region[0].tolist()} lies outside the image of {shape[1]} x {shape[0]} pixels"
        raise ValueError(msg)
    return x1, y1, x2, y2


def _four_columns(values: ArrayLike, *, name: str = "boxes") -> NDArray[np.float64]:
    """Numbers as (N, 4) float64."""
    array = np.asarray(values, np.float64)
    if array.size == 0:
        return np.zeros((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        msg = f"{name} of shape (N, 4) are needed, got {array.shape}"
        raise ValueError(msg)
    return array

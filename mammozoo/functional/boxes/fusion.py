# SPDX-License-Identifier: Apache-2.0
"""Multi-scale fusion: boxes that one detector found at several input sizes become regions on which scales agree.

References
----------
.. [1] Yan et al., Two-stage multi-scale breast mass segmentation for full mammogram analysis without user
   intervention, 2020, arXiv:2002.12079, Section 3.2, eq. 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from .geometry import as_boxes, round_boxes

__all__ = ["FusedDetections", "ScaleDetections", "fuse_detections"]

ScaleDetections: TypeAlias = tuple[ArrayLike, ArrayLike]
Floats: TypeAlias = NDArray[np.float64]

# (0.7 + 0.7 + 0.7) / (5 * 0.7) is 0.5999999999999999: three scales of five that agree must pass a threshold of 0.6.
TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class FusedDetections:
    """Regions of one image on which enough scales agree, by falling score."""

    boxes: NDArray[np.int64]  # (n, 4) xyxy in pixels of the canvas, half-open
    scores: Floats
    areas: NDArray[np.int64]  # pixels of the regions, which may be smaller than their boxes


@dataclass(frozen=True, eq=False)
class _Grid:
    """Sum of the confidence masks, constant in every cell between the boxes' edges: exact, and small."""

    columns: NDArray[np.int64]  # edges, cell j covers columns[j] to columns[j + 1] - 1
    rows: NDArray[np.int64]
    total: Floats  # (rows - 1, columns - 1)
    highest: float  # confidence; 0 without boxes


def fuse_detections(
    detections: Sequence[ScaleDetections],
    *,
    canvas: tuple[int, int],
    threshold: float = 0.6,
    within_scale: Literal["sum", "max"] = "sum",
    fused_score: Literal["confidence", "ms"] = "confidence",
    connectivity: int = 8,
) -> FusedDetections:
    """Fuse the boxes of several scales [1]_.

    Every box is a mask of its confidence; ``Ms`` is the sum of all masks over N times the image's highest confidence.
    The connected regions of ``Ms >= threshold`` are the fused detections.

    Parameters
    ----------
    detections : sequence of (boxes, scores)
        One pair for each scale that was run, those without boxes too: their number is N. Boxes of shape (n, 4) are
        (x1, y1, x2, y2) in pixels of the canvas, scores of shape (n,) are confidences, not negative.
    canvas : (int, int)
        Width and height in pixels; (1024, 2048) in the paper.
    threshold : float
        The paper's lambda, 0.6 its final choice; 0 keeps every pixel that some box covers.
    within_scale : {"sum", "max"}
        How boxes of one scale that overlap count: each of them (the literal equation, in which Ms may exceed 1), or
        only the best at every pixel.
    fused_score : {"confidence", "ms"}
        Score of a region: its highest sum of masks over N, or its highest Ms. Ms is relative to the image's own highest
        confidence, so that it cannot rank the regions of different images.
    connectivity : {8, 4}
        Whether pixels that touch by a corner are one region.

    Returns
    -------
    FusedDetections
        Equal scores are ordered from top to bottom, then from left to right.

    Raises
    ------
    ValueError
        If no scale was run, boxes and scores do not fit together, a number is out of its range or a name is unknown.

    Notes
    -----
    Edges are rounded to whole pixels, then clipped to the canvas. A box that covers no pixel then, or whose confidence
    is 0, is ignored altogether. Without boxes the result is empty. `threshold` is compared with a tolerance of 1e-6.
    The work depends on the number of boxes and not on the size of the canvas.

    Examples
    --------
    >>> scales = [([[2, 2, 6, 6]], [0.9]), ([[4, 4, 8, 8]], [0.6]), ([], [])]
    >>> fused = fuse_detections(scales, canvas=(12, 10), threshold=0.5)
    >>> fused.boxes.tolist(), fused.scores.tolist()
    ([[4, 4, 6, 6]], [0.5])
    """
    if fused_score not in ("confidence", "ms") or connectivity not in (4, 8):
        msg = f"fused_score is 'confidence' or 'ms' and connectivity 4 or 8, got {fused_score!r} and {connectivity}"
        raise ValueError(msg)
    if not (math.isfinite(threshold) and threshold >= 0):
        msg = f"threshold must be a finite number of 0 or more, got {threshold}"
        raise ValueError(msg)
    grid = _paint(detections, canvas=canvas, within_scale=within_scale)
    if grid.highest == 0:
        return FusedDetections(np.zeros((0, 4), np.int64), np.zeros(0), np.zeros(0, np.int64))
    ms = grid.total / (len(detections) * grid.highest)
    kept = (ms > 0) & (ms >= threshold - TOLERANCE)
    values = ms if fused_score == "ms" else grid.total / len(detections)
    return _regions(grid, kept, values, connectivity=connectivity)


def _paint(detections: Sequence[ScaleDetections], *, canvas: tuple[int, int], within_scale: str) -> _Grid:
    """Lay the boxes' masks on a grid whose lines are the boxes' own edges."""
    if len(detections) == 0:
        msg = "at least one scale must have been run, got none; a scale that found nothing is ([], [])"
        raise ValueError(msg)
    if min(canvas) < 1 or within_scale not in ("sum", "max"):
        msg = (
            f"canvas is a positive width and height and within_scale 'sum' or 'max', got {canvas} and {within_scale!r}"
        )
        raise ValueError(msg)
    scales = [_visible(boxes, scores, canvas=canvas) for boxes, scores in detections]
    edges = np.concatenate([boxes for boxes, _ in scales])
    columns, rows = np.unique(edges[:, 0::2]), np.unique(edges[:, 1::2])
    total = np.zeros((max(len(rows) - 1, 0), max(len(columns) - 1, 0)))
    for boxes, scores in scales:
        one = np.zeros_like(total)
        spans = np.searchsorted(columns, boxes[:, 0::2]), np.searchsorted(rows, boxes[:, 1::2])
        for (left, right), (top, bottom), score in zip(*spans, scores, strict=True):
            part = one[top:bottom, left:right]
            part[:] = part + score if within_scale == "sum" else np.maximum(part, score)
        total += one
    return _Grid(columns, rows, total, max((float(scores.max(initial=0.0)) for _, scores in scales)))


def _visible(boxes: ArrayLike, scores: ArrayLike, *, canvas: tuple[int, int]) -> tuple[NDArray[np.int64], Floats]:
    """Boxes in whole pixels and their confidences, only those that cover something."""
    found, confidences = as_boxes(boxes), np.asarray(scores, np.float64)
    if confidences.shape != (len(found),) or not (np.isfinite(confidences) & (confidences >= 0)).all():
        msg = f"{len(found)} boxes need as many finite scores of 0 or more, got {confidences.tolist()}"
        raise ValueError(msg)
    edges = round_boxes(found, shape=(canvas[1], canvas[0]))
    visible = (edges[:, 2:] > edges[:, :2]).all(axis=1) & (confidences > 0)
    return edges[visible], confidences[visible]


def _regions(grid: _Grid, kept: NDArray[np.bool_], values: Floats, *, connectivity: int) -> FusedDetections:
    """Connected cells, measured in pixels. Cells touch exactly where their pixels touch, corners included."""
    found, labels, cells, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(kept).view(np.uint8), connectivity=connectivity, ltype=cv2.CV_32S
    )
    x, y, width, height = cells[1:, :4].T
    boxes = np.stack([grid.columns[x], grid.rows[y], grid.columns[x + width], grid.rows[y + height]], axis=1)
    scores, areas = np.zeros(found), np.zeros(found, np.int64)
    index: NDArray[np.int64] = np.asarray(labels, np.int64)
    np.maximum.at(scores, index, values)
    np.add.at(areas, index, np.diff(grid.rows)[:, None] * np.diff(grid.columns))
    scores, areas = scores[1:], areas[1:]  # label 0 is what was not kept
    order = np.lexsort((boxes[:, 0], boxes[:, 1], -scores))
    return FusedDetections(boxes[order].astype(np.int64), scores[order], areas[order])

# SPDX-License-Identifier: Apache-2.0
"""Findings as regions of an image: outline, centre, area and score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ..._typing import Array

# Graphic Data is FL: 65534 bytes in explicit VR, 8 a vertex. A viewer needs far less.
MAX_VERTICES = 4000


@dataclass(frozen=True)
class Region:
    """A finding as a report gives it."""

    outline: Array
    center: tuple[float, float]
    score: float
    area_px: float
    area_mm2: float | None

    @property
    def certainty(self) -> int:
        """Score in whole percent: it is not known any closer."""
        return round(100 * self.score)

    @property
    def area(self) -> float:
        """Area in mm2, else in pixels, to three digits."""
        value = float(f"{self.area_px if self.area_mm2 is None else self.area_mm2:.3g}")
        return int(value) if value.is_integer() else value


def finding_regions(
    findings: Sequence[Any],
    *,
    mask: Array | None,
    shape: tuple[int, int],
    pixel_spacing: tuple[float, float] | None,
) -> tuple[Region, ...]:
    """Turn findings into regions."""
    if mask is not None and mask.shape != shape:
        msg = f"the mask is {mask.shape}, the image {shape}; bring the mask to the image's native size"
        raise ValueError(msg)
    return tuple(_region(finding, mask=mask, shape=shape, pixel_spacing=pixel_spacing) for finding in findings)


def _region(
    finding: Any, *, mask: Array | None, shape: tuple[int, int], pixel_spacing: tuple[float, float] | None
) -> Region:
    x1, y1, x2, y2 = (float(value) for value in _value(finding, "box_xyxy"))
    score = float(_value(finding, "score"))
    if not (0 <= x1 < x2 <= shape[1] and 0 <= y1 < y2 <= shape[0]):
        msg = f"box_xyxy {(x1, y1, x2, y2)} is empty or outside the image of {shape[1]} x {shape[0]} pixels"
        raise ValueError(msg)
    if not 0 <= score <= 1:
        msg = f"score {score} is not a probability; expected 0 to 1"
        raise ValueError(msg)
    left, top, right, bottom = math.floor(x1), math.floor(y1), math.ceil(x2), math.ceil(y2)
    piece = None if mask is None else _largest(mask[top:bottom, left:right])
    if mask is None or piece is None:
        outline = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2], [x1, y1]])
        center, area = ((x1 + x2) / 2, (y1 + y2) / 2), (x2 - x1) * (y2 - y1)
    else:
        rows, columns = np.nonzero(piece)
        outline = pixel_outline(piece) + np.array([left, top])
        center = (left + float(columns.mean()) + 0.5, top + float(rows.mean()) + 0.5)
        area = float(np.count_nonzero(piece & (mask[top:bottom, left:right] != 0)))  # without its holes
    area = float(_value(finding, "area_px", area))
    square = None if pixel_spacing is None else area * pixel_spacing[0] * pixel_spacing[1]
    known = _value(finding, "area_mm2", square)
    return Region(outline, center, score, area, None if known is None else float(known))


_REQUIRED = object()


def _value(finding: Any, name: str, default: Any = _REQUIRED) -> Any:
    found = finding.get(name) if isinstance(finding, Mapping) else getattr(finding, name, None)
    if found is None and default is _REQUIRED:
        msg = f"a finding has no {name}; expected box_xyxy and score, optionally area_px and area_mm2"
        raise ValueError(msg)
    return default if found is None else found


def _largest(mask: Array) -> Array | None:
    """Largest 8-connected piece, its holes filled; None without foreground."""
    binary = np.ascontiguousarray(mask != 0).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
    if count < 2:
        return None
    piece = np.ascontiguousarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))).view(np.uint8)
    outer, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(piece.copy(), outer, -1, 1, cv2.FILLED)


def pixel_outline(piece: Array, *, max_vertices: int = MAX_VERTICES) -> Array:
    """Outline of one connected piece along the edges of its pixels."""
    steps = _edges(piece)
    if not steps:
        return np.zeros((0, 2))
    start = at = min(steps, key=lambda vertex: (vertex[1], vertex[0]))
    direction = (1, 0)
    corners: list[tuple[int, int]] = []
    while True:
        ways = steps[at]
        # Two ways leave a vertex where two pixels touch by a corner: the left turn goes on to the other pixel.
        left = (direction[1], -direction[0])
        taken = left if left in ways else ways[0]
        ways.remove(taken)
        if taken != direction or not corners:
            corners.append(at)
        direction, at = taken, (at[0] + taken[0], at[1] + taken[1])
        if at == start and not steps[start]:
            break
    exact: Array = np.array(corners, np.int32)
    polygon, tolerance = exact, 0.5
    while len(polygon) >= max_vertices:
        polygon = cv2.approxPolyDP(exact, tolerance, True)[:, 0]
        tolerance *= 1.5
    return np.concatenate([polygon, polygon[:1]]).astype(np.float64)


def _edges(piece: Array) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Directions that leave each vertex, the piece to the right of each edge."""
    padded = np.pad(piece != 0, 1)
    inside = padded[1:-1, 1:-1]
    sides = (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),  # above: its upper edge runs right
        (padded[1:-1, 2:], (1, 0), (0, 1)),
        (padded[2:, 1:-1], (1, 1), (-1, 0)),
        (padded[1:-1, :-2], (0, 1), (0, -1)),
    )
    steps: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for neighbour, (dx, dy), direction in sides:
        for row, column in np.argwhere(inside & ~neighbour).tolist():
            steps.setdefault((column + dx, row + dy), []).append(direction)
    return steps

# SPDX-License-Identifier: Apache-2.0
"""The straight line that bounds the pectoral muscle of an MLO view; the chest wall lies at the left."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from ..._typing import Array, Mask
from ..histogram import quantiles

SIGMA = 5.0  # pixels of the working image (long side 960)
GRID, SAMPLES = 48, 64
CLAMP = 0.01  # of the breast's grey range, a pixel
MIN_SCORE = 0.002  # 642 of 654 film MLO views score higher, 10 have no line at all; see docs/explanation/choices.md


@dataclass(frozen=True)
class PectoralLine:
    """A line from the top edge at (x, 0) to the chest wall at (0, y), in pixels of the working image."""

    x: float
    y: float
    score: float  # of the line integral, or the share of edge pixels along a Hough line

    def in_image(self, scale: float, *, width: int, mirrored: bool) -> tuple[float, float, float, float]:
        """The end points (x1, y1, x2, y2) in the image as stored."""
        top, wall = self.x * scale, 0.0
        if mirrored:
            top, wall = width - top, float(width)
        return round(top, 1), 0.0, wall, round(self.y * scale, 1)


def line_below(line: PectoralLine, shape: tuple[int, ...]) -> Mask:
    """True on the side of the line away from the upper-left corner, at shape (H, W)."""
    rows, columns = np.arange(shape[0])[:, None] + 0.5, np.arange(shape[1])[None] + 0.5
    return columns / line.x + rows / line.y > 1


def pectoral_by_line_integral(image: Array, breast: Mask, *, min_score: float = MIN_SCORE) -> PectoralLine | None:
    """The line across which the breast darkens most, over all lines of a grid; None below `min_score`."""
    height, width = image.shape
    top = np.flatnonzero(breast[: max(1, height // 100)].any(0))
    reach = max(float(top[-1] + 1) if len(top) else 0.0, 0.2 * width)
    within = np.s_[:, : int(reach + 5 * SIGMA)]
    derivative = _derivatives(np.ascontiguousarray(_scaled(image, breast)[within]))
    margin = 2 * int(3 * SIGMA) + 1
    inside = cv2.erode(breast[within].astype(np.uint8), np.ones((margin, 1), np.uint8), borderValue=1)
    inside = cv2.erode(inside, np.ones((1, margin), np.uint8), borderValue=1)
    x = np.linspace(0.12, 1.0, GRID) * reach
    y = np.linspace(0.12, 0.95, GRID) * height
    a, b = (grid.ravel()[:, None] for grid in np.meshgrid(x, y, indexing="ij"))
    along = (np.arange(SAMPLES) + 0.5)[None] / SAMPLES
    columns = np.clip(a * along, 0, inside.shape[1] - 1).astype(np.intp)
    rows = np.clip(b * (1 - along), 0, height - 1).astype(np.intp)
    norm = np.hypot(1 / a, 1 / b)
    across = -(derivative[0][rows, columns] / a + derivative[1][rows, columns] / b) / norm
    valid = inside[rows, columns] > 0
    share = valid.mean(1)
    mean = (np.clip(across, -CLAMP, CLAMP) * valid).sum(1) / np.maximum(valid.sum(1), 1)
    length = np.hypot(a, b)[:, 0] / np.hypot(height, width)
    score = np.where(share >= 0.5, mean * np.sqrt(length), -np.inf)
    best = int(np.argmax(score))
    if not score[best] > min_score:
        return None
    return PectoralLine(float(a[best, 0]), float(b[best, 0]), round(float(score[best]), 6))


def _scaled(image: Array, breast: Mask) -> Array:
    """Scale the breast to 0-1 by its 1st and 99th percentile; air takes the median of the air."""
    low, high = quantiles(image, (0.01, 0.99), mask=breast)
    unit = max(high - low, 1e-6)
    scaled = np.clip((image - low) / unit, 0, 1).astype(np.float32)
    scaled[~breast] = np.clip((quantiles(image, (0.5,), mask=~breast)[0] - low) / unit, 0, 1)
    return scaled


@lru_cache(maxsize=4)
def _gaussian_pair(sigma: float) -> tuple[Array, Array]:
    """A Gaussian and its derivative (odd, to be correlated), float32."""
    x = np.arange(-int(4 * sigma + 0.5), int(4 * sigma + 0.5) + 1, dtype=float)
    gauss = np.exp(-0.5 * (x / sigma) ** 2)
    gauss /= gauss.sum()
    return gauss.astype(np.float32), (gauss * x / sigma**2).astype(np.float32)


def _derivatives(image: Array, sigma: float = SIGMA) -> tuple[Array, Array]:
    """Gaussian derivatives along x and along y."""
    gauss, slope = _gaussian_pair(sigma)
    border = cv2.BORDER_REFLECT
    return (
        cv2.sepFilter2D(image, cv2.CV_32F, slope, gauss, borderType=border),
        cv2.sepFilter2D(image, cv2.CV_32F, gauss, slope, borderType=border),
    )


def pectoral_by_hough(image: Array, breast: Mask, *, min_score: float = 0.0) -> PectoralLine | None:
    """The line by Canny edges and a Hough transform, as LIBRA does; None below `min_score` (Keller et al., 2012)."""
    widths = np.where(breast.any(1), breast.shape[1] - np.argmax(breast[:, ::-1], axis=1), 0)
    first = min(10, len(widths) - 1)
    columns, rows = int(widths[first]), int(min(np.argmax(widths) + 1, breast.shape[0] // 2))
    if columns < 16 or rows < 16:
        return None
    region = np.ascontiguousarray(_scaled(image, breast)[:rows, :columns])
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
    region = cv2.GaussianBlur(cv2.dilate(region, disk), (5, 5), 1)
    edges = _canny(region)
    corner = np.arange(columns)[None] / columns + np.arange(rows)[:, None] / rows
    edges &= (corner < 1) & breast[:rows, :columns]
    y, x = np.nonzero(edges)
    if len(x) < 8:
        return None
    # A line at distance rho from the corner, whose normal makes the angle theta with the x axis.
    angles = np.deg2rad(np.linspace(10, 50, 128))
    rho = x[:, None] * np.cos(angles) + y[:, None] * np.sin(angles)
    reach = float(np.hypot(rows, columns))
    bins = np.clip(((rho / reach - 0.1) / 0.9 * 128).astype(int), -1, 127)
    votes = np.bincount(((bins + 1) + 129 * np.arange(128)[None]).ravel(), minlength=129 * 128).reshape(128, 129)[:, 1:]
    near = np.argwhere(votes >= 0.98 * votes.max())  # LIBRA takes the outermost of these row by row, here their mean
    theta, distance = angles[near[:, 0]], (0.1 + 0.9 * (near[:, 1] + 0.5) / 128) * reach
    ends = float(np.mean(distance / np.cos(theta))), float(np.mean(distance / np.sin(theta)))
    score = float(votes.max() / np.hypot(*ends))
    return PectoralLine(*ends, round(score, 6)) if score > min_score else None


def _canny(region: Array) -> Mask:
    """Canny edges at sigma 2 with thresholds from the gradient's own distribution."""
    dx, dy = _derivatives(region, 2.0)
    size = np.hypot(dx, dy)
    unit = max(float(size.max()), 1e-9) / 8000  # OpenCV takes 16-bit gradients
    strong = float(np.percentile(size, 70)) / unit
    found = cv2.Canny((dx / unit).astype(np.int16), (dy / unit).astype(np.int16), 0.4 * strong, strong, L2gradient=True)
    return found > 0

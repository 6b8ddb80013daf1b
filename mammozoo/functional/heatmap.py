# SPDX-License-Identifier: Apache-2.0
"""Lay a map of evidence over an image, so that the image stays readable where there is none."""

from __future__ import annotations

import cv2
import numpy as np

from .._typing import Array

__all__ = ["heat_overlay"]


def heat_overlay(image: Array, heat: Array, *, opacity: float = 0.5) -> Array:
    """Colour an image by a map, the more the higher the map.

    Parameters
    ----------
    image : numpy.ndarray of shape (H, W), uint8
    heat : numpy.ndarray of shape (H, W)
        0 (the image as it is) to 1; values outside are clipped, NaN counts as 0.
    opacity : float
        Of the colour where the map is 1.

    Returns
    -------
    numpy.ndarray of shape (H, W, 3), uint8
        RGB.

    Raises
    ------
    ValueError
        If the image is not uint8 (H, W), or the map has another shape.

    Examples
    --------
    >>> heat_overlay(np.full((2, 2), 100, np.uint8), np.zeros((2, 2)))[0, 0].tolist()
    [100, 100, 100]
    """
    if image.dtype != np.uint8 or image.ndim != 2 or image.shape != heat.shape:
        msg = f"a uint8 image (H, W) and a map of its shape are needed, got {image.dtype} {image.shape}, {heat.shape}"
        raise ValueError(msg)
    level = np.clip(np.nan_to_num(heat.astype(np.float32)), 0.0, 1.0)
    colour = cv2.applyColorMap(np.rint(255 * level).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    weight = (opacity * level)[..., None]
    mixed: Array = np.rint(image[..., None] * (1 - weight) + colour * weight).astype(np.uint8)
    return mixed

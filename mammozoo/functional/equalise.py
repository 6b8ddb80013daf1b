# SPDX-License-Identifier: Apache-2.0
"""Global histogram equalisation of a small image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .._typing import Array

__all__ = ["equalise_histogram"]


def equalise_histogram(image: Array) -> NDArray[np.float32]:
    """Spread the grey levels of an image so that each is as frequent as the others, with 256 bins.

    Parameters
    ----------
    image : numpy.ndarray of shape (H, W)
        Finite grey levels of any range.

    Returns
    -------
    numpy.ndarray of shape (H, W), float32
        0 to 1, in steps of 1/255.

    Raises
    ------
    ValueError
        If the image is not (H, W), has no pixel, or one that is not finite.

    Notes
    -----
    The bins run from the image's minimum to its maximum. A constant image becomes 0.

    References
    ----------
    Yan et al., 2020, arXiv:2002.12079, Section 4.2: "histogram equalization" of every crop, without its parameters.

    Examples
    --------
    >>> equalise_histogram(np.array([[0.0, 1.0, 2.0, 100.0]])).astype(float).round(2).tolist()
    [[0.0, 0.33, 0.67, 1.0]]
    """
    if image.ndim != 2 or image.size == 0 or not np.isfinite(image).all():
        msg = f"one image (H, W) of finite grey levels is needed, got shape {image.shape}"
        raise ValueError(msg)
    low, high = float(image.min()), float(image.max())
    if high <= low:
        return np.zeros(image.shape, np.float32)
    binned = np.rint((image.astype(np.float64) - low) * (255 / (high - low))).astype(np.uint8)
    return np.asarray(cv2.equalizeHist(np.ascontiguousarray(binned)), np.float32) / np.float32(255)

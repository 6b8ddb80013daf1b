# SPDX-License-Identifier: Apache-2.0
"""Lesion size in the unit and bins of the abnormal-focused U-Net paper."""

from __future__ import annotations

import numpy as np

from .._typing import Array

__all__ = ["GRID", "area_224", "size_bin"]

GRID = 224  # pixels a side: the bins fit this grid (docs/explanation/choices.md)


def area_224(mask: Array) -> float:
    """Lesion area in pixels of the 224 x 224 grid.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape (H, W), non-zero is lesion; any resolution.

    Returns
    -------
    float
        Positive share of the mask times 224 x 224; 0 for an empty array.

    Examples
    --------
    >>> area_224(np.ones((448, 448)))
    50176.0
    """
    return float(np.count_nonzero(mask)) / max(mask.size, 1) * GRID * GRID


def size_bin(area: float) -> str:
    """Size bin of a lesion area on the 224 x 224 grid.

    Parameters
    ----------
    area : float
        Pixels of the 224 grid.

    Returns
    -------
    str
        ``"none"`` (no pixel), ``"small"`` (< 500), ``"medium"`` (500 to 1500, both included), ``"large"``.

    References
    ----------
    Huang et al., Cureus 18(3) e105360, 2026, Methods.

    Examples
    --------
    >>> [size_bin(a) for a in (0, 499, 500, 1500, 1501)]
    ['none', 'small', 'medium', 'medium', 'large']
    """
    if area <= 0:
        return "none"
    if area < 500:
        return "small"
    return "medium" if area <= 1500 else "large"

# SPDX-License-Identifier: Apache-2.0
"""Lesion size in the unit and bins of the abnormal-focused U-Net paper."""

from __future__ import annotations

import numpy as np

from .._typing import Array

GRID = 224  # pixels a side: the bins fit this grid (docs/explanation/choices.md)


def area_224(mask: Array) -> float:
    """Lesion area in pixels of the 224 x 224 grid, whatever the mask's resolution; 0 for an empty array."""
    return float(np.count_nonzero(mask)) / max(mask.size, 1) * GRID * GRID


def size_bin(area: float) -> str:
    """Bin of an area on that grid: ``none``, ``small`` (< 500), ``medium`` (to 1500), ``large`` (Huang 2026)."""
    if area <= 0:
        return "none"
    if area < 500:
        return "small"
    return "medium" if area <= 1500 else "large"

# SPDX-License-Identifier: Apache-2.0
"""How unsure a model is of an image: the entropy of its probabilities inside the breast."""

from __future__ import annotations

import numpy as np

from .._typing import Array
from ..functional.breast.segment import segment_breast

_LONG_SIDE = 512


def mean_entropy(probability: Array, mask: Array) -> float:
    """Mean binary entropy (H, W) over a mask, in bits a pixel: 0 (sure) to 1 (0.5 everywhere); 0 of an empty mask."""
    p = np.clip(np.asarray(probability, np.float64)[np.asarray(mask, bool)], 1e-7, 1 - 1e-7)
    if p.size == 0:
        return 0.0
    return round(float(np.mean(-p * np.log2(p) - (1 - p) * np.log2(1 - p))), 5)


def breast_entropy(pixels: Array, probability: Array) -> float:
    """Mean entropy of a lesion probability inside the breast (Settles, 2009, section 3.1), on every k-th pixel."""
    step = max(1, max(pixels.shape) // _LONG_SIDE)
    small = np.ascontiguousarray(pixels[::step, ::step])
    return mean_entropy(probability[::step, ::step], segment_breast(small).mask)

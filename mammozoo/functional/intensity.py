# SPDX-License-Identifier: Apache-2.0
"""From stored values to display values: rescale, VOI, inversion, and the log transform of raw data.

References
----------
.. [1] DICOM PS3.3, C.11.1 (Modality LUT) and C.11.2 (VOI LUT), and PS3.4, Annex N.2.
.. [2] Keller et al., Med Phys 39(8), 4903, 2012, doi:10.1118/1.4736530, Section 2.B: raw digital mammograms.
"""

from __future__ import annotations

import numpy as np

from .._typing import Array


def apply_rescale(values: Array, *, slope: float = 1.0, intercept: float = 0.0) -> Array:
    """``slope * value + intercept`` as float64; the input itself for slope 1 and intercept 0."""
    if slope == 1 and intercept == 0:
        return values
    return np.asarray(values, dtype=np.float64) * slope + intercept


def apply_window(
    values: Array, *, center: float, width: float, function: str = "LINEAR", low: float = 0.0, high: float = 1.0
) -> Array:
    """Window values to the range from `low` to `high`."""
    x = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(center) and np.isfinite(width)) or width <= 0 or (function == "LINEAR" and width < 1):
        msg = f"window center {center} and width {width} do not make a {function} window"
        raise ValueError(msg)
    if function == "LINEAR":
        if width == 1:
            return np.where(x <= center - 0.5, low, high)
        return np.clip((x - (center - 0.5)) / (width - 1) + 0.5, 0, 1) * (high - low) + low
    if function == "LINEAR_EXACT":
        return np.clip((x - center) / width + 0.5, 0, 1) * (high - low) + low
    if function == "SIGMOID":
        return (high - low) / (1 + np.exp(np.clip(-4 * (x - center) / width, -700, 700))) + low
    msg = f"VOI LUT function {function!r} is none of LINEAR, LINEAR_EXACT, SIGMOID"
    raise ValueError(msg)


def apply_lut(values: Array, *, table: Array, first: int = 0) -> Array:
    """Look values up in a table that begins at `first`; beyond its ends the end entries."""
    index = np.clip(np.rint(np.asarray(values, dtype=np.float64)) - first, 0, len(table) - 1).astype(np.intp)
    return np.asarray(np.asarray(table)[index])


def invert(values: Array, *, low: float, high: float) -> Array:
    """Mirror values in the range from `low` to `high`."""
    return (low + high) - np.asarray(values, dtype=np.float64)


def presentation_like(values: Array, *, invert_polarity: bool) -> Array:
    """Raw detector values as shown: shift to at least 1, logarithm, inversion where high means air."""
    x = np.asarray(values, dtype=np.float64)
    logs = np.log(np.maximum(x - min(float(x.min()) - 1, 0.0), 1.0)) if x.size else x
    if not x.size:
        return x
    return logs.max() - logs if invert_polarity else logs - logs.min()

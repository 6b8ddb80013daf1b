# SPDX-License-Identifier: Apache-2.0
"""The grey level between air and tissue of a mammogram."""

from __future__ import annotations

import numpy as np

from ..._typing import Array
from ..histogram import histogram

OTSU_BINS = 16_384


def otsu_log_threshold(image: Array) -> float:
    """Otsu's threshold of log(1 + x), x = 255 (I - min) / (p99.9 - min): gain and offset change nothing."""
    counts, edges = histogram(image, bins=OTSU_BINS)
    if len(counts) < 2:
        return float(edges[0])
    below = np.cumsum(counts)
    high = edges[1 + int(np.searchsorted(below, 0.999 * below[-1]))]
    unit = (high - edges[0]) / 255
    logs = np.log1p((edges - edges[0]) / unit)
    moment = np.cumsum(counts * (logs[:-1] + logs[1:]) / 2)
    above = below[-1] - below[:-1]
    difference = moment[:-1] / np.maximum(below[:-1], 1) - (moment[-1] - moment[:-1]) / np.maximum(above, 1)
    return float(edges[1 + int(np.argmax(below[:-1] * above * difference**2))])


def libra_threshold(image: Array) -> float:
    """The valley after the histogram's air peak, as LIBRA finds it (Keller et al., 2012)."""
    counts, edges = histogram(image, bins=1000)
    if len(counts) < 2:
        return float(edges[0])
    taps = np.exp(-0.5 * (2.5 * np.linspace(-1, 1, 25)) ** 2)
    smooth = np.convolve(counts, taps / taps.sum(), mode="same")
    start = int(np.argmax(smooth > 0.05 * smooth.max()))
    slope = np.diff(smooth)
    top = start + _first(slope[start:] <= 0)
    end = top + _first(slope[top:] >= 0)
    # LIBRA raises the threshold where a paddle stands out of the breast; the component step does without.
    return float(edges[min(max(end - 4, start), start + 50)])


def _first(condition: Array) -> int:
    """Index of the first True; the length if there is none."""
    return int(np.argmax(condition)) if condition.any() else len(condition)

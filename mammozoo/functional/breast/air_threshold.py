# SPDX-License-Identifier: Apache-2.0
"""The grey level between air and tissue of a mammogram."""

from __future__ import annotations

import numpy as np

from ..._typing import Array
from ..histogram import histogram

__all__ = ["libra_threshold", "otsu_log_threshold"]

OTSU_BINS = 16_384


def otsu_log_threshold(image: Array) -> float:
    """Otsu's threshold of the logarithm of the grey levels.

    Parameters
    ----------
    image : numpy.ndarray of shape (H, W)
        Grey levels, bright is tissue.

    Returns
    -------
    float
        In the units of the image; the image's maximum if it is constant.

    Notes
    -----
    The logarithm is that of 1 + x with ``x = 255 (I - min) / (p99.9 - min)``, so that gain and offset change nothing.
    The histogram has 16,384 equal bins of grey level, finer everywhere than 256 bins of the logarithm.

    References
    ----------
    Otsu, IEEE Trans Syst Man Cybern 9(1) 62, 1979.

    Examples
    --------
    >>> 0 <= otsu_log_threshold(np.array([[0.0, 1, 2, 900, 1000]])) < 900
    True
    """
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
    """The valley after the histogram's air peak, as LIBRA finds it.

    Parameters
    ----------
    image : numpy.ndarray of shape (H, W)
        Grey levels, bright is tissue.

    Returns
    -------
    float
        In the units of the image; the image's maximum if it is constant.

    Notes
    -----
    Histogram of 1000 bins, smoothed by a Gaussian window of 25 taps (alpha 2.5). The peak begins at the first bin above
    5 % of the maximum, has its top where the derivative is first not positive, and ends where it is first not negative
    again; 4 bins are taken back and the end is at most 50 bins after the beginning. If the largest part that stands out
    of the breast does not touch the top or the bottom (a paddle does), a higher threshold would be derived once: the
    component step does without it.

    References
    ----------
    Keller et al., Med Phys 39(8) 4903, 2012.

    Examples
    --------
    >>> image = np.concatenate([np.random.default_rng(0).normal(20, 3, 4000), np.full(2000, 700.0)])
    >>> 20 < libra_threshold(image.reshape(60, 100)) < 100
    True
    """
    counts, edges = histogram(image, bins=1000)
    if len(counts) < 2:
        return float(edges[0])
    taps = np.exp(-0.5 * (2.5 * np.linspace(-1, 1, 25)) ** 2)
    smooth = np.convolve(counts, taps / taps.sum(), mode="same")
    start = int(np.argmax(smooth > 0.05 * smooth.max()))
    slope = np.diff(smooth)
    top = start + _first(slope[start:] <= 0)
    end = top + _first(slope[top:] >= 0)
    return float(edges[min(max(end - 4, start), start + 50)])


def _first(condition: Array) -> int:
    """Index of the first True; the length if there is none."""
    return int(np.argmax(condition)) if condition.any() else len(condition)

# SPDX-License-Identifier: Apache-2.0
"""Distances between the outlines of two masks, all four from one pair of distance transforms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage
from scipy.spatial.distance import directed_hausdorff

from .._typing import Array

__all__ = ["Surface", "compute_surface", "row_hausdorff"]


@dataclass(frozen=True)
class Surface:
    """Distances in pixels, or mm when a spacing was given; all NaN when a mask is empty."""

    hausdorff: float
    hd95: float
    assd: float
    nsd: float


def compute_surface(
    prediction: Array, truth: Array, *, spacing: tuple[float, float] | None = None, tolerance: float = 1.0
) -> Surface:
    """Compare the outlines of two masks.

    Parameters
    ----------
    prediction, truth : numpy.ndarray
        Masks of shape (H, W), non-zero is lesion.
    spacing : tuple of float, optional
        Pixel spacing (row, column) in mm; without it distances are in pixels.
    tolerance : float
        For `Surface.nsd`, in the unit of the distances.

    Returns
    -------
    Surface

    Notes
    -----
    The outline is the set of lesion pixels with a 4-neighbour outside the mask; the frame's edge counts as outside.
    The symmetric Hausdorff distance between outlines equals that between the masks for masks that do not contain each
    other's holes; it is exact Euclidean on the crop that holds both masks.

    Examples
    --------
    >>> a, b = np.zeros((8, 8)), np.zeros((8, 8))
    >>> a[3:6, 3:7], b[2:5, 2:5] = 1, 1
    >>> round(compute_surface(a, b).hausdorff, 6)
    2.236068
    """
    predicted, true = prediction.astype(bool), truth.astype(bool)
    if predicted.shape != true.shape:
        msg = f"the prediction has shape {predicted.shape}, the truth {true.shape}: compare them on one grid"
        raise ValueError(msg)
    if not predicted.any() or not true.any():
        return Surface(math.nan, math.nan, math.nan, math.nan)
    box = _union_box(predicted | true)
    edges = [_outline(mask[box]) for mask in (predicted, true)]
    there = _distances(edges[0], edges[1], spacing)
    back = _distances(edges[1], edges[0], spacing)
    total = there.size + back.size
    return Surface(
        hausdorff=float(max(there.max(), back.max())),
        hd95=float(max(np.percentile(there, 95), np.percentile(back, 95))),
        assd=float((there.sum() + back.sum()) / total),
        nsd=float(((there <= tolerance).sum() + (back <= tolerance).sum()) / total),
    )


def _union_box(mask: Array) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _outline(mask: Array) -> Array:
    cross = np.asarray([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
    inner = cv2.erode(mask.astype(np.uint8), cross, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(mask & (inner == 0))


def _distances(source: Array, target: Array, spacing: tuple[float, float] | None) -> Array:
    """Distance of each pixel of one outline to the other outline."""
    if spacing is None or spacing[0] == spacing[1]:  # cv2's exact transform is twice as fast, for square pixels
        pixels = cv2.distanceTransform((~target).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return np.asarray(pixels[source].astype(np.float64) * (1.0 if spacing is None else spacing[0]))
    return np.asarray(ndimage.distance_transform_edt(~target, sampling=spacing)[source])


def row_hausdorff(prediction: Array, truth: Array) -> float:
    """Hausdorff distance of the masks' *rows* as points, which the HAU column of the AUNet paper behaves like."""
    a, b = (_distinct_rows(mask != 0, prediction, truth) for mask in (prediction, truth))
    return float(max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0]))


def _distinct_rows(mask: Array, prediction: Array, truth: Array) -> Array:
    """Rows of the box that holds both masks, and one empty row for all those around it: the same distances, sooner."""
    either = (prediction != 0) | (truth != 0)
    if not either.any():
        return np.zeros((1, 1))
    box = _union_box(either)
    rows = mask[box].astype(float)
    return rows if len(rows) == len(mask) else np.vstack([rows, np.zeros((1, rows.shape[1]))])

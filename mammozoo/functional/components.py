# SPDX-License-Identifier: Apache-2.0
"""Connected components of a lesion mask, with boxes, areas and scores."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .._typing import Array

__all__ = ["Component", "find_components", "label_components", "lesion_boxes"]


@dataclass(frozen=True)
class Component:
    """One 8-connected component of a mask."""

    label: int  # its value in the label image, from 1
    box_xyxy: tuple[int, int, int, int]  # pixels, half-open
    area: int  # pixels
    score: float | None  # maximum probability of its pixels


def label_components(mask: Array) -> tuple[Array, Array]:
    """Labels (H, W) int32 from 1, and x, y, width, height, area (N, 5) of a mask's 8-connected components."""
    if mask.ndim != 2:
        msg = f"a mask of shape (H, W) is needed, got {mask.shape}"
        raise ValueError(msg)
    if mask.size == 0:
        return np.zeros(mask.shape, np.int32), np.zeros((0, 5), np.int32)
    binary = np.ascontiguousarray(mask != 0).view(np.uint8)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(binary, connectivity=8, ltype=cv2.CV_32S)
    return labels, statistics[1:]


def find_components(mask: Array, *, probability: Array | None = None, min_area: int = 1) -> tuple[Component, ...]:
    """Find the 8-connected components of a mask.

    Parameters
    ----------
    mask : numpy.ndarray of shape (H, W)
        Boolean, or numbers of which every non-zero one is lesion.
    probability : numpy.ndarray of shape (H, W), optional
        Where the scores come from.
    min_area : int
        Smallest area in pixels that counts.

    Returns
    -------
    tuple of Component
        By falling score, then falling area, then label. Labels are those of `label_components`.

    Raises
    ------
    ValueError
        If the shapes differ or the mask is not two-dimensional.

    Notes
    -----
    An empty mask gives an empty tuple.

    Examples
    --------
    >>> find_components(np.eye(3), probability=np.full((3, 3), 0.5))[0].score
    0.5
    """
    if probability is not None and probability.shape != mask.shape:
        msg = f"probability must have the mask's shape {mask.shape}, got {probability.shape}"
        raise ValueError(msg)
    left, top, window = _bounding_window(mask)
    labels, statistics = label_components(mask[window])
    values = None if probability is None else probability[window]
    found = []
    for label, (x, y, width, height, area) in enumerate(statistics.tolist(), start=1):
        if area < min_area:
            continue
        score = None
        if values is not None:
            part = np.s_[y : y + height, x : x + width]
            score = float(values[part][labels[part] == label].max())
        box = (left + x, top + y, left + x + width, top + y + height)
        found.append(Component(label, box, area, score))
    return tuple(sorted(found, key=lambda item: (-(item.score or 0.0), -item.area, item.label)))


def _bounding_window(mask: Array) -> tuple[int, int, tuple[slice, slice]]:
    """Left, top and index of the bounding box: labelling only that is 10 times faster on small lesions."""
    if mask.ndim != 2 or mask.size == 0:
        return 0, 0, np.s_[:, :]  # label_components judges the shape
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(mask != 0).view(np.uint8))
    return x, y, np.s_[y : y + height, x : x + width]


def lesion_boxes(mask: Array, *, min_area: int = 1) -> Array:
    """Boxes (N, 4) xyxy float32, half-open, of a mask's 8-connected components, from top to bottom."""
    statistics = label_components(mask)[1]
    x, y, width, height, _ = statistics[statistics[:, 4] >= min_area].T
    return np.stack([x, y, x + width, y + height], axis=1).astype(np.float32)

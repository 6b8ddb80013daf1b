# SPDX-License-Identifier: Apache-2.0
"""Anchors of a detector for a data set: sizes of its training lesions in the detector's frame, clustered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..functional.boxes.anchors import kmeans_anchors, mean_best_iou
from ..functional.boxes.frame import DetectorFrame, find_frame
from ..functional.boxes.geometry import as_boxes
from .masks import read_pixels


@dataclass(frozen=True)
class Anchors:
    """Anchors and what they were found from."""

    anchors: tuple[tuple[float, float], ...]
    size: tuple[int, int]
    boxes: int
    images: int
    mean_best_iou: float

    def to_dict(self) -> dict[str, Any]:
        """The same as plain lists and numbers, for JSON."""
        return {**vars(self), "anchors": [list(pair) for pair in self.anchors], "size": list(self.size)}


def lesion_sizes(
    items: Sequence[Mapping[str, Any]],
    *,
    size: tuple[int, int],
    framing: str = "padded",
    progress: Callable[[int], object] | None = None,
) -> NDArray[np.float64]:
    """Width and height of every lesion in the detector's frame."""
    sizes = [np.zeros((0, 2))]
    for item in items:
        pixels = read_pixels(item["image"])
        if framing == "whole":  # a mirrored lesion is as large
            height, width = pixels.shape
            frame = DetectorFrame((height, width), (0, 0, width, height), (width, height), mirrored=False)
        else:
            frame = find_frame(pixels, framing=framing)
        boxes = frame.to_frame(as_boxes(item["box"]), size=size)
        sizes.append(boxes[:, 2:] - boxes[:, :2])
        if progress is not None:
            progress(1)
    return np.concatenate(sizes)


def find_anchors(
    items: Sequence[Mapping[str, Any]],
    *,
    size: tuple[int, int] = (320, 640),
    count: int = 9,
    seed: int = 0,
    framing: str = "padded",
    progress: Callable[[int], object] | None = None,
) -> Anchors:
    """Cluster the sizes of a data set's lesions by the distance 1 - IoU."""
    sizes = lesion_sizes(items, size=size, framing=framing, progress=progress)
    found = kmeans_anchors(sizes, k=count, generator=np.random.default_rng(seed)).round(1)
    pairs = tuple((float(width), float(height)) for width, height in found)
    return Anchors(pairs, size, boxes=len(sizes), images=len(items), mean_best_iou=mean_best_iou(sizes, found))

# SPDX-License-Identifier: Apache-2.0
"""The upright 1:2 frame in which a detector sees a mammogram, and the way between its boxes and the image's.

References
----------
.. [1] Yan et al., 2020, arXiv:2002.12079, Section 3.2: full mammograms of 2048 x 1024; how they were reached is not
   said, see docs/explanation/choices.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._errors import check_flag
from ..._typing import Array
from ..breast.segment import find_chest_side, segment_breast
from ..resize import resize
from .geometry import as_boxes

FRAMINGS = ("padded", "stretched", "whole")
ASPECT = 2  # height over width


@dataclass(frozen=True)
class DetectorFrame:
    """Which part of an image is shown, and whether it is mirrored."""

    shape: tuple[int, int]
    content: tuple[int, int, int, int]
    window: tuple[int, int]
    mirrored: bool

    def to_frame(self, boxes: ArrayLike, *, size: tuple[int, int]) -> NDArray[np.float64]:
        """Boxes (N, 4) of the image as boxes of the frame resized to `size` (width, height); not clipped."""
        shifted = self._mirror(as_boxes(boxes)) - np.tile(self.content[:2], 2)
        scaled: NDArray[np.float64] = shifted * np.tile(np.divide(size, self.window), 2)
        return scaled

    def to_image(self, boxes: ArrayLike, *, size: tuple[int, int]) -> NDArray[np.float64]:
        """Boxes (N, 4) of the frame resized to `size` (width, height) as boxes of the image; not clipped."""
        scaled = as_boxes(boxes) * np.tile(np.divide(self.window, size), 2)
        return self._mirror(scaled + np.tile(self.content[:2], 2))

    def _mirror(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.mirrored:
            return boxes
        width = self.shape[1]
        return np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)


def find_frame(image: Array, *, framing: str = "padded", flip_to_left: bool = True) -> DetectorFrame:
    """Decide what of an image a detector is shown."""
    if framing not in FRAMINGS:
        msg = f"there is no framing {framing!r}; there are {', '.join(FRAMINGS)}"
        raise ValueError(msg)
    check_flag("flip_to_left", flip_to_left)
    height, width = image.shape
    mirrored = flip_to_left and find_chest_side(image) == "right"
    if framing == "whole":
        return DetectorFrame((height, width), (0, 0, width, height), (width, height), mirrored)
    x1, y1, x2, y2 = segment_breast(image).box_xyxy
    if x2 <= x1 or y2 <= y1:
        x1, y1, x2, y2 = 0, 0, width, height
    if mirrored:
        x1, x2 = width - x2, width - x1
    if framing == "stretched":
        return DetectorFrame((height, width), (x1, y1, x2, y2), (x2 - x1, y2 - y1), mirrored)
    inside = max(x2 - x1, -(-(y2 - y1) // ASPECT))
    return DetectorFrame((height, width), (x1, y1, x2, y2), (inside, ASPECT * inside), mirrored)


def frame_image(image: Array, frame: DetectorFrame, *, size: tuple[int, int]) -> Array:
    """Show an image in its frame, resized to `size` (width, height); 0 in the padding."""
    if image.shape != frame.shape:
        msg = f"this frame is of an image of shape {frame.shape}, got {image.shape}"
        raise ValueError(msg)
    x1, y1, x2, y2 = frame.content
    shown = (image[:, ::-1] if frame.mirrored else image)[y1:y2, x1:x2]
    width, height = frame.window
    padded = np.zeros((height, width), image.dtype)
    padded[: y2 - y1, : x2 - x1] = shown
    return resize(padded, size=size)

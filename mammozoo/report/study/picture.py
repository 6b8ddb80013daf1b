# SPDX-License-Identifier: Apache-2.0
"""One view of a study as a page shows it: at display size, the chest wall at its side, outlines beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..._typing import Array, PathLike
from ...functional.breast.segment import find_chest_side
from ...functional.contours import display_window
from ...io.dicom.read import read_mammogram
from ..html import data_uri

MAX_SIDE = 1400  # pixels; more than a page shows, less than a mail server refuses
_QUALITY = 88
_CHEST_SIDE = {"L": "left", "R": "right"}


@dataclass(frozen=True)
class ViewPicture:
    """A picture ready to be inlined."""

    data: str
    width: int
    height: int
    scale: float
    mirrored: bool
    outline: str

    def place(self, box_xyxy: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """Box of the stored image -> box in the picture, in percent of its width and height."""
        x1, y1, x2, y2 = (float(value) * self.scale for value in box_xyxy)
        if self.mirrored:
            x1, x2 = self.width - x2, self.width - x1
        return 100 * x1 / self.width, 100 * y1 / self.height, 100 * x2 / self.width, 100 * y2 / self.height


def view_picture(path: PathLike, mask_path: PathLike, *, laterality: str = "", max_side: int = MAX_SIDE) -> ViewPicture:
    """Read an image and its mask (PNG of its size, non-zero is lesion; absent: nothing to outline) for display."""
    pixels = read_mammogram(path).pixels
    shown = display_window(pixels)
    mirrored = laterality in _CHEST_SIDE and find_chest_side(pixels) != _CHEST_SIDE[laterality]
    mask = cv2.imread(str(mask_path), cv2.IMREAD_GRAYSCALE) if Path(mask_path).is_file() else None
    scale = min(1.0, max_side / max(shown.shape))
    size = (max(1, round(shown.shape[1] * scale)), max(1, round(shown.shape[0] * scale)))
    small = _oriented(cv2.resize(shown, size, interpolation=cv2.INTER_AREA), mirrored=mirrored)
    outline = ""
    if mask is not None and mask.shape == shown.shape:
        kept = cv2.resize((mask != 0).astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
        outline = outline_path(_oriented(kept.view(np.uint8), mirrored=mirrored))
    encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    return ViewPicture(data_uri(encoded, "jpeg"), size[0], size[1], scale, mirrored, outline)


def _oriented(image: Array, *, mirrored: bool) -> Array:
    return np.ascontiguousarray(image[:, ::-1] if mirrored else image)


def outline_path(mask: Array) -> str:
    """Path data (SVG) around the lesions of a mask (H, W), a little outside so that their margin stays visible."""
    reach = max(2, round(max(mask.shape) / 350))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    grown = cv2.dilate((mask != 0).astype(np.uint8), kernel)
    found, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    parts = []
    for contour in found:
        points = cv2.approxPolyDP(contour, 0.7, True)[:, 0] + 0.5
        parts.append("M" + "L".join(f"{x:g} {y:g}" for x, y in points.tolist()) + "Z")
    return "".join(parts)

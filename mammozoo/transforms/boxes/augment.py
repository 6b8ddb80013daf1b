# SPDX-License-Identifier: Apache-2.0
"""Random flips, scale and translation that take the boxes along."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import cv2
import numpy as np
import torch
from monai.config.type_definitions import KeysCollection
from monai.transforms.transform import MapTransform, RandomizableTransform
from torch import Tensor

from ..rows import from_rows, to_rows
from .frame import keep_visible

__all__ = ["RandBoxFlipd", "RandBoxShiftd"]


class RandBoxFlipd(RandomizableTransform, MapTransform):
    """Mirror an image and its boxes.

    Parameters
    ----------
    keys : (str, str)
        The image (C, W, H) and its boxes (N, 4).
    prob : float
    spatial_axis : {0, 1}
        0 mirrors left and right, 1 top and bottom.

    Examples
    --------
    >>> flip = RandBoxFlipd(("image", "box"), prob=1.0, spatial_axis=0)
    >>> flip({"image": torch.zeros(1, 8, 4), "box": torch.tensor([[0.0, 1, 3, 2]])})["box"].tolist()
    [[5.0, 1.0, 8.0, 2.0]]
    """

    def __init__(self, keys: KeysCollection = ("image", "box"), *, prob: float = 0.5, spatial_axis: int = 1) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, prob)
        self.image_key, self.box_key = _image_and_box(self.keys)
        self.spatial_axis = spatial_axis

    def __call__(self, data: Mapping[Hashable, Any], randomize: bool = True) -> dict[Hashable, Any]:
        """Mirror, or pass on."""
        d = dict(data)
        if randomize:
            self.randomize(None)
        if not self._do_transform:
            return d
        axis = self.spatial_axis
        image, boxes = d[self.image_key], d[self.box_key].clone()
        boxes[:, [axis, axis + 2]] = image.shape[axis + 1] - boxes[:, [axis + 2, axis]]
        d[self.image_key], d[self.box_key] = torch.flip(image, [axis + 1]), boxes
        return d


class RandBoxShiftd(RandomizableTransform, MapTransform):
    """Enlarge or shrink an image about its centre and move it, with its boxes.

    Parameters
    ----------
    keys : (str, str)
        The image (C, W, H) and its boxes (N, 4).
    prob : float
    scale : (float, float)
        Range of the enlargement, uniform in its logarithm. The paper gives no augmentation: a choice, see
        docs/explanation/choices.md.
    shift : float
        Largest translation along each axis, as a share of that side; uniform.

    Notes
    -----
    What enters the image is 0. Boxes whose centre leaves the image are dropped, others clipped.

    Examples
    --------
    >>> move = RandBoxShiftd(prob=1.0, scale=(2.0, 2.0), shift=0.0)
    >>> move({"image": torch.ones(1, 8, 16), "box": torch.tensor([[2.0, 4, 4, 8]])})["box"].tolist()
    [[0.0, 0.0, 4.0, 8.0]]
    """

    def __init__(
        self,
        keys: KeysCollection = ("image", "box"),
        *,
        prob: float = 0.5,
        scale: tuple[float, float] = (0.8, 1.25),
        shift: float = 0.1,
    ) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, prob)
        self.image_key, self.box_key = _image_and_box(self.keys)
        if not (0 < scale[0] <= scale[1] and 0 <= shift < 1):
            raise ValueError(f"scale must be a rising pair of positive numbers, shift in [0, 1), got {scale}, {shift}")
        self.scale = (float(scale[0]), float(scale[1]))
        self.shift = shift
        self.drawn = (1.0, 0.0, 0.0)

    def randomize(self, data: Any = None) -> None:
        """Draw the scale and both shifts, as shares of the sides."""
        super().randomize(None)
        if self._do_transform:
            scale = float(np.exp(self.R.uniform(*np.log(self.scale))))
            first, second = self.R.uniform(-self.shift, self.shift, size=2)
            self.drawn = (scale, float(first), float(second))

    def __call__(self, data: Mapping[Hashable, Any], randomize: bool = True) -> dict[Hashable, Any]:
        """Move, or pass on."""
        d = dict(data)
        if randomize:
            self.randomize()
        if not self._do_transform:
            return d
        image: Tensor = d[self.image_key]
        sides = torch.tensor(image.shape[1:3], dtype=torch.float32)
        scale, *shares = self.drawn
        offset = sides / 2 * (1 - scale) + torch.tensor(shares) * sides
        boxes = d[self.box_key] * scale + offset.repeat(2)
        d[self.image_key] = _warp(image, scale, offset)
        d[self.box_key] = keep_visible(boxes, spatial_size=image.shape[1:3])
        return d


def _warp(image: Tensor, scale: float, offset: Tensor) -> Tensor:
    """Map edge coordinate x to ``scale * x + offset``; pixel i has its centre at i + 0.5."""
    rows = to_rows(image).cpu().numpy()
    at = offset.numpy() + 0.5 * scale - 0.5
    matrix = np.array([[scale, 0.0, at[0]], [0.0, scale, at[1]]])
    size = (rows.shape[2], rows.shape[1])
    moved = np.stack([cv2.warpAffine(np.ascontiguousarray(plane), matrix, size) for plane in rows])
    result: Tensor = from_rows(torch.from_numpy(moved), image)
    return result


def _image_and_box(keys: tuple[Hashable, ...]) -> tuple[Hashable, Hashable]:
    """The keys of the image and its boxes, or a refusal."""
    if len(keys) != 2:
        raise ValueError(f"keys must name the image and its boxes, got {keys}")
    return keys[0], keys[1]

# SPDX-License-Identifier: Apache-2.0
"""The paper's background-preserving crop: a random large part of the image that always shows the whole lesion."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config.type_definitions import KeysCollection, NdarrayOrTensor
from monai.transforms.transform import MapTransform, RandomizableTransform
from torch import Tensor

from ..functional.patches.draw import Boxes
from ..functional.patches.gather import gather_masks, gather_patches
from .rows import from_rows, image_and_label, lesion_plane, to_rows

__all__ = ["RandBackgroundPreservingCrop", "RandBackgroundPreservingCropd"]


class RandBackgroundPreservingCrop(RandomizableTransform):
    """Crop at random without touching the lesion, and resize back.

    Parameters
    ----------
    prob : float
        Probability.
    min_side : float
        Smallest side of the crop as a fraction of the image's; the side is uniform between it and 1, the same for
        both axes, or as large as the lesion needs. The paper gives no number: 0.8, an open choice.

    Notes
    -----
    The box is placed uniformly among the places that hold the lesion's bounding box; without lesion, anywhere.

    References
    ----------
    .. [1] Huang et al., Cureus 18(3):e105360, 2026, Methods; open choices in ``docs/explanation/choices.md``.

    Examples
    --------
    >>> import torch
    >>> label = torch.zeros(1, 100, 80)
    >>> label[0, :5, 70:] = 1
    >>> _, mask = RandBackgroundPreservingCrop(prob=1.0).set_random_state(seed=1)(torch.rand(1, 100, 80), label)
    >>> mask.shape, bool(mask.sum() >= label.sum())
    (torch.Size([1, 100, 80]), True)
    """

    def __init__(self, prob: float = 0.5, *, min_side: float = 0.8) -> None:
        super().__init__(prob)
        if not 0 < min_side <= 1:
            raise ValueError(f"min_side must lie in (0, 1], got {min_side}")
        self.min_side = min_side
        self.box: Boxes = np.zeros((0, 4), np.int64)

    def randomize(self, mask: Tensor) -> None:
        """Draw whether to crop, and the box, for a lesion mask (H, W); an empty box says no."""
        super().randomize(None)
        self.box = np.zeros((0, 4), np.int64)
        if not self._do_transform:
            return
        fraction, *places = self.R.uniform(size=3)
        fraction = self.min_side + (1 - self.min_side) * fraction
        ends = []
        for size, axis, place in zip((mask.shape[1], mask.shape[0]), (0, 1), places, strict=True):
            occupied = mask.any(dim=axis).nonzero().flatten()
            first, last = (int(occupied[0]), int(occupied[-1]) + 1) if len(occupied) else (size, 0)
            side = min(max(int(np.ceil(fraction * size)), last - first), size)
            low, high = max(0, last - side), min(first, size - side)
            start = min(low + int(place * (high - low + 1)), high)
            ends.append((start, start + side))
        (x1, x2), (y1, y2) = ends
        self.box = np.array([[x1, y1, x2, y2]], np.int64)

    def __call__(  # type: ignore[override]
        self, img: NdarrayOrTensor, label: NdarrayOrTensor, randomize: bool = True
    ) -> tuple[NdarrayOrTensor, NdarrayOrTensor]:
        """Crop an image (C, W, H) and its label (1, W, H) alike, or pass them on."""
        mask = to_rows(label)
        if randomize:
            self.randomize(lesion_plane(mask))
        if len(self.box) == 0:
            return img, label
        size = (mask.shape[-1], mask.shape[-2])
        patch = gather_patches(to_rows(img), self.box, size=size)[0]
        return from_rows(patch, img), from_rows(gather_masks(mask, self.box, size=size)[0], label)


class RandBackgroundPreservingCropd(RandomizableTransform, MapTransform):
    """Dictionary form of :class:`RandBackgroundPreservingCrop`.

    Parameters
    ----------
    keys : (str, str)
        Keys of image and label.
    prob, min_side
        As in :class:`RandBackgroundPreservingCrop`.

    Examples
    --------
    >>> import torch
    >>> data = {"image": torch.rand(1, 100, 80), "label": torch.zeros(1, 100, 80)}
    >>> RandBackgroundPreservingCropd(prob=1.0)(data)["image"].shape
    torch.Size([1, 100, 80])
    """

    def __init__(self, keys: KeysCollection = ("image", "label"), prob: float = 0.5, *, min_side: float = 0.8) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, prob)
        image_and_label(self.keys)
        self.crop = RandBackgroundPreservingCrop(prob, min_side=min_side)

    def set_random_state(
        self, seed: int | None = None, state: np.random.RandomState | None = None
    ) -> RandBackgroundPreservingCropd:
        """Seed the array form, which makes every draw."""
        self.crop.set_random_state(seed, state)
        return self

    def randomize(self, mask: Tensor) -> None:
        """Draw through the array form."""
        self.crop.randomize(mask)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Crop image and label, or pass them on."""
        d = dict(data)
        image, label = self.keys
        d[image], d[label] = self.crop(d[image], d[label])
        return d

# SPDX-License-Identifier: Apache-2.0
"""Crop to the breast, and back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config.type_definitions import KeysCollection, NdarrayOrTensor
from monai.data.meta_obj import get_track_meta
from monai.transforms.croppad.array import Crop
from monai.transforms.inverse import InvertibleTransform
from monai.transforms.transform import MapTransform
from monai.utils.type_conversion import convert_to_tensor
from torch import Tensor

from ..functional.breast.segment import Method
from .breast_mask import BreastMask

__all__ = ["CropToBreast", "CropToBreastd"]


class CropToBreast(Crop):
    """Crop an image (C, W, H) to the bounding box of its breast.

    Parameters
    ----------
    margin : float
        Added on every side, as a share of the box's longer side; the box stays inside the image.
    method : {"line", "libra"}
        As of :class:`~mammozoo.transforms.breast_mask.BreastMask`. The pectoral muscle always stays.

    Notes
    -----
    An image without a breast is left whole. :meth:`inverse` pads a map of the crop with zeros to native size.

    Examples
    --------
    >>> import torch
    >>> image = torch.zeros(1, 60, 80)
    >>> image[:, :40, 10:70] = 900
    >>> CropToBreast(margin=0.0)(image).shape
    torch.Size([1, 40, 60])
    """

    def __init__(self, *, margin: float = 0.02, method: Method = "line") -> None:
        super().__init__()
        if not margin >= 0:
            raise ValueError(f"margin must not be negative, got {margin}")
        self.margin = margin
        self.find = BreastMask(method=method)

    def box(self, img: NdarrayOrTensor) -> tuple[slice, slice]:
        """The crop of an image as slices along W and H."""
        mask = self.find(img)[0].cpu().numpy()
        spans = [np.flatnonzero(mask.any(axis=1 - axis)) for axis in (0, 1)]
        if not all(len(span) for span in spans):
            return slice(0, mask.shape[0]), slice(0, mask.shape[1])
        extra = round(self.margin * max(int(span[-1] - span[0]) + 1 for span in spans))
        first, second = (
            slice(max(0, int(span[0]) - extra), min(size, int(span[-1]) + 1 + extra))
            for span, size in zip(spans, mask.shape, strict=True)
        )
        return first, second

    def __call__(
        self, img: NdarrayOrTensor, slices: tuple[slice, ...] | None = None, lazy: bool | None = None
    ) -> Tensor:
        """Crop to the image's own breast, or to slices found elsewhere."""
        tensor = convert_to_tensor(img, track_meta=get_track_meta())
        return super().__call__(tensor, slices or self.box(img), lazy=lazy)


class CropToBreastd(MapTransform, InvertibleTransform):
    """Dictionary form of :class:`CropToBreast`: all keys are cropped alike.

    Parameters
    ----------
    keys : str or sequence of str
        What is cropped, each (C, W, H).
    source_key : str
        The image whose breast decides.
    margin, method
        As of :class:`CropToBreast`.

    Examples
    --------
    >>> import torch
    >>> data = {"image": torch.zeros(1, 60, 80), "label": torch.zeros(1, 60, 80)}
    >>> data["image"][:, :40, 10:70] = 900
    >>> CropToBreastd(["image", "label"], margin=0.0)(data)["label"].shape
    torch.Size([1, 40, 60])
    """

    def __init__(
        self, keys: KeysCollection, *, source_key: str = "image", margin: float = 0.02, method: Method = "line"
    ) -> None:
        super().__init__(keys)
        self.source_key = source_key
        self.cropper = CropToBreast(margin=margin, method=method)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Crop what lies under the keys."""
        d = dict(data)
        slices = self.cropper.box(d[self.source_key])
        for key in self.key_iterator(d):
            d[key] = self.cropper(d[key], slices)
        return d

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Bring what lies under the keys back to native size."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.cropper.inverse(d[key])
        return d

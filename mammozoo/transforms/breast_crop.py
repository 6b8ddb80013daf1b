# SPDX-License-Identifier: Apache-2.0
"""Crop to the breast, darken what lies around it if asked, and back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from monai.config.type_definitions import KeysCollection, NdarrayOrTensor
from monai.data.meta_obj import get_track_meta
from monai.transforms.croppad.array import Crop
from monai.transforms.inverse import InvertibleTransform
from monai.transforms.transform import MapTransform
from monai.utils.type_conversion import convert_to_tensor
from torch import Tensor

from .._errors import check_flag
from ..functional.breast.segment import Method
from .breast_mask import BreastMask

__all__ = ["CropToBreast", "CropToBreastd"]


class BreastWindow(NamedTuple):
    """Where an image is cropped along W and H, and which pixels (w, h) of the crop lie beyond the breast's margin."""

    slices: tuple[slice, slice]
    beyond: Tensor


class CropToBreast(Crop):
    """Crop an image (C, W, H) to the bounding box of its breast.

    Parameters
    ----------
    margin : float
        Added on every side, as a share of the box's longer side; the box stays inside the image.
    method : {"line", "libra"}
        As of :class:`~mammozoo.transforms.BreastMask`. The pectoral muscle always stays.
    clean : bool
        Also set to 0 what lies farther from the breast than `margin` of the image's longer side along either axis:
        tags, borders of the film and noise of the air.

    Notes
    -----
    The breast is segmented once. An image without a breast is left whole. :meth:`inverse` pads a map of the crop with
    zeros to native size.

    Examples
    --------
    >>> image = torch.zeros(1, 60, 80)
    >>> image[:, :40, 10:70] = 900
    >>> CropToBreast(margin=0.0)(image).shape
    torch.Size([1, 40, 60])
    """

    def __init__(self, *, margin: float = 0.02, method: Method = "line", clean: bool = False) -> None:
        super().__init__()
        if not margin >= 0:
            raise ValueError(f"margin must not be negative, got {margin}")
        check_flag("clean", clean)
        self.margin = margin
        self.clean = clean
        self.find = BreastMask(method=method)

    def window(self, img: NdarrayOrTensor) -> BreastWindow:
        """Find the breast of an image."""
        mask = self.find(img)[0].cpu().numpy()
        spans = [np.flatnonzero(mask.any(axis=1 - axis)) for axis in (0, 1)]
        extra = round(self.margin * max(int(span[-1] - span[0]) + 1 for span in spans))
        first, second = (
            slice(max(0, int(span[0]) - extra), min(size, int(span[-1]) + 1 + extra))
            for span, size in zip(spans, mask.shape, strict=True)
        )
        beyond = np.zeros((1, 1), bool)
        if self.clean:  # the whole breast lies in the crop, so its dilation does not depend on what lies outside
            reach = 2 * round(self.margin * max(mask.shape)) + 1
            rows = np.ascontiguousarray(mask[first, second].T)  # the order of the reader's images in memory
            beyond = (cv2.dilate(rows, np.ones((reach, reach), np.uint8)) == 0).T
        return BreastWindow((first, second), torch.from_numpy(beyond))

    def __call__(  # type: ignore[override]
        self, img: NdarrayOrTensor, window: BreastWindow | None = None, lazy: bool | None = None
    ) -> Tensor:
        """Crop to the image's own breast, or to a window found elsewhere; only the former cleans."""
        tensor = convert_to_tensor(img, track_meta=get_track_meta())
        used = window or self.window(img)
        cropped = super().__call__(tensor, used.slices, lazy=lazy)
        return self.cleaned(cropped, used) if window is None else cropped

    @staticmethod
    def cleaned(cropped: Tensor, window: BreastWindow) -> Tensor:
        """Set to 0 what lies beyond the margin of the breast."""
        beyond = window.beyond.to(cropped.device)
        return torch.where(beyond, torch.zeros_like(cropped), cropped) if window.beyond.any() else cropped


class CropToBreastd(MapTransform, InvertibleTransform):
    """Dictionary form of :class:`CropToBreast`: all keys are cropped alike, and the source alone is cleaned.

    Parameters
    ----------
    keys : str or sequence of str
        What is cropped, each (C, W, H).
    source_key : str
        The image whose breast decides.
    margin, method, clean
        As of :class:`CropToBreast`.
    enabled : bool
        False leaves everything whole.

    Examples
    --------
    >>> data = {"image": torch.zeros(1, 60, 80), "label": torch.zeros(1, 60, 80)}
    >>> data["image"][:, :40, 10:70] = 900
    >>> CropToBreastd(["image", "label"], margin=0.0)(data)["label"].shape
    torch.Size([1, 40, 60])
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        source_key: str = "image",
        margin: float = 0.02,
        method: Method = "line",
        clean: bool = False,
        enabled: bool = True,
    ) -> None:
        super().__init__(keys)
        self.enabled = enabled
        self.source_key = source_key
        self.cropper = CropToBreast(margin=margin, method=method, clean=clean)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Crop what lies under the keys."""
        d = dict(data)
        if not self.enabled:
            return d
        window = self.cropper.window(d[self.source_key])
        for key in self.key_iterator(d):
            cropped = self.cropper(d[key], window)
            d[key] = self.cropper.cleaned(cropped, window) if key == self.source_key else cropped
        return d

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Bring what lies under the keys back to native size."""
        d = dict(data)
        for key in self.key_iterator(d) if self.enabled else ():
            d[key] = self.cropper.inverse(d[key])
        return d

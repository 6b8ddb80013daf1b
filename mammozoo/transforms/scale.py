# SPDX-License-Identifier: Apache-2.0
"""Grey levels to 0-1 in one float32 copy."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection, NdarrayOrTensor
from monai.transforms.transform import MapTransform, Transform
from monai.utils.type_conversion import convert_to_dst_type

__all__ = ["UnitScale", "UnitScaled", "UnitToUint8", "UnitToUint8d"]


class UnitScale(Transform):
    """Scale an image to 0-1 by its own minimum and maximum, as MONAI's ``ScaleIntensity`` does with fewer copies."""

    def __call__(self, img: NdarrayOrTensor) -> NdarrayOrTensor:
        """Scale an image."""
        given: Any = img
        if isinstance(given, np.ndarray):
            return _scaled(given)
        plain: torch.Tensor = given.as_tensor() if hasattr(given, "as_tensor") else given
        if plain.device.type == "cpu":
            result = torch.from_numpy(_scaled(plain.detach().numpy()))
        else:
            levels = plain.detach().to(torch.float32, copy=True)
            low, high = levels.aminmax()
            result = levels.sub_(low).div_(torch.where(high > low, high - low, 1.0))
        return result if plain is given else convert_to_dst_type(result, given, dtype=torch.float32)[0]


def _scaled(levels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same in main memory, where numpy works in the order of the memory and torch does not."""
    scaled = levels.astype(np.float32, order="K")
    if not scaled.size:
        return scaled
    low = scaled.min()
    span = scaled.max() - low
    scaled -= low
    scaled /= span if span > 0 else np.float32(1)
    return scaled


class UnitScaled(MapTransform):
    """Dictionary form of :class:`UnitScale`.

    Parameters
    ----------
    keys : key or keys
        Images.
    allow_missing_keys : bool
        Pass over keys that the data lack.

    Examples
    --------
    >>> float(UnitScaled("image")({"image": torch.arange(8.0).reshape(1, 2, 4)})["image"].max())
    1.0
    """

    def __init__(self, keys: KeysCollection, *, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.scale = UnitScale()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Scale what lies under the keys."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.scale(d[key])
        return d


class UnitToUint8(Transform):
    """Round grey levels from 0-1 to 0-255, uint8: a quarter of the memory of a cached image."""

    def __call__(self, img: NdarrayOrTensor) -> NdarrayOrTensor:
        """Round an image."""
        if isinstance(img, np.ndarray):
            return np.rint(img.clip(0, 1) * np.float32(255)).astype(np.uint8)
        return (img.clamp(0, 1) * 255).round().to(torch.uint8)


class UnitToUint8d(MapTransform):
    """Dictionary form of :class:`UnitToUint8`.

    Parameters
    ----------
    keys : key or keys
        Images.
    allow_missing_keys : bool
        Pass over keys that the data lack.

    Examples
    --------
    >>> UnitToUint8d("image")({"image": torch.ones(1, 2, 4)})["image"].dtype
    torch.uint8
    """

    def __init__(self, keys: KeysCollection, *, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.convert = UnitToUint8()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Round what lies under the keys."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.convert(d[key])
        return d

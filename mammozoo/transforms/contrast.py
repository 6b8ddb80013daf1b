# SPDX-License-Identifier: Apache-2.0
"""The two images of a contrast-enhanced view as the channels of one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config.type_definitions import KeysCollection
from monai.transforms.transform import MapTransform
from monai.utils.type_conversion import convert_to_dst_type

__all__ = ["StackContrastd"]


class StackContrastd(MapTransform):
    """Put the low-energy image before the subtracted one: (1, W, H) twice becomes (2, W, H).

    Parameters
    ----------
    keys : (str, str)
        Low-energy image, which is removed, and subtracted image, whose metadata the result keeps. Without the first
        in the data nothing is done, so that one pipeline serves one image and two.

    Notes
    -----
    The two exposures are taken within seconds under one compression, so they are taken as registered where their sizes
    agree; other sizes mean other crops and are refused.

    Examples
    --------
    >>> views = {"low_energy": torch.zeros(1, 4, 6), "image": torch.ones(1, 4, 6)}
    >>> StackContrastd()(views)["image"].shape
    torch.Size([2, 4, 6])
    """

    def __init__(self, keys: KeysCollection = ("low_energy", "image")) -> None:
        super().__init__(keys, allow_missing_keys=True)
        if len(self.keys) != 2:
            raise ValueError(f"keys must name the low-energy and the subtracted image, got {self.keys}")

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Stack the two images.

        Raises
        ------
        ValueError
            If their sizes differ.
        """
        d = dict(data)
        low, subtracted = self.keys
        if low not in d:
            return d
        first, second = d.pop(low), d[subtracted]
        if first.shape != second.shape:
            raise ValueError(
                f"the low-energy image is {tuple(first.shape)}, the subtracted one {tuple(second.shape)}: "
                "register them first, or take one of them (modality)"
            )
        plain = [torch.as_tensor(image) for image in (first, second)]
        stacked = torch.cat([image.as_tensor() if hasattr(image, "as_tensor") else image for image in plain])
        d[subtracted] = convert_to_dst_type(stacked, second, dtype=stacked.dtype)[0]
        return d

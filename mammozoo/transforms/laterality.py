# SPDX-License-Identifier: Apache-2.0
"""Bring the chest wall to one side, and back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection, NdarrayOrTensor
from monai.transforms.inverse import InvertibleTransform
from monai.transforms.spatial.array import Flip
from monai.transforms.transform import MapTransform
from monai.utils.type_conversion import convert_data_type

from ..functional.breast.segment import find_chest_side

__all__ = ["ChestWallLeftd"]


class ChestWallLeftd(MapTransform, InvertibleTransform):
    """Mirror images whose chest wall lies at the right, so that it lies at the left in all.

    Parameters
    ----------
    keys : str or sequence of str
        What is mirrored, each (C, W, H).
    source_key : str
        The image whose pixels decide. Tags do not: scanned films are often mirrored against them.

    Notes
    -----
    :meth:`inverse` mirrors back what was mirrored.

    Examples
    --------
    >>> image = torch.zeros(1, 30, 40)
    >>> image[:, 10:, 5:35] = 900
    >>> float(ChestWallLeftd("image")({"image": image})["image"][0, 0].max())
    900.0
    """

    def __init__(self, keys: KeysCollection, *, source_key: str = "image") -> None:
        super().__init__(keys)
        self.source_key = source_key
        self.flip = Flip(spatial_axis=0)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Mirror what lies under the keys, or leave it."""
        d = dict(data)
        if self._side(d[self.source_key]) == "right":
            for key in self.key_iterator(d):
                d[key] = self.flip(d[key])
        return d

    def _side(self, img: NdarrayOrTensor) -> str:
        plane = convert_data_type(img[0], torch.Tensor)[0]
        return find_chest_side(np.ascontiguousarray(plane.cpu().numpy().T))

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Mirror back."""
        d = dict(data)
        for key in self.key_iterator(d):
            steps = getattr(d[key], "applied_operations", None)
            if steps and steps[-1].get("id") == id(self.flip):
                d[key] = self.flip.inverse(d[key])
        return d

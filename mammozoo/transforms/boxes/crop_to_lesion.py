# SPDX-License-Identifier: Apache-2.0
"""Crop to the lesion: the patch experiment of the AUNet paper."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform, SpatialCrop

__all__ = ["CropToLesiond"]


class CropToLesiond(MapTransform):  # type: ignore[misc]
    """Crop image and label to the lesions' bounding box, enlarged; the box's elongation is kept.

    Parameters
    ----------
    keys : str or sequence of str
        What is cropped, each (C, W, H).
    source_key : str
        The lesion mask (1, W, H); without any lesion nothing is cropped.
    area_factor : float
        Enlargement of the box's *area*: 1.2, so 1.0954 a side.

    References
    ----------
    Sun et al., Phys Med Biol 65, 055005, 2020, Table 5 ("enlarged by 20 %").

    Examples
    --------
    >>> import torch
    >>> label = torch.zeros(1, 100, 100)
    >>> label[:, 30:70, 40:60] = 1
    >>> CropToLesiond("label")({"label": label})["label"].shape
    torch.Size([1, 44, 22])
    """

    def __init__(self, keys: KeysCollection, *, source_key: str = "label", area_factor: float = 1.2) -> None:
        super().__init__(keys)
        self.source_key = source_key
        self.side_factor = math.sqrt(area_factor)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Crop what lies under the keys."""
        d = dict(data)
        mask = np.asarray(d[self.source_key][0]) > 0
        if not mask.any():
            return d
        start, end = [], []
        for axis in (0, 1):
            inside = np.flatnonzero(mask.any(axis=1 - axis))
            centre, half = (inside[0] + inside[-1] + 1) / 2, (inside[-1] + 1 - inside[0]) * self.side_factor / 2
            start.append(max(round(centre - half), 0))
            end.append(min(round(centre + half), mask.shape[axis]))
        crop = SpatialCrop(roi_start=start, roi_end=end)
        for key in self.key_iterator(d):
            d[key] = crop(d[key])
        return d

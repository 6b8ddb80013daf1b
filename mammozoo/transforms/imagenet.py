# SPDX-License-Identifier: Apache-2.0
"""Grey images as networks trained on ImageNet expect them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config.type_definitions import KeysCollection
from monai.transforms.transform import MapTransform

__all__ = ["ImageNetNormalized"]

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ImageNetNormalized(MapTransform):
    """Copy a grey image (1, W, H), 0 to 1, to three channels with ImageNet's mean and deviation.

    Parameters
    ----------
    keys : str or sequence of str

    Notes
    -----
    Images of other channels (low energy and subtracted: two) keep them; each is normalised with the mean of the three
    means and deviations, 0.449 and 0.226.

    Examples
    --------
    >>> ImageNetNormalized("image")({"image": torch.zeros(1, 4, 6)})["image"].shape
    torch.Size([3, 4, 6])
    """

    def __init__(self, keys: KeysCollection) -> None:
        super().__init__(keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Normalise what lies under the keys."""
        d = dict(data)
        for key in self.key_iterator(d):
            image = d[key]
            three = image.shape[0] == 1
            mean, deviation = (_MEAN, _DEVIATION) if three else ((0.449,), (0.226,))
            shape = (-1, 1, 1)
            repeated = image.repeat(3, 1, 1) if three else image
            scale = torch.tensor(deviation, dtype=torch.float32, device=image.device).view(shape)
            d[key] = (repeated - torch.tensor(mean, dtype=torch.float32, device=image.device).view(shape)) / scale
        return d

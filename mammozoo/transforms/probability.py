# SPDX-License-Identifier: Apache-2.0
"""From a network's logits to the probability of lesion."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import get_track_meta
from monai.transforms import MapTransform, Transform
from monai.utils import convert_to_tensor
from torch import Tensor

__all__ = ["LesionProbability", "LesionProbabilityd"]


class LesionProbability(Transform):
    """Probability of lesion (1, W, H) from logits: the sigmoid of one channel, or channel 1 of the softmax of two.

    Raises
    ------
    ValueError
        For another number of channels.

    Examples
    --------
    >>> LesionProbability()(torch.zeros(2, 3, 3)).unique().item()
    0.5
    """

    def __call__(self, logits: Tensor) -> Tensor:
        """Map logits (C, W, H), C 1 or 2, to (1, W, H); a plain tensor becomes a MetaTensor, as in MONAI's own."""
        logits = convert_to_tensor(logits, track_meta=get_track_meta())
        if logits.shape[0] == 1:
            return torch.sigmoid(logits)
        if logits.shape[0] == 2:
            return torch.softmax(logits, dim=0)[1:]
        msg = f"logits of 1 or 2 channels are needed, got {tuple(logits.shape)}"
        raise ValueError(msg)


class LesionProbabilityd(MapTransform):  # type: ignore[misc]
    """Dictionary form of `LesionProbability`.

    Parameters
    ----------
    keys : str or sequence of str
    allow_missing_keys : bool

    Examples
    --------
    >>> LesionProbabilityd("pred")({"pred": torch.zeros(1, 2, 2)})["pred"].shape
    torch.Size([1, 2, 2])
    """

    def __init__(self, keys: KeysCollection, *, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.probability = LesionProbability()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Map the logits under the keys."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.probability(d[key])
        return d

# SPDX-License-Identifier: Apache-2.0
"""A classifier that looks where a lesion segmentation network sees a lesion.

References
----------
.. [1] Ilse et al., Attention-based deep multiple instance learning, ICML 2018, arXiv:1802.04712, equation 8: pooling by
   weights that are computed from the instances. Here the weights are the segmentation's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from .blocks import check_sides
from .efficientnet_unet import EfficientNetUNet

__all__ = ["LesionPooling", "lesion_pooling"]

_MEANS, _DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
_GRAY = (0.449, 0.226)
_PATCH = 16  # pixels a side of the features that are pooled by the map


class LesionPooling(EfficientNetUNet):
    """A lesion segmentation network whose features at 1/16 are averaged under its own map, then one linear layer.

    Parameters
    ----------
    in_channels : int
        3: gray copied to RGB; the channels' mean is taken.
    num_classes : int
        Logits.
    dropout : float
        Before the linear layer.

    Notes
    -----
    Takes (B, in_channels, W, H), normalised as for ImageNet, with sides that are multiples of 32. The linear layer sees
    the features at 1/16 under the map, the mean of those at 1/32, and the map's mean and highest value, each normalised
    over the batch. Tensors are named as in `EfficientNetUNet`; ``pooled`` and ``fc`` are added.

    Examples
    --------
    >>> LesionPooling().eval()(torch.zeros(1, 3, 64, 32)).shape
    torch.Size([1, 1])
    """

    def __init__(self, in_channels: int = 3, num_classes: int = 1, *, dropout: float = 0.0) -> None:
        super().__init__(1, 1)
        gray = in_channels != len(_MEANS)
        for name, values, value in zip(("mean", "deviation"), (_MEANS, _DEVIATIONS), _GRAY, strict=True):
            channels = torch.tensor([value] * in_channels if gray else values)
            self.register_buffer(name, channels.view(1, -1, 1, 1), persistent=False)
        *_, middle, deepest = self.encoder.channels
        self.pooled = nn.BatchNorm1d(middle + deepest + 2)
        self.last = nn.Dropout(dropout)
        self.fc = nn.Linear(middle + deepest + 2, num_classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, num_classes)."""
        check_sides(image, multiple=32, network="LesionPooling")
        gray = (image * self.get_buffer("deviation") + self.get_buffer("mean")).mean(dim=1, keepdim=True)
        maps = self.encoder.features(2 * gray - 1)
        lesion = self.decode(maps).sigmoid()
        weights = functional.avg_pool2d(lesion, _PATCH)
        weights = weights / (weights.sum(dim=(2, 3), keepdim=True) + 1e-3)
        features = [
            (maps[-2] * weights).sum(dim=(2, 3)), maps[-1].mean(dim=(2, 3)),
            lesion.mean(dim=(2, 3)), lesion.amax(dim=(2, 3)),
        ]  # fmt: skip
        logits: torch.Tensor = self.fc(self.last(self.pooled(torch.cat(features, dim=1))))
        return logits


def lesion_pooling(in_channels: int = 3, num_classes: int = 1, **options: Any) -> LesionPooling:
    """Build it as `mammozoo.networks.classifiers` wants it.

    Parameters
    ----------
    in_channels, num_classes : int
    **options
        Of `LesionPooling`.

    Examples
    --------
    >>> lesion_pooling(2).fc.in_features
    434
    """
    return LesionPooling(in_channels, num_classes, **options)

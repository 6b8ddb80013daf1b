# SPDX-License-Identifier: Apache-2.0
"""ConvNeXt-T for classification.

27,820,897 parameters with three input channels and one logit. The names of the tensors are those of torchvision's
network, so its ImageNet weights fit.

References
----------
.. [1] Liu et al., A ConvNet for the 2020s, CVPR 2022, doi:10.1109/CVPR52688.2022.01167, Table 9 and Appendix A.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional as F

from ..adapting import adapt_classifier
from .layers import Permute, StochasticDepth, depth_rates

__all__ = ["ChannelNorm", "ConvNeXt", "ConvNeXtBlock"]

EPSILON = 1e-6
DEPTHS = (3, 3, 9, 3)


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each position of (B, C, W, H)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=EPSILON)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Normalise (B, C, W, H)."""
        last = features.permute(0, 2, 3, 1)
        return F.layer_norm(last, self.normalized_shape, self.weight, self.bias, self.eps).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    """A 7 x 7 convolution in depth, two linear layers over the channels, a scale and a shortcut."""

    def __init__(self, channels: int, *, drop_rate: float = 0.0) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(channels, channels, 7, padding=3, groups=channels),
            Permute(0, 2, 3, 1),
            nn.LayerNorm(channels, eps=EPSILON),
            nn.Linear(channels, 4 * channels),
            nn.GELU(),
            nn.Linear(4 * channels, channels),
            Permute(0, 3, 1, 2),
        )
        self.layer_scale = nn.Parameter(torch.full((channels, 1, 1), 1e-6))  # Appendix A, Table 5 of the paper
        self.stochastic_depth = StochasticDepth(drop_rate)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, C, W, H) to the same shape."""
        branch: torch.Tensor = self.stochastic_depth(self.layer_scale * self.block(features))
        return features + branch


class ConvNeXt(nn.Module):
    """ConvNeXt with 3, 3, 9 and 3 blocks [1]_.

    Parameters
    ----------
    in_channels, num_classes : int
    dropout : float
        Probability before the linear layer.
    width : int
        Channels of the first stage (96).
    drop_rate : float
        Stochastic depth of the last block (0.1 in the paper); earlier ones have less.

    Notes
    -----
    Takes (B, in_channels, W, H) with sides of at least 32 pixels; returns logits (B, num_classes).

    Examples
    --------
    >>> ConvNeXt(width=4)(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 1])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 1,
        dropout: float = 0.0,
        width: int = 96,
        drop_rate: float = 0.1,
    ) -> None:
        super().__init__()
        rates = iter(depth_rates(drop_rate, blocks=sum(DEPTHS)))
        layers: list[nn.Module] = [nn.Sequential(nn.Conv2d(in_channels, width, 4, stride=4), ChannelNorm(width))]
        channels = width
        for stage, depth in enumerate(DEPTHS):
            if stage > 0:
                halving = nn.Conv2d(channels, 2 * channels, 2, stride=2)
                layers.append(nn.Sequential(ChannelNorm(channels), halving))
                channels *= 2
            blocks = (ConvNeXtBlock(channels, drop_rate=next(rates)) for _ in range(depth))
            layers.append(nn.Sequential(*blocks))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        flatten = nn.Sequential(nn.Flatten(), nn.Dropout(dropout))
        self.classifier = nn.Sequential(ChannelNorm(channels), flatten, nn.Linear(channels, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, num_classes)."""
        logits: torch.Tensor = self.classifier(self.avgpool(self.features(image)))
        return logits

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fit the weights of the same network, of torchvision's names, with any head and input channels."""
        return adapt_classifier(self, state, stem="features.0.0", head="classifier.2")

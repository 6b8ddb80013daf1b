# SPDX-License-Identifier: Apache-2.0
"""FC-DenseNet103, as AUNet was compared to it.

13,916,258 parameters and 103 convolutions with three input and two output channels.

References
----------
Jégou et al., The one hundred layers tiramisu, CVPRW 2017, arXiv:1611.09326; in the form that reproduces the count of
Sun et al., Phys Med Biol 65, 055005, 2020, Table 6: bilinear upsampling and a 3 x 3 convolution over *all* features of
the block below (the published network upsamples the new ones only and has 9.3 million).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ..blocks import check_sides

__all__ = ["DenseBlock", "FCDenseNet103"]

LAYERS = (4, 5, 7, 10, 12)
BOTTLENECK = 15


class DenseBlock(nn.Module):
    """Layers of normalisation, ReLU, convolution, each seeing all before it; adds ``layers * growth`` channels."""

    def __init__(self, in_channels: int, *, layers: int, growth: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _pre_activated(in_channels + i * growth, growth, kernel=3, dropout=dropout) for i in range(layers)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the input and all new features, (B, in_channels + layers * growth, W, H)."""
        for layer in self.layers:
            features = torch.cat([features, layer(features)], dim=1)
        return features


def _pre_activated(in_channels: int, out_channels: int, *, kernel: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=False),  # the input is used again
        nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2),
        nn.Dropout2d(dropout),
    )


class FCDenseNet103(nn.Module):
    """Five dense blocks down, a bottleneck, five up.

    Parameters
    ----------
    in_channels, out_channels : int
        As in `mammozoo.networks.segmentation.unet.UNet`.
    width : int
        Scales the first convolution (3/4 of it: 48) and the growth (a quarter: 16); the paper's is 64.
    layers : sequence of int
        Layers of the blocks down (mirrored up).
    bottleneck : int
    dropout : float
        0.2 in the original network.

    Notes
    -----
    Takes (B, in_channels, W, H) with sides that are multiples of 32; returns logits of the same size.

    Examples
    --------
    >>> FCDenseNet103(width=8, layers=(1, 1, 1, 1, 1), bottleneck=1)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 2, 32, 32])
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 2,
        *,
        width: int = 64,
        layers: Sequence[int] = LAYERS,
        bottleneck: int = BOTTLENECK,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        first, growth = max(3 * width // 4, 1), max(width // 4, 1)
        self.first = nn.Conv2d(in_channels, first, 3, padding=1)
        self.down = nn.ModuleList()
        self.transition = nn.ModuleList()
        channels, skips = first, []
        for count in layers:
            self.down.append(DenseBlock(channels, layers=count, growth=growth, dropout=dropout))
            channels += count * growth
            skips.append(channels)
            self.transition.append(_pre_activated(channels, channels, kernel=1, dropout=dropout))
        self.bottleneck = DenseBlock(channels, layers=bottleneck, growth=growth, dropout=dropout)
        channels += bottleneck * growth
        self.upsample = nn.ModuleList()
        self.up = nn.ModuleList()
        kept = bottleneck * growth
        for count, skip in zip(reversed(layers), reversed(skips), strict=True):
            self.upsample.append(_enlarge(channels, kept))
            self.up.append(DenseBlock(kept + skip, layers=count, growth=growth, dropout=dropout))
            channels, kept = kept + skip + count * growth, count * growth
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(channels, out_channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, out_channels, W, H)."""
        check_sides(image, multiple=1 << len(self.down), network="FCDenseNet103")
        skips = []
        features = self.first(image)
        for block, transition in zip(self.down, self.transition):  # noqa: B905 (torch.jit.script)
            features = block(features)
            skips.append(features)
            features = self.pool(transition(features))
        features = self.bottleneck(features)
        for level, (upsample, block) in enumerate(zip(self.upsample, self.up)):  # noqa: B905 (torch.jit.script)
            features = block(torch.cat([upsample(features), skips[-1 - level]], dim=1))
        logits: torch.Tensor = self.head(features)
        return logits


def _enlarge(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
    )

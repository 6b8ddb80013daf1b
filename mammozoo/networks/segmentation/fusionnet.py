# SPDX-License-Identifier: Apache-2.0
"""FusionNet, as AUNet was compared to it.

78,532,354 parameters and 50 convolutions with three input and two output channels.

References
----------
Quan et al., FusionNet, arXiv:1612.05360; in the form of Sun et al., Phys Med Biol 65, 055005, 2020, Table 6: bilinear
upsampling, summed skips (with concatenation it would have 81.67 million parameters).
"""

from __future__ import annotations

import torch
from torch import nn

from ..blocks import check_sides, conv_bn_relu
from .units import UpConv

__all__ = ["FusionNet", "FusionUnit"]


class FusionUnit(nn.Module):
    """One convolution, a residual block of three, one convolution; each with batch normalisation."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = conv_bn_relu(in_channels, out_channels)
        self.residual = nn.Sequential(
            conv_bn_relu(out_channels, out_channels),
            conv_bn_relu(out_channels, out_channels),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
        )
        self.last = conv_bn_relu(out_channels, out_channels)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, W, H) to (B, out_channels, W, H)."""
        first = self.first(features)
        result: torch.Tensor = self.last(torch.relu(first + self.residual(first)))
        return result


class FusionNet(nn.Module):
    """Five levels of residual units; skips are summed.

    Parameters
    ----------
    in_channels, out_channels, width, upsampling
        As in `mammozoo.networks.segmentation.unet.UNet`.

    Notes
    -----
    Takes (B, in_channels, W, H) with sides that are multiples of 16; returns logits of the same size.

    Examples
    --------
    >>> FusionNet(width=2)(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 2, 32, 32])
    """

    def __init__(
        self, in_channels: int = 3, out_channels: int = 2, *, width: int = 64, upsampling: str = "bilinear"
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(5)]
        self.encoder = nn.ModuleList(FusionUnit(a, b) for a, b in zip([in_channels, *widths[:-1]], widths, strict=True))
        self.pool = nn.MaxPool2d(2)
        lower = list(reversed(widths[:-1]))
        self.upsample = nn.ModuleList(UpConv(2 * low, low, upsampling=upsampling) for low in lower)
        self.decoder = nn.ModuleList(FusionUnit(low, low) for low in lower)
        self.head = nn.Conv2d(width, out_channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, out_channels, W, H)."""
        check_sides(image, multiple=16, network="FusionNet")
        skips = []
        features = image
        for level, unit in enumerate(self.encoder):
            features = unit(features if level == 0 else self.pool(features))
            skips.append(features)
        for level, (upsample, unit) in enumerate(zip(self.upsample, self.decoder)):  # noqa: B905 (torch.jit.script)
            features = unit(skips[-2 - level] + upsample(features))
        logits: torch.Tensor = self.head(features)
        return logits

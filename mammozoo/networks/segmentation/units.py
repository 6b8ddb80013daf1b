# SPDX-License-Identifier: Apache-2.0
"""Convolution units and upsampling that the AUNet paper compares.

References
----------
Sun et al., AUNet: attention-guided dense-upsampling networks for breast mass segmentation in whole mammograms,
Phys Med Biol 65, 055005, 2020, doi:10.1088/1361-6560/ab5745, Section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..blocks import conv_block, conv_bn_relu


class ResUnit(nn.Module):
    """Three convolutions, the last two with a shortcut from the first one's activated output (eq. 3)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = conv_bn_relu(in_channels, out_channels)
        self.residual = nn.Sequential(
            conv_bn_relu(out_channels, out_channels),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, W, H) to (B, out_channels, W, H)."""
        first = self.first(features)
        return torch.relu(first + self.residual(first))


def conv_unit(kind: str, in_channels: int, out_channels: int) -> nn.Module:
    """Build one of the units of Figure 2: two convolutions, three, or three with a shortcut; ValueError for another."""
    kinds: dict[str, Callable[[int, int], nn.Module]] = {
        "basic": conv_block,
        "deep": lambda a, b: conv_block(a, b, convs=3),
        "res": ResUnit,
    }
    if kind not in kinds:
        msg = f"unit {kind!r} is none of {', '.join(kinds)}"
        raise ValueError(msg)
    return kinds[kind](in_channels, out_channels)


class UpConv(nn.Sequential):
    """Double the size, then one convolution with batch normalisation and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, *, upsampling: str = "bilinear") -> None:
        double: Any
        if upsampling == "bilinear":
            double = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        elif upsampling == "transposed":
            double = nn.ConvTranspose2d(in_channels, in_channels, 2, stride=2)
        else:
            msg = f"upsampling {upsampling!r} is none of bilinear, transposed"
            raise ValueError(msg)
        super().__init__(double, conv_bn_relu(in_channels, out_channels))

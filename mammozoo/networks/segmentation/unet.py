# SPDX-License-Identifier: Apache-2.0
"""The U-Net that AUNet was compared to, with any encoder and decoder unit.

34,527,106 parameters and 23 convolutions with basic units, three input and two output channels.

References
----------
Ronneberger et al., MICCAI 2015, arXiv:1505.04597; in the form of Sun et al., Phys Med Biol 65, 055005, 2020, Section
2 and Table 1 (batch normalisation, padded convolutions, bilinear upsampling).
"""

from __future__ import annotations

import itertools

import torch
from torch import nn

from ..blocks import check_sides
from .units import UpConv, conv_unit

__all__ = ["UNet"]


class UNet(nn.Module):
    """Five levels, max-pooling, upsampling with one convolution, concatenated skips.

    Parameters
    ----------
    in_channels : int
        3: gray copied to RGB.
    out_channels : int
        2: background and lesion logits; 1 is the sigmoid form.
    width : int
        Channels of the first level (64); the deepest has 16 times as many.
    encoder_unit, decoder_unit : {"basic", "deep", "res"}
        The nine ablations of Table 1.
    upsampling : {"bilinear", "transposed"}

    Notes
    -----
    Takes (B, in_channels, W, H) with sides that are multiples of 16; returns logits of the same size.

    Examples
    --------
    >>> UNet(width=2)(torch.zeros(1, 3, 32, 48)).shape
    torch.Size([1, 2, 32, 48])
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 2,
        *,
        width: int = 64,
        encoder_unit: str = "basic",
        decoder_unit: str = "basic",
        upsampling: str = "bilinear",
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(5)]
        inputs = [in_channels, *widths[:-1]]
        self.encoder = nn.ModuleList(conv_unit(encoder_unit, a, b) for a, b in zip(inputs, widths, strict=True))
        self.pool = nn.MaxPool2d(2)
        deep_to_shallow = list(reversed(widths))
        steps = list(itertools.pairwise(deep_to_shallow))
        self.upsample = nn.ModuleList(UpConv(high, low, upsampling=upsampling) for high, low in steps)
        self.decoder = nn.ModuleList(conv_unit(decoder_unit, high, low) for high, low in steps)
        self.head = nn.Conv2d(width, out_channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, out_channels, W, H)."""
        check_sides(image, multiple=16, network="UNet")
        skips = []
        features = image
        for level, unit in enumerate(self.encoder):
            features = unit(features if level == 0 else self.pool(features))
            skips.append(features)
        for level, (upsample, unit) in enumerate(zip(self.upsample, self.decoder)):  # noqa: B905 (torch.jit.script)
            features = unit(torch.cat([skips[-2 - level], upsample(features)], dim=1))
        logits: torch.Tensor = self.head(features)
        return logits

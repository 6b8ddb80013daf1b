# SPDX-License-Identifier: Apache-2.0
"""AUNet: residual encoder, attention-guided dense upsampling.

75,495,162 parameters and 44 convolutions and linear layers with its defaults.

References
----------
.. [1] Sun et al., AUNet: attention-guided dense-upsampling networks for breast mass segmentation in whole mammograms,
   Phys Med Biol 65, 055005, 2020, doi:10.1088/1361-6560/ab5745. Misprints: docs/explanation/paper_discrepancies.md.
"""

from __future__ import annotations

import torch
from torch import nn

from ..blocks import check_sides, conv_bn_relu
from .units import UpConv, conv_unit

__all__ = ["AUBlock", "AUNet", "ChannelAttention"]


class ChannelAttention(nn.Module):
    """Scale each channel by a gate computed from the channel means (eq."""

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        if channels < reduction:
            msg = f"reduction {reduction} leaves nothing of {channels} channels; take a wider network or a smaller one"
            raise ValueError(msg)
        self.gate = nn.Sequential(
            nn.Linear(channels, channels // reduction),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels),
            nn.Sigmoid(),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Scale (B, C, W, H) by gates (B, C, 1, 1)."""
        gates: torch.Tensor = self.gate(features.mean(dim=(2, 3)))
        return features * gates[:, :, None, None]


class AUBlock(nn.Module):
    """Attention-guided dense upsampling block (Figure 3 of)."""

    def __init__(
        self, channels: int, *, reduction: int = 16, unit: str = "basic", upsampling: str = "bilinear"
    ) -> None:
        super().__init__()
        half = channels // 2
        self.interpolated = UpConv(channels, half, upsampling=upsampling)
        self.dense = nn.Sequential(conv_bn_relu(channels, 2 * channels), nn.PixelShuffle(2))
        self.smooth = conv_bn_relu(half, half)
        self.attention = ChannelAttention(channels, reduction=reduction)
        self.unit = conv_unit(unit, channels, half)

    def forward(self, deep: torch.Tensor, shallow: torch.Tensor) -> torch.Tensor:
        """Join deep features (B, C, W, H) with shallow ones (B, C / 2, 2 W, 2 H)."""
        smooth = self.smooth(shallow + self.dense(deep))
        joined = torch.cat([smooth, self.interpolated(deep)], dim=1)
        result: torch.Tensor = self.unit(self.attention(joined))
        return result


class AUNet(nn.Module):
    """Five levels of residual units, four attention-guided dense upsampling blocks [1]_.

    Parameters
    ----------
    in_channels : int
        3: gray copied to RGB; 1 gives 75,494,010 parameters.
    out_channels : int
        2: background and lesion logits; 1, the sigmoid form, gives 75,495,097.
    width : int
        Channels of the first level (64).
    encoder_unit, decoder_unit : {"basic", "deep", "res"}
        ``res`` and ``basic`` are AUNet's.
    reduction : int
        Of the channel attention; 2, 4, 8, 16 or 32 in Table 2.
    upsampling : {"bilinear", "transposed"}

    Notes
    -----
    Takes (B, in_channels, W, H) with sides that are multiples of 16; returns logits of the same size.

    Examples
    --------
    >>> AUNet(width=8)(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 2, 32, 32])
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 2,
        *,
        width: int = 64,
        encoder_unit: str = "res",
        decoder_unit: str = "basic",
        reduction: int = 16,
        upsampling: str = "bilinear",
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(5)]
        inputs = [in_channels, *widths[:-1]]
        self.encoder = nn.ModuleList(conv_unit(encoder_unit, a, b) for a, b in zip(inputs, widths, strict=True))
        self.pool = nn.MaxPool2d(2)
        self.decoder = nn.ModuleList(
            AUBlock(channels, reduction=reduction, unit=decoder_unit, upsampling=upsampling)
            for channels in reversed(widths[1:])
        )
        self.head = nn.Conv2d(width, out_channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, out_channels, W, H)."""
        check_sides(image, multiple=16, network="AUNet")
        skips = []
        features = image
        for level, unit in enumerate(self.encoder):
            features = unit(features if level == 0 else self.pool(features))
            skips.append(features)
        for level, block in enumerate(self.decoder):
            features = block(features, skips[-2 - level])
        logits: torch.Tensor = self.head(features)
        return logits

# SPDX-License-Identifier: Apache-2.0
"""ResNet-50 with attention: CBAM in every block, or a Transformer over the last stage.

26,042,641 and 25,612,865 parameters with three input channels and one logit. Everything but the attention is named as
in torchvision's ResNet-50, so its ImageNet weights fit the rest.

References
----------
.. [1] Woo et al., CBAM: convolutional block attention module, ECCV 2018, doi:10.1007/978-3-030-01234-2_1, Section 3;
   28.09 million parameters with 1000 classes (Table 4), which this file reproduces.
.. [2] Vaswani et al., Attention is all you need, NeurIPS 2017, arXiv:1706.03762; over the features of a convolutional
   network as in Carion et al., ECCV 2020, doi:10.1007/978-3-030-58452-8_13.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from .resnet import Bottleneck, ResNet


class CBAM(nn.Module):
    """Gate the channels (``channels // reduction`` units hidden), then the positions."""

    def __init__(self, channels: int, *, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))
        self.spatial = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Scale (B, C, W, H) by gates (B, C, 1, 1), then by gates (B, 1, W, H)."""
        channel = self.mlp(features.mean(dim=(2, 3))) + self.mlp(features.amax(dim=(2, 3)))
        features = features * torch.sigmoid(channel)[:, :, None, None]
        maps = torch.cat([features.mean(dim=1, keepdim=True), features.amax(dim=1, keepdim=True)], dim=1)
        return features * torch.sigmoid(self.spatial(maps))


def cbam_resnet50(*, in_channels: int = 3, num_classes: int = 1, dropout: float = 0.0, width: int = 64) -> ResNet:
    """Build a ResNet-50 with CBAM at the end of every block's branch; the options are those of `ResNet`."""
    shape: dict[str, Any] = {"in_channels": in_channels, "num_classes": num_classes, "width": width}
    return ResNet(Bottleneck, (3, 4, 6, 3), dropout=dropout, attention=CBAM, **shape)


def sine_positions(width: int, height: int, channels: int, device: torch.device) -> torch.Tensor:
    """float32 (width * height, channels): half of the channels an axis, sines and cosines of falling frequencies."""
    quarter = channels // 4
    rates = torch.exp(-math.log(10_000) * torch.arange(quarter, device=device) / quarter)
    axes = []
    for positions in torch.meshgrid(
        torch.arange(width, device=device), torch.arange(height, device=device), indexing="ij"
    ):
        angles = positions.flatten()[:, None] * rates
        axes += [angles.sin(), angles.cos()]
    return torch.cat(axes, dim=1)


class TransformerPooling(nn.Module):
    """Project features, pass their positions through a Transformer's encoder, average."""

    def __init__(
        self, in_channels: int, channels: int, *, heads: int = 8, layers: int = 2, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if channels % heads or channels % 4:
            msg = f"{channels} channels are no multiple of {heads} heads and of 4; take a width that is even"
            raise ValueError(msg)
        self.projection = nn.Conv2d(in_channels, channels, 1)
        layer = nn.TransformerEncoderLayer(
            channels, heads, 4 * channels, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(channels), enable_nested_tensor=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, W, H) to (B, channels)."""
        projected = self.projection(features)
        width, height = projected.shape[-2:]
        positions = sine_positions(width, height, projected.shape[1], projected.device)
        tokens = projected.flatten(2).transpose(1, 2) + positions.to(projected.dtype)
        pooled: torch.Tensor = self.encoder(tokens).mean(dim=1)
        return pooled


def resnet50_transformer(
    *, in_channels: int = 3, num_classes: int = 1, dropout: float = 0.0, width: int = 64
) -> ResNet:
    """Build a ResNet-50 whose last stage is read by a Transformer: 256 channels, 8 heads, 2 layers."""
    shape: dict[str, Any] = {"in_channels": in_channels, "num_classes": num_classes, "width": width}
    pooling = TransformerPooling(8 * width * Bottleneck.expansion, 4 * width, dropout=dropout)
    return ResNet(Bottleneck, (3, 4, 6, 3), dropout=dropout, pooling=pooling, pooled_channels=4 * width, **shape)

# SPDX-License-Identifier: Apache-2.0
"""Swin-T for classification.

27,520,123 parameters with three input channels and one logit. The names of the tensors are those of torchvision's
network, so its ImageNet weights fit.

References
----------
.. [1] Liu et al., Swin Transformer: hierarchical vision transformer using shifted windows, ICCV 2021,
   doi:10.1109/ICCV48922.2021.00986, Section 3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional as F

from ..adapting import adapt_classifier, turned
from .layers import Permute, StochasticDepth, depth_rates

__all__ = ["PatchMerging", "Swin", "SwinBlock", "WindowAttention"]

DEPTHS = (2, 2, 6, 2)
HEADS = (3, 6, 12, 24)


def _windows(features: torch.Tensor, side: int) -> torch.Tensor:
    """Cut (B, W, H, C) into (B, windows, side * side, C); sides must be multiples of `side`."""
    batch, width, height, channels = features.shape
    cut = features.view(batch, width // side, side, height // side, side, channels)
    return cut.transpose(2, 3).reshape(batch, -1, side * side, channels)


def _unwindows(windows: torch.Tensor, side: int, *, width: int, height: int) -> torch.Tensor:
    """Put (B, windows, side * side, C) together again: (B, width, height, C)."""
    batch, channels = windows.shape[0], windows.shape[-1]
    cut = windows.view(batch, width // side, height // side, side, side, channels)
    return cut.transpose(2, 3).reshape(batch, width, height, channels)


def _relative_index(side: int) -> torch.Tensor:
    """Row of the bias table for each pair of positions of a window; int64, shape (side**4,)."""
    axis = torch.arange(side)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij")).flatten(1)
    offset = grid[:, :, None] - grid[:, None, :] + side - 1
    return (offset[0] * (2 * side - 1) + offset[1]).flatten()


def _shift_mask(features: torch.Tensor, side: int, shifts: tuple[int, int]) -> torch.Tensor:
    """Keep apart what only the cyclic shift brought together: 0 or -100, shape (windows, 1, side**2, side**2)."""
    regions = []
    for axis in range(2):
        length = features.shape[1 + axis]
        positions = torch.arange(length, device=features.device)
        wrapped = positions >= length - (shifts[0] if axis == 0 else shifts[1])
        regions.append((positions >= length - side).long() + wrapped.long())
    labels = 3 * regions[0][:, None] + regions[1][None, :]
    labels = _windows(labels[None, :, :, None], side)[0, :, :, 0]
    apart = labels[:, None, :, None] != labels[:, None, None, :]
    return -100.0 * apart.to(features.dtype)


class WindowAttention(nn.Module):
    """Self-attention in windows of (B, W, H, C), moved by `shift`, with a learned bias for each relative position."""

    def __init__(self, channels: int, *, heads: int, side: int = 7, shift: int = 0) -> None:
        super().__init__()
        self.heads, self.side, self.shift = heads, side, shift
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * side - 1) ** 2, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.relative_position_index: torch.Tensor  # no annotation of the class: torch.jit.script cannot read it
        self.register_buffer("relative_position_index", _relative_index(side))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, W, H, C) to the same shape; the sides are padded with zeros to whole windows."""
        side = self.side
        width, height = features.shape[1:3]
        padded = F.pad(features, (0, 0, 0, -height % side, 0, -width % side))
        whole = (padded.shape[1], padded.shape[2])
        shifts = (self.shift if whole[0] > side else 0, self.shift if whole[1] > side else 0)
        shifted = shifts != (0, 0)
        if shifted:
            padded = padded.roll((-shifts[0], -shifts[1]), dims=(1, 2))
        bias = self.relative_position_bias_table[self.relative_position_index]
        bias = bias.view(side * side, side * side, self.heads).permute(2, 0, 1)
        if shifted:
            bias = bias + _shift_mask(padded, side, shifts)
        attended = _unwindows(self._attend(_windows(padded, side), bias), side, width=whole[0], height=whole[1])
        if shifted:
            attended = attended.roll(shifts, dims=(1, 2))
        return attended[:, :width, :height]

    def _attend(self, windows: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Attend within (B, windows, N, C); bias (heads, N, N) or (windows, heads, N, N)."""
        split = self.qkv(windows).unflatten(-1, (3, self.heads, -1))
        query, key, value = split.permute(3, 0, 1, 4, 2, 5).unbind(0)
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1) + bias
        joined = (scores.softmax(dim=-1) @ value).transpose(2, 3).flatten(3)
        projected: torch.Tensor = self.proj(joined)
        return projected


class SwinBlock(nn.Module):
    """Attention in windows and two linear layers on (B, W, H, C), each normalised first and with a shortcut."""

    def __init__(self, channels: int, *, heads: int, shift: int = 0, drop_rate: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn = WindowAttention(channels, heads=heads, shift=shift)
        self.stochastic_depth = StochasticDepth(drop_rate)
        self.norm2 = nn.LayerNorm(channels)
        hidden = 4 * channels
        # The places of torchvision's two dropouts are kept, for the names.
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.GELU(), nn.Identity(), nn.Linear(hidden, channels))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, W, H, C) to the same shape."""
        attended: torch.Tensor = features + self.stochastic_depth(self.attn(self.norm1(features)))
        result: torch.Tensor = attended + self.stochastic_depth(self.mlp(self.norm2(attended)))
        return result


class PatchMerging(nn.Module):
    """Halve both sides of (B, W, H, C), padded if odd, and double C: four neighbours joined, normalised, reduced."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, W, H, C) to (B, W / 2, H / 2, 2 C)."""
        width, height = features.shape[1:3]
        padded = F.pad(features, (0, 0, 0, height % 2, 0, width % 2))
        # The first axis runs fastest: the order that published weights were trained with.
        joined = torch.cat([padded[:, place % 2 :: 2, place // 2 :: 2] for place in range(4)], dim=-1)
        merged: torch.Tensor = self.reduction(self.norm(joined))
        return merged


class Swin(nn.Module):
    """Swin with 2, 2, 6 and 2 blocks, 3 to 24 heads and windows of 7 x 7 [1]_.

    Parameters
    ----------
    in_channels, num_classes : int
    dropout : float
        Probability before the linear layer.
    width : int
        Channels of the first stage (96); a multiple of 3, its number of heads.
    drop_rate : float
        Stochastic depth of the last block (0.2 in the paper); earlier ones have less.

    Raises
    ------
    ValueError
        If `width` is not a multiple of 3.

    Notes
    -----
    Takes (B, in_channels, W, H) of any size; returns logits (B, num_classes). It has no convolution but the first; the
    module `permute` puts out the last stage's features as (B, C, W / 32, H / 32).

    Examples
    --------
    >>> Swin(width=6)(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 1])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 1,
        dropout: float = 0.0,
        width: int = 96,
        drop_rate: float = 0.2,
    ) -> None:
        super().__init__()
        if width % HEADS[0]:
            msg = f"the first stage has {HEADS[0]} heads, and width {width} is not a multiple of that"
            raise ValueError(msg)
        rates = iter(depth_rates(drop_rate, blocks=sum(DEPTHS)))
        first = nn.Conv2d(in_channels, width, 4, stride=4)
        layers: list[nn.Module] = [nn.Sequential(first, Permute(0, 2, 3, 1), nn.LayerNorm(width))]
        channels = width
        for stage, (depth, heads) in enumerate(zip(DEPTHS, HEADS, strict=True)):
            if stage > 0:
                layers.append(PatchMerging(channels))
                channels *= 2
            blocks = [
                SwinBlock(channels, heads=heads, shift=3 * (index % 2), drop_rate=next(rates)) for index in range(depth)
            ]
            layers.append(nn.Sequential(*blocks))
        self.features = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(channels)
        self.permute = Permute(0, 3, 1, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, num_classes)."""
        features = self.permute(self.norm(self.features(image)))
        logits: torch.Tensor = self.head(self.dropout(self.avgpool(features).flatten(1)))
        return logits

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fit the weights of the same network, of torchvision's names, with any head and input channels."""
        return adapt_classifier(self, state, stem="features.0.0", head="head", turn=_turned)


def _turned(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Turn the first kernels, the tables of relative positions, and the order of the four merged neighbours."""
    result = turned(state)
    for name, value in result.items():
        if name.endswith("relative_position_bias_table"):
            side = math.isqrt(len(value))
            result[name] = value.view(side, side, -1).transpose(0, 1).reshape(value.shape)
        elif re.fullmatch(r"features\.[246]\.(norm\.(weight|bias)|reduction\.weight)", name):
            first, down, across, both = value.chunk(4, dim=-1)
            result[name] = torch.cat([first, across, down, both], dim=-1)
    return result

# SPDX-License-Identifier: Apache-2.0
"""Blocks that several networks share, and the check of an input's size."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional as F


def conv_bn_relu(in_channels: int, out_channels: int, *, kernel_size: int = 3) -> nn.Sequential:
    """Convolution with bias that keeps the size (odd kernel), batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def conv_block(in_channels: int, out_channels: int, *, convs: int = 2) -> nn.Sequential:
    """Chain `convs` times convolution, batch normalisation and ReLU."""
    sizes = [in_channels] + [out_channels] * convs
    return nn.Sequential(*(conv_bn_relu(a, b) for a, b in itertools.pairwise(sizes)))


def check_sides(image: torch.Tensor, *, multiple: int, network: str) -> None:
    """Refuse an image (B, C, W, H) whose sides are no multiples; the message names the next size that works."""
    sides = image.shape[-2:]
    if any(side % multiple for side in sides):
        wanted = " x ".join(str(-(-side // multiple) * multiple) for side in sides)
        msg = (
            f"{network} takes sides that are multiples of {multiple}, got {sides[0]} x {sides[1]}; "
            f"pad or resize to {wanted}"
        )
        raise ValueError(msg)


def average_of_sigmoids(logits: torch.Tensor) -> torch.Tensor:
    """Logits (B, ...) of the mean of the sigmoids of logits (N, B, ...), finite for all finite logits; float32."""
    logits = logits.float()
    return torch.logsumexp(F.logsigmoid(logits), dim=0) - torch.logsumexp(F.logsigmoid(-logits), dim=0)

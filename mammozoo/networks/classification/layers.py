# SPDX-License-Identifier: Apache-2.0
"""Small layers that several classifiers share."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Permute(nn.Module):
    """Reorder the axes of a tensor."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Reorder the axes."""
        return features.permute(self.axes)


class PointwiseConv2d(nn.Conv2d):
    """1 x 1 convolution that takes every stride-th pixel first, for the shortcuts of residual networks."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 (torch's name)
        """Compute (B, out_channels, W / stride, H / stride)."""
        across, down = self.stride
        return F.conv2d(input[..., ::across, ::down], self.weight, self.bias)


class StochasticDepth(nn.Module):
    """In training, leave a residual branch out for whole images of a batch, at random with probability `rate`."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: torch.Tensor) -> torch.Tensor:
        """Scale (B, ...) by 0 or ``1 / (1 - rate)`` an image."""
        if not self.training or self.rate == 0:
            return branch
        ones = branch.new_ones([branch.shape[0]] + [1] * (branch.ndim - 1))
        return branch * F.dropout(ones, self.rate)


def depth_rates(last: float, *, blocks: int) -> list[float]:
    """Rates of stochastic depth that grow linearly from 0 in the first block to `last` in the last one."""
    return [last * block / max(1, blocks - 1) for block in range(blocks)]

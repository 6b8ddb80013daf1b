# SPDX-License-Identifier: Apache-2.0
"""Blocks that several networks share, and the check of an input's size."""

from __future__ import annotations

import itertools

import torch
from torch import nn

__all__ = ["check_sides", "conv_block", "conv_bn_relu"]


def conv_bn_relu(in_channels: int, out_channels: int, *, kernel_size: int = 3) -> nn.Sequential:
    """Build a convolution that keeps the size, with bias, then batch normalisation and ReLU.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
        Odd.

    Examples
    --------
    >>> conv_bn_relu(1, 4)(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 4, 8, 8])
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def conv_block(in_channels: int, out_channels: int, *, convs: int = 2) -> nn.Sequential:
    """Chain `convs` times convolution, batch normalisation and ReLU.

    Parameters
    ----------
    in_channels, out_channels : int
    convs : int
        At least 1.

    Examples
    --------
    >>> sum(p.numel() for p in conv_block(1, 64).parameters())
    37824
    """
    sizes = [in_channels] + [out_channels] * convs
    return nn.Sequential(*(conv_bn_relu(a, b) for a, b in itertools.pairwise(sizes)))


def check_sides(image: torch.Tensor, *, multiple: int, network: str) -> None:
    """Refuse an image whose sides a network cannot halve often enough.

    Parameters
    ----------
    image : torch.Tensor
        Shape (B, C, W, H).
    multiple : int
        What both sides must be a multiple of.
    network : str
        Name for the message.

    Raises
    ------
    ValueError
        Names the next size that works.

    Examples
    --------
    >>> check_sides(torch.zeros(1, 1, 30, 32), multiple=8, network="Net")
    Traceback (most recent call last):
    ...
    ValueError: Net takes sides that are multiples of 8, got 30 x 32; pad or resize to 32 x 32
    """
    sides = image.shape[-2:]
    if any(side % multiple for side in sides):
        wanted = " x ".join(str(-(-side // multiple) * multiple) for side in sides)
        msg = (
            f"{network} takes sides that are multiples of {multiple}, got {sides[0]} x {sides[1]}; "
            f"pad or resize to {wanted}"
        )
        raise ValueError(msg)

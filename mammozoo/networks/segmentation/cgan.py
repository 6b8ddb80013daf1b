# SPDX-License-Identifier: Apache-2.0
"""Conditional GAN: a U-Net of strided convolutions segments, a patch discriminator judges (image, mask) pairs.

Generator: 54,410,433 parameters (three input channels, one output channel, depth 8). Discriminator: 2,766,657
parameters (three image channels and one mask channel), receptive field 70 x 70.

References
----------
.. [1] Isola et al., Image-to-image translation with conditional adversarial networks, CVPR 2017, arXiv:1611.07004,
   Sections 6.1.1 and 6.1.2 and errata.
.. [2] Yan et al., 2020, arXiv:2002.12079, Section 3.3: compares with the conditional GAN of Singh et al., Expert
   Systems with Applications 139, 2020, and gives no widths; these are of [1]_, see docs/explanation/choices.md.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional as F

from ..blocks import check_sides

__all__ = ["PatchDiscriminator", "Pix2PixGenerator"]


class Pix2PixGenerator(nn.Module):
    """Encoder and decoder of 4 x 4 convolutions of stride 2, with skip connections [1]_.

    Parameters
    ----------
    in_channels : int
        3: gray copied to RGB.
    out_channels : int
        1: the lesion's logit.
    width : int
        Channels of the first level (64); the others have 2, 4, 8, 8, ... times as many.
    depth : int
        Number of levels, at least 2; 8 takes 256 x 256 down to one pixel.
    dropout : float
        In the three deepest decoder levels, in training mode only; 0.5 in the paper, which draws in testing too.

    Raises
    ------
    ValueError
        If `depth` is below 2.

    Notes
    -----
    Takes (B, in_channels, W, H) with sides that are multiples of 16 and returns logits of the same size (the paper
    ends in a hyperbolic tangent, for images). Where a deeper level meets an odd side, a row or column of zeros is
    added before the convolution and cut off again in the decoder; with multiples of ``2**depth`` there is none.
    The first and the deepest encoder level have no batch normalisation (the errata's advice). Training with a batch
    of one needs a side of at least ``2**depth``.

    Examples
    --------
    >>> Pix2PixGenerator(width=2).eval()(torch.zeros(1, 3, 48, 16)).shape
    torch.Size([1, 1, 48, 16])
    """

    def __init__(
        self, in_channels: int = 3, out_channels: int = 1, *, width: int = 64, depth: int = 8, dropout: float = 0.5
    ) -> None:
        super().__init__()
        if depth < 2:
            msg = f"a depth of at least 2 is needed, got {depth}"
            raise ValueError(msg)
        widths = [width * min(2**level, 8) for level in range(depth)]
        self.encoder = nn.ModuleList(
            _conv(a, b, normalise=0 < level < depth - 1)
            for level, (a, b) in enumerate(itertools.pairwise([in_channels, *widths]))
        )
        self.decoder = nn.ModuleList()
        for level in reversed(range(1, depth)):
            inputs = widths[level] * (1 if level == depth - 1 else 2)
            self.decoder.append(_transposed(inputs, widths[level - 1], dropout=dropout if level >= depth - 3 else 0.0))
        self.head = nn.ConvTranspose2d(2 * width, out_channels, 4, stride=2, padding=1)
        self.apply(_initialise)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, out_channels, W, H)."""
        check_sides(image, multiple=16, network="Pix2PixGenerator")
        skips = []
        features = image
        for down in self.encoder:
            width, height = features.shape[-2:]
            features = down(F.pad(features, [0, height % 2, 0, width % 2]))
            skips.append(features)
        for level, up in enumerate(self.decoder):
            skip = skips[-2 - level]
            width, height = skip.shape[-2:]
            features = torch.cat([skip, up(features)[..., :width, :height]], dim=1)
        logits: torch.Tensor = self.head(features)
        return logits


class PatchDiscriminator(nn.Module):
    """Tell, patch by patch of 70 x 70 pixels, whether a mask is a radiologist's or the generator's [1]_.

    Parameters
    ----------
    in_channels, mask_channels : int
        Of the image and of the mask.
    width : int
        Channels of the first convolution (64); the next have 2, 4 and 8 times as many.

    Notes
    -----
    Takes an image (B, in_channels, W, H) and a mask (B, mask_channels, W, H): the label or the generator's
    *probability*, of any type. Returns logits (B, 1, W / 8 - 2, H / 8 - 2), positive for a true mask. Sides are at
    least 24.

    Examples
    --------
    >>> PatchDiscriminator(width=2)(torch.zeros(1, 3, 256, 128), torch.zeros(1, 1, 256, 128)).shape
    torch.Size([1, 1, 30, 14])
    """

    def __init__(self, in_channels: int = 3, mask_channels: int = 1, *, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _conv(in_channels + mask_channels, width, normalise=False),
            _conv(width, 2 * width),
            _conv(2 * width, 4 * width),
            _conv(4 * width, 8 * width, stride=1),
            nn.Conv2d(8 * width, 1, 4, padding=1),
        )
        self.apply(_initialise)

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, 1, W / 8 - 2, H / 8 - 2) of the pair."""
        sides = image.shape[-2:]
        if mask.shape[-2:] != sides or min(sides) < 24:
            got = f"{tuple(sides)} and {tuple(mask.shape[-2:])}"
            msg = f"image and mask must have the same sides, at least 24, got {got}"
            raise ValueError(msg)
        logits: torch.Tensor = self.layers(torch.cat([image, mask.to(image.dtype)], dim=1))
        return logits


def _conv(in_channels: int, out_channels: int, *, normalise: bool = True, stride: int = 2) -> nn.Sequential:
    """Build a 4 x 4 convolution, batch normalisation if wanted, and a leaky ReLU."""
    conv = nn.Conv2d(in_channels, out_channels, 4, stride=stride, padding=1, bias=not normalise)
    norm = [nn.BatchNorm2d(out_channels)] if normalise else []
    return nn.Sequential(conv, *norm, nn.LeakyReLU(0.2))


def _transposed(in_channels: int, out_channels: int, *, dropout: float) -> nn.Sequential:
    """Build a transposed 4 x 4 convolution that doubles the size, batch normalisation, dropout if any, and ReLU."""
    conv = nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1, bias=False)
    drop = [nn.Dropout(dropout)] if dropout > 0 else []
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), *drop, nn.ReLU())


def _initialise(module: nn.Module) -> None:
    """Draw kernels from N(0, 0.02), as Section 6.2 of does."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)

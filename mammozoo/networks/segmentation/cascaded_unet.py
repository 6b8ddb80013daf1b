# SPDX-License-Identifier: Apache-2.0
"""Cascaded U-Net: a coarse network's map, at half resolution, is a further input channel of a fine one.

69,054,658 parameters with three input channels and one output channel: two U-Nets of 34.5 million.

References
----------
.. [1] Yan et al., Cascaded multi-scale convolutional encoder-decoders for breast mass segmentation in high-resolution
   mammograms, EMBC 2019; compared with in arXiv:2002.12079, Section 3.3, which gives no widths. Two scales and U-Nets
   of one width are choices, see docs/explanation/choices.md.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from ..blocks import check_sides
from .unet import UNet

__all__ = ["CascadedUNet"]


class CascadedUNet(nn.Module):
    """Two U-Nets, from coarse to fine, trained together [1]_.

    Parameters
    ----------
    in_channels : int
        3: gray copied to RGB.
    out_channels : int
        1: the lesion's logit. Every channel has a sigmoid of its own.
    width : int
        Channels of the first level of both U-Nets (64).
    upsampling : {"bilinear", "transposed"}
        Of both U-Nets.

    Notes
    -----
    Takes (B, in_channels, W, H) with sides that are multiples of 32. The coarse network sees the image averaged over
    2 x 2 pixels; its logits are doubled in size bilinearly, and their sigmoid is what the fine network is given.
    Gradients pass through it. Training mode returns the list of the coarse logits (doubled) and the fine ones, each
    (B, out_channels, W, H); evaluation mode returns the fine ones.

    Examples
    --------
    >>> network = CascadedUNet(width=2)
    >>> [tuple(logits.shape) for logits in network(torch.zeros(1, 3, 32, 64))]
    [(1, 1, 32, 64), (1, 1, 32, 64)]
    >>> network.eval()(torch.zeros(1, 3, 32, 64)).shape
    torch.Size([1, 1, 32, 64])
    """

    def __init__(
        self, in_channels: int = 3, out_channels: int = 1, *, width: int = 64, upsampling: str = "bilinear"
    ) -> None:
        super().__init__()
        self.coarse = UNet(in_channels, out_channels, width=width, upsampling=upsampling)
        self.fine = UNet(in_channels + out_channels, out_channels, width=width, upsampling=upsampling)

    def forward(self, image: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Compute logits (B, out_channels, W, H): coarse and fine in training, else the fine ones."""
        check_sides(image, multiple=32, network="CascadedUNet")
        half = self.coarse(F.avg_pool2d(image, 2))
        coarse = F.interpolate(half, scale_factor=2.0, mode="bilinear", align_corners=False)
        fine: torch.Tensor = self.fine(torch.cat([image, torch.sigmoid(coarse)], dim=1))
        return [coarse, fine] if self.training else fine

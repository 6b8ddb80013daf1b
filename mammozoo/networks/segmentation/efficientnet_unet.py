# SPDX-License-Identifier: Apache-2.0
"""A U-Net whose encoder is an EfficientNet-Lite that may begin with ImageNet weights.

References
----------
Ronneberger et al., MICCAI 2015, arXiv:1505.04597 (decoder and skips); Tan and Le, ICML 2019, arXiv:1905.11946
(encoder); Shi et al., CVPR 2016, arXiv:1609.05158, Section 3.2 (the last step to full size).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from ..blocks import check_sides, conv_block
from ..efficientnet_lite import EfficientNetLite, adapt_encoder
from ..transfer import misfit

__all__ = ["EfficientNetUNet"]


class EfficientNetUNet(nn.Module):
    """Five sizes down, four up by bilinear upsampling and concatenated skips, the last by a sub-pixel step.

    Parameters
    ----------
    in_channels : int
        1: gray.
    out_channels : int
        1: the probability of lesion, as a logit.
    variant : {"lite0", "lite1", "lite2"}
        Of the encoder.
    width : int
        Channels of the decoder's last map, at half the image's sides; at 1/4, 1/8 and 1/16 it has 1.5, 2 and 4 times as
        many. With 32 and lite0 there are 3,825,188 parameters.
    dropout : float
        On the encoder's deepest map, by channels.
    bn_momentum : float
        Of the encoder's normalisations, as in `mammozoo.networks.EfficientNetLite`; the published 0.01 collapses short
        trainings.

    Notes
    -----
    Takes (B, in_channels, W, H) from 0 to 1, with sides that are multiples of 32; the encoder sees -1 to 1, as its
    ImageNet weights expect. Returns logits of the same size. The encoder's tensors begin with ``encoder``.
    `mammozoo.networks.load_pretrained` takes a classifier's file, kernels turned where it was trained elsewhere, or the
    encoder of another network on it.

    Examples
    --------
    >>> EfficientNetUNet(width=8)(torch.zeros(2, 1, 64, 32)).shape
    torch.Size([2, 1, 64, 32])
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        variant: str = "lite0",
        width: int = 32,
        dropout: float = 0.0,
        bn_momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.encoder = EfficientNetLite(in_channels, num_classes=0, variant=variant, bn_momentum=bn_momentum)
        *skips, deepest = self.encoder.channels
        widths = [4 * width, 2 * width, 3 * width // 2, width]
        inputs = [deepest, *widths[:-1]]
        self.dropout = nn.Dropout2d(dropout)
        self.decoder = nn.ModuleList(
            conv_block(below + skip, out) for below, skip, out in zip(inputs, reversed(skips), widths, strict=True)
        )
        self.head = nn.Conv2d(width, 4 * out_channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, out_channels, W, H)."""
        check_sides(image, multiple=32, network="EfficientNetUNet")
        maps = self.encoder.features(2 * image - 1)
        features = self.dropout(maps[-1])
        for level, unit in enumerate(self.decoder):
            skip = maps[-2 - level]
            larger = functional.interpolate(features, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            features = unit(torch.cat([skip, larger], dim=1))
        return functional.pixel_shuffle(self.head(features), 2)

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fit an EfficientNet-Lite's weights to the encoder, or those of the whole network."""
        if misfit(state, self.state_dict()) is None:
            return dict(state)
        return adapt_encoder(self, state)

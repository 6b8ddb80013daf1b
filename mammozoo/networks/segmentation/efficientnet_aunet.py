# SPDX-License-Identifier: Apache-2.0
"""AUNet's decoder on an EfficientNet-Lite encoder that may begin with trained weights.

References
----------
.. [1] Sun et al., Phys Med Biol 65, 055005, 2020, doi:10.1088/1361-6560/ab5745 (blocks of the decoder).
.. [2] Tan and Le, ICML 2019, arXiv:1905.11946 (encoder).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ..blocks import check_sides, conv_bn_relu
from ..efficientnet_lite import EfficientNetLite
from .aunet import AUBlock

__all__ = ["EfficientNetAUNet"]


class EfficientNetAUNet(nn.Module):
    """Five sizes down, four attention-guided dense upsampling blocks up [1]_, the last step by pixel shuffle.

    Parameters
    ----------
    in_channels : int
        1: gray.
    out_channels : int
        2: background and lesion logits.
    variant : {"lite0", "lite1", "lite2"}
        Of the encoder [2]_.
    width : int
        Channels at half the image's sides; twice as many at each further step down, to which 1 x 1 convolutions bring
        the encoder's maps. With 16 and lite0 there are 5,818,646 parameters.
    unit : {"basic", "deep", "res"}
        Of the blocks.
    reduction : int
        Of the channel attention.
    upsampling : {"bilinear", "transposed"}
    dropout : float
        On the deepest map, by channels.

    Notes
    -----
    Takes (B, in_channels, W, H) from 0 to 1, with sides that are multiples of 32; the encoder sees -1 to 1. Returns
    logits of the same size. The encoder's tensors begin with ``encoder``.

    Examples
    --------
    >>> EfficientNetAUNet(width=8)(torch.zeros(2, 1, 64, 32)).shape
    torch.Size([2, 2, 64, 32])
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 2,
        *,
        variant: str = "lite0",
        width: int = 16,
        unit: str = "basic",
        reduction: int = 16,
        upsampling: str = "bilinear",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = EfficientNetLite(in_channels, num_classes=0, variant=variant)
        widths = [width * 2**level for level in range(5)]
        self.lateral = nn.ModuleList(
            conv_bn_relu(a, b, kernel_size=1) for a, b in zip(self.encoder.channels, widths, strict=True)
        )
        self.dropout = nn.Dropout2d(dropout)
        self.decoder = nn.ModuleList(
            AUBlock(channels, reduction=reduction, unit=unit, upsampling=upsampling)
            for channels in reversed(widths[1:])
        )
        self.head = nn.Conv2d(width, 4 * out_channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, out_channels, W, H)."""
        check_sides(image, multiple=32, network="EfficientNetAUNet")
        maps = self.encoder.features(2 * image - 1)
        *shallow, features = [lateral(m) for lateral, m in zip(self.lateral, maps, strict=True)]
        features = self.dropout(features)
        for block, skip in zip(self.decoder, reversed(shallow), strict=True):
            features = block(features, skip)
        return functional.pixel_shuffle(self.head(features), 2)

# SPDX-License-Identifier: Apache-2.0
"""The abnormal-focused U-Net: three levels, dropout after each pooling.

With its defaults it has 7,701,825 trainable parameters.

References
----------
Huang et al., Cureus 18(3) e105360, 2026, doi:10.7759/cureus.105360, Methods, "Model architecture".
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ..blocks import check_sides, conv_block

__all__ = ["AbnormalUNet"]


class AbnormalUNet(nn.Module):
    """U-Net with three down blocks, a bottleneck, transposed convolutions and concatenated skips.

    Parameters
    ----------
    in_channels : int
        1: the images are gray (7,701,825 parameters); 3 gives 7,702,977.
    out_channels : int
        1: the probability of lesion, as a logit.
    width : int
        Channels of the first block, doubled at each level: 2, 4 and (bottleneck) 8 times as many. The paper's 64.
    dropout : float
        After each pooling. The paper's 0.3.
    levels : int
        Down blocks above the bottleneck. The paper's 3.
    convs_per_block : int
        The paper says "layers": 2; one gives 3,790,017 parameters.
    transpose_kernel : {2, 3}
        Kernel of the transposed convolutions, stride 2; 3 gives 8,561,985 parameters.
    stem_stride : int
        The paper's is 1. With 2 each 2 x 2 block of pixels enters as four channels and leaves as four logits: the
        network sees twice as far and a step costs a quarter.

    Notes
    -----
    Takes (B, C, W, H) float with sides that are multiples of `stem_stride` x 2^`levels`, and returns logits of the same
    size. The encoder's tensors are those whose names begin with ``encoder``.

    Examples
    --------
    >>> AbnormalUNet(width=4)(torch.zeros(1, 1, 32, 24)).shape
    torch.Size([1, 1, 32, 24])
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        width: int = 64,
        dropout: float = 0.3,
        levels: int = 3,
        convs_per_block: int = 2,
        transpose_kernel: int = 2,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        if stem_stride < 1 or levels < 1:
            msg = f"stem_stride is {stem_stride} and levels is {levels}; both are at least 1"
            raise ValueError(msg)
        self.stem_stride, self.side_multiple = stem_stride, stem_stride * 2**levels
        widths = [width * 2**level for level in range(levels)]
        inputs = [in_channels * stem_stride**2, *widths]
        self.encoder = nn.ModuleList(
            conv_block(a, b, convs=convs_per_block) for a, b in zip(inputs[:-1], widths, strict=True)
        )
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(dropout)
        self.bottleneck = conv_block(widths[-1], 2 * widths[-1], convs=convs_per_block)
        self.upsample = nn.ModuleList(_double(2 * w, w, kernel=transpose_kernel) for w in reversed(widths))
        self.decoder = nn.ModuleList(conv_block(2 * w, w, convs=convs_per_block) for w in reversed(widths))
        self.head = nn.Conv2d(width, out_channels * stem_stride**2, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, out_channels, W, H) of an image (B, in_channels, W, H)."""
        check_sides(image, multiple=self.side_multiple, network="AbnormalUNet")
        skips = []
        features = functional.pixel_unshuffle(image, self.stem_stride)
        for block in self.encoder:
            features = block(features)
            skips.append(features)
            features = self.dropout(self.pool(features))
        features = self.bottleneck(features)
        for level, (upsample, block) in enumerate(zip(self.upsample, self.decoder)):  # noqa: B905 (torch.jit.script)
            features = block(torch.cat([skips[-1 - level], upsample(features)], dim=1))
        return functional.pixel_shuffle(self.head(features), self.stem_stride)


def _double(in_channels: int, out_channels: int, *, kernel: int) -> nn.ConvTranspose2d:
    """Transposed convolution that doubles both sides exactly."""
    if kernel not in (2, 3):
        msg = f"transpose_kernel is {kernel}; 2 or 3 double the size exactly"
        raise ValueError(msg)
    extra = kernel - 2
    return nn.ConvTranspose2d(in_channels, out_channels, kernel, stride=2, padding=extra, output_padding=extra)

# SPDX-License-Identifier: Apache-2.0
"""v19U-Net++: nested decoder on a VGG-19 encoder, the segmenter of the two-stage system.

35,440,452 parameters with four heads, 35,440,257 with one (three input channels, one output channel); 20,024,384 of
them are the encoder's. The names of the encoder's tensors are those of torchvision's VGG-19, so its ImageNet weights
fit.

References
----------
.. [1] Yan et al., Two-stage multi-scale breast mass segmentation for full mammogram analysis without user
   intervention, 2020, arXiv:2002.12079, Section 3.3.
.. [2] Zhou et al., UNet++: redesigning skip connections to exploit multiscale features in image segmentation, IEEE
   Trans Med Imaging 39(6), 1856-1867, 2020, doi:10.1109/TMI.2019.2959609, Section III.
.. [3] Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, ICLR 2015,
   arXiv:1409.1556, Table 1, column E.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional as F

from ..adapting import fit_stem, turned
from ..blocks import average_of_sigmoids, check_sides
from ..transfer import misfit

__all__ = ["VGG19UNetPlusPlus"]

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Channels in multiples of the width, and convolutions, of each of the five levels [3].
LEVELS = ((1, 2), (2, 2), (4, 4), (8, 4), (8, 4))


class VGG19UNetPlusPlus(nn.Module):
    """Five encoder levels, ten decoder nodes, a head on every node of full resolution [1]_ [2]_.

    Node (i, j) of row i and column j takes the nodes (i, 0) ... (i, j - 1) to its left and the doubled node
    (i + 1, j - 1) below it; column 0 is the encoder.

    Parameters
    ----------
    in_channels : int
        3: gray copied to RGB.
    out_channels : int
        1: the lesion's logit. Every channel has a sigmoid of its own.
    width : int
        Channels of the first row (64); the rows have 1, 2, 4 and 8 times as many, the lowest encoder level 8.
    deep_supervision : bool
        Heads on the nodes (0, 1) to (0, 4); else on (0, 4) only.
    normalise : bool
        Whether the encoder sees the image less ImageNet's mean, over its deviation, as the weights of VGG-19 expect.
        With another number of channels than three, their averages.

    Notes
    -----
    Takes (B, in_channels, W, H) from 0 to 1 with sides that are multiples of 16. With deep supervision, training mode
    returns the list of four logits (B, out_channels, W, H), and evaluation mode one such tensor whose sigmoid is the
    mean of the four sigmoids. Rows as wide as the encoder's ("symmetrically designed"), two convolutions with batch
    normalisation a node and nearest-neighbour doubling are choices, see docs/explanation/choices.md.

    `mammozoo.networks.load_pretrained` takes torchvision's VGG-19 (its ``classifier`` stays behind) or its ``features``
    alone; kernels are turned, and for other channels than the file's the first ones are averaged.

    Examples
    --------
    >>> network = VGG19UNetPlusPlus(width=2)
    >>> [tuple(logits.shape) for logits in network(torch.zeros(2, 3, 32, 16))]
    [(2, 1, 32, 16), (2, 1, 32, 16), (2, 1, 32, 16), (2, 1, 32, 16)]
    >>> network.eval()(torch.zeros(2, 3, 32, 16)).shape
    torch.Size([2, 1, 32, 16])
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 1,
        *,
        width: int = 64,
        deep_supervision: bool = True,
        normalise: bool = False,
    ) -> None:
        super().__init__()
        widths = [factor * width for factor, _ in LEVELS]
        self.features = _vgg19_features(in_channels, width=width)
        self.pools = [n for n, layer in enumerate(self.features) if isinstance(layer, nn.MaxPool2d)]
        self.nodes = nn.ModuleDict()
        for column in range(1, len(LEVELS)):
            for row in range(len(LEVELS) - column):
                self.nodes[f"{row}_{column}"] = _node(column * widths[row] + widths[row + 1], widths[row])
        columns = range(1 if deep_supervision else len(LEVELS) - 1, len(LEVELS))
        self.heads = nn.ModuleDict({f"0_{column}": nn.Conv2d(width, out_channels, 1) for column in columns})
        mean, deviation = (torch.tensor(values).view(1, -1, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
        if in_channels != mean.shape[1]:
            mean, deviation = mean.mean().view(1, 1, 1, 1), deviation.mean().view(1, 1, 1, 1)
        self.normalise = normalise
        self.mean: torch.Tensor  # no annotation of the class: torch.jit.script cannot read it
        self.deviation: torch.Tensor
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("deviation", deviation, persistent=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Compute logits (B, out_channels, W, H): a list in training with deep supervision, else one tensor."""
        check_sides(image, multiple=16, network="VGG19UNetPlusPlus")
        rows = [[level] for level in self._encode(image)]
        for name, node in self.nodes.items():  # column by column
            row, column = int(name[0]), int(name[2])
            below = F.interpolate(rows[row + 1][column - 1], scale_factor=2.0, mode="nearest")
            rows[row].append(node(torch.cat(rows[row] + [below], dim=1)))
        logits: list[torch.Tensor] = []
        for name, head in self.heads.items():
            logits.append(head(rows[0][int(name[2])]))
        if self.training and len(logits) > 1:
            return logits
        return average_of_sigmoids(torch.stack(logits)) if len(logits) > 1 else logits[0]

    def _encode(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Return what enters each max-pooling, and the last level."""
        levels: list[torch.Tensor] = []
        features = (image - self.mean) / self.deviation if self.normalise else image
        for position, layer in enumerate(self.features):
            if position in self.pools:
                levels.append(features)
            features = layer(features)
        levels.append(features)
        return levels

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fit the weights of VGG-19 to the encoder, or those of the whole network."""
        if misfit(state, self.state_dict()) is None:
            return dict(state)
        prefix, own = "features.", self.features.state_dict()
        given = turned({name.removeprefix(prefix): v for name, v in state.items() if "classifier." not in name})
        stem = given.get("0.weight")
        if stem is not None and stem.ndim == 4:
            given["0.weight"] = fit_stem(stem, in_channels=own["0.weight"].shape[1])
        fault = misfit(given, own)
        if fault is not None:
            msg = f"{fault}; is it VGG-19 without batch normalisation, and is the width 64?"
            raise ValueError(msg)
        return {f"{prefix}{name}": value for name, value in given.items()}


def _node(in_channels: int, out_channels: int) -> nn.Sequential:
    """Build two convolutions with batch normalisation and ReLU; no bias, which the normalisation would take out."""
    layers: list[nn.Module] = []
    for inputs in (in_channels, out_channels):
        conv = nn.Conv2d(inputs, out_channels, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _vgg19_features(in_channels: int, *, width: int) -> nn.Sequential:
    """Build VGG-19's sixteen convolutions and the four max-poolings between its levels."""
    layers: list[nn.Module] = []
    inputs = in_channels
    for level, (factor, convs) in enumerate(LEVELS):
        if level > 0:
            layers.append(nn.MaxPool2d(2))
        for _ in range(convs):
            conv = nn.Conv2d(inputs, factor * width, 3, padding=1)
            # Sixteen layers without normalisation fade out under PyTorch's default.
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
            layers += [conv, nn.ReLU(inplace=True)]
            inputs = factor * width
    return nn.Sequential(*layers)

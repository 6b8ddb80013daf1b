# SPDX-License-Identifier: Apache-2.0
"""ResNet-22, the network of one view of the NYU breast cancer screening classifier.

2,801,361 parameters with three input channels and one logit (2,799,793 with the paper's one channel). Two of them
without their heads and the paper's two layers over each pair of views make its 6,132,592.

References
----------
.. [1] Wu et al., Deep neural networks improve radiologists' performance in breast cancer screening, IEEE Trans Med
   Imaging 39(4), 1184-1194, 2020 (online 2019), doi:10.1109/TMI.2019.2945514.
.. [2] He et al., Identity mappings in deep residual networks, ECCV 2016, doi:10.1007/978-3-319-46493-0_38.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import nn

from ..adapting import adapt_classifier
from .layers import PointwiseConv2d

__all__ = ["NYUResNet22", "PreActivationBlock"]


class PreActivationBlock(nn.Module):
    """Normalisation, ReLU and 3 x 3 convolution, twice, and a shortcut, a convolution if `project`."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, project: bool = False) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.shortcut = PointwiseConv2d(in_channels, out_channels, 1, stride=stride, bias=False) if project else None

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, W, H) to (B, out_channels, W / stride, H / stride)."""
        activated = torch.relu(self.norm1(features))
        shortcut = features if self.shortcut is None else self.shortcut(activated)
        branch: torch.Tensor = self.conv2(torch.relu(self.norm2(self.conv1(activated))))
        return branch + shortcut


class NYUResNet22(nn.Module):
    """A 7 x 7 convolution, five stages of two blocks with 16 to 256 channels, one linear layer [1]_.

    Narrower and coarser from the start than the common ResNets, so that a whole mammogram fits.

    Parameters
    ----------
    in_channels, num_classes : int
    dropout : float
        Probability before the linear layer.
    width : int
        Channels of the first stage (16).

    Notes
    -----
    Takes (B, in_channels, W, H) with sides of at least 11 pixels; the last features have about 1/64 of its sides (the
    first convolution and the pooling have no padding, as published). Returns logits (B, num_classes).

    `mammozoo.networks.load_pretrained` takes the authors' published files: the trunk of one view, or of four views
    (that of the craniocaudal ones is taken). Their two layers over the trunk stay behind; kernels are turned.

    Examples
    --------
    >>> NYUResNet22(width=2)(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 1])
    """

    def __init__(self, *, in_channels: int = 3, num_classes: int = 1, dropout: float = 0.0, width: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, width, 7, stride=2, bias=False),
            nn.MaxPool2d(3, stride=2),
        ]
        inputs = width
        for stage in range(5):
            channels = width * 2**stage
            # Projected in the first stage too, where the shape stays: only so do the paper's parameters add up.
            first = PreActivationBlock(inputs, channels, stride=1 if stage == 0 else 2, project=True)
            layers.append(nn.Sequential(first, PreActivationBlock(channels, channels)))
            inputs = channels
        layers += [nn.BatchNorm2d(inputs), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(inputs, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, num_classes)."""
        logits: torch.Tensor = self.head(self.dropout(self.pool(self.features(image)).flatten(1)))
        return logits

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fit the authors' published trunk, or the same network with any head and input channels."""
        trunk = {}
        for prefix in ("four_view_resnet.cc.", "view_resnet.", ""):
            if f"{prefix}first_conv.weight" in state:
                names = [name for name in state if name.startswith(prefix)]
                trunk = {_own_name(name.removeprefix(prefix)): state[name] for name in names}
                break
        return adapt_classifier(self, trunk or state, stem="features.0", head="head")


def _own_name(name: str) -> str:
    """The network's name of a tensor of the published trunk."""
    name = re.sub(r"^layer_list\.(\d)\.", lambda found: f"features.{int(found[1]) + 2}.", name)
    name = name.replace("first_conv.", "features.0.").replace("final_bn.", "features.7.")
    return name.replace(".bn", ".norm").replace(".downsample.0.", ".shortcut.")

# SPDX-License-Identifier: Apache-2.0
"""ResNet-18 and ResNet-50 for classification.

11,177,025 and 23,510,081 parameters with three input channels and one logit. The names of the tensors are those of
torchvision's networks, so its ImageNet weights fit.

References
----------
.. [1] He et al., Deep residual learning for image recognition, CVPR 2016, doi:10.1109/CVPR.2016.90, Table 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ..adapting import adapt_classifier
from .layers import PointwiseConv2d

__all__ = ["BasicBlock", "Bottleneck", "ResNet", "resnet18", "resnet50"]

Attention = Callable[[int], nn.Module]


def _shortcut(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential | None:
    """Build the projection that a shortcut needs where the shape changes; None elsewhere."""
    if stride == 1 and in_channels == out_channels:
        return None
    conv = PointwiseConv2d(in_channels, out_channels, 1, stride=stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut; `attention` builds what the branch passes before it is added."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1, attention: Attention | None = None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.attention = nn.Identity() if attention is None else attention(channels)
        self.downsample = _shortcut(in_channels, channels, stride=stride)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, W, H) to (B, channels, W / stride, H / stride)."""
        shortcut = features if self.downsample is None else self.downsample(features)
        branch = torch.relu(self.bn1(self.conv1(features)))
        branch = self.attention(self.bn2(self.conv2(branch)))
        return torch.relu(branch + shortcut)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions and a shortcut."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1, attention: Attention | None = None) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.attention = nn.Identity() if attention is None else attention(out_channels)
        self.downsample = _shortcut(in_channels, out_channels, stride=stride)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, W, H) to (B, 4 * channels, W / stride, H / stride)."""
        shortcut = features if self.downsample is None else self.downsample(features)
        branch = torch.relu(self.bn1(self.conv1(features)))
        branch = torch.relu(self.bn2(self.conv2(branch)))
        branch = self.attention(self.bn3(self.conv3(branch)))
        return torch.relu(branch + shortcut)


class ResNet(nn.Module):
    """A 7 x 7 convolution, four stages of residual blocks, a pooling, one linear layer [1]_.

    Parameters
    ----------
    block : {BasicBlock, Bottleneck}
    depths : sequence of int
        Blocks of the four stages.
    in_channels, num_classes : int
    dropout : float
        Probability before the linear layer.
    width : int
        Channels of the first stage (64).
    attention : callable, optional
        As in `BasicBlock`.
    pooling : torch.nn.Module, optional
        Maps the last stage's (B, C, W / 32, H / 32) to (B, P) or (B, P, 1, 1); the mean over the positions by default.
    pooled_channels : int, optional
        P; None stands for C.

    Notes
    -----
    Takes (B, in_channels, W, H) of any size; returns logits (B, num_classes).

    Examples
    --------
    >>> ResNet(BasicBlock, (1, 1, 1, 1), width=2)(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 1])
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: Sequence[int],
        *,
        in_channels: int = 3,
        num_classes: int = 1,
        dropout: float = 0.0,
        width: int = 64,
        attention: Attention | None = None,
        pooling: nn.Module | None = None,
        pooled_channels: int | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inputs = width
        for stage, depth in enumerate(depths):
            channels = width * 2**stage
            blocks = []
            for index in range(depth):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(block(inputs, channels, stride=stride, attention=attention))
                inputs = channels * block.expansion
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.stages = len(depths)
        self.avgpool = nn.AdaptiveAvgPool2d(1) if pooling is None else pooling
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(inputs if pooled_channels is None else pooled_channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, num_classes)."""
        features = self.maxpool(torch.relu(self.bn1(self.conv1(image))))
        for name, stage in self.named_children():
            if name.startswith("layer"):
                features = stage(features)
        pooled = self.avgpool(features).flatten(1)
        logits: torch.Tensor = self.fc(self.dropout(pooled))
        return logits

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fit the weights of the same network, of torchvision's names, with any head and input channels."""
        return adapt_classifier(self, state, stem="conv1", head="fc", added=("attention", "avgpool"))


def resnet18(*, in_channels: int = 3, num_classes: int = 1, dropout: float = 0.0, width: int = 64) -> ResNet:
    """Build a ResNet-18, 11,177,025 parameters; the options are those of `ResNet`."""
    shape: dict[str, Any] = {"in_channels": in_channels, "num_classes": num_classes, "width": width}
    return ResNet(BasicBlock, (2, 2, 2, 2), dropout=dropout, **shape)


def resnet50(*, in_channels: int = 3, num_classes: int = 1, dropout: float = 0.0, width: int = 64) -> ResNet:
    """Build a ResNet-50, 23,510,081 parameters; the options are those of `ResNet`."""
    shape: dict[str, Any] = {"in_channels": in_channels, "num_classes": num_classes, "width": width}
    return ResNet(Bottleneck, (3, 4, 6, 3), dropout=dropout, **shape)

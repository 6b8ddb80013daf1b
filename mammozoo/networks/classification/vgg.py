# SPDX-License-Identifier: Apache-2.0
"""VGG-16 for classification.

134,264,641 parameters with three input channels and one logit. The names of the tensors are those of torchvision's
network, so its ImageNet weights fit.

References
----------
.. [1] Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, ICLR 2015,
   arXiv:1409.1556, Table 1, column D.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from ..adapting import adapt_classifier, turned

__all__ = ["VGG16"]


class VGG16(nn.Module):
    """Thirteen 3 x 3 convolutions in five groups, each with a max-pooling, and three linear layers [1]_.

    Parameters
    ----------
    in_channels, num_classes : int
    dropout : float
        Probability after each of the two hidden linear layers (0.5 in the paper).
    width : int
        Channels of the first group (64); the hidden linear layers have 64 times as many units.

    Notes
    -----
    Takes (B, in_channels, W, H) with sides of at least 32 pixels; features are averaged to 7 x 7 (at 224 x 224 they
    are that already). Returns logits (B, num_classes).

    Examples
    --------
    >>> VGG16(width=2)(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 1])
    """

    def __init__(self, *, in_channels: int = 3, num_classes: int = 1, dropout: float = 0.0, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = in_channels
        for factor, convs in ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3)):
            for _ in range(convs):
                layers += [nn.Conv2d(inputs, factor * width, 3, padding=1), nn.ReLU()]
                inputs = factor * width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        hidden = 64 * width
        self.classifier = nn.Sequential(
            nn.Linear(inputs * 7 * 7, hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )  # fmt: skip
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
            if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, num_classes)."""
        logits: torch.Tensor = self.classifier(self.avgpool(self.features(image)).flatten(1))
        return logits

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fit the weights of the same network, of torchvision's names, with any head and input channels."""
        return adapt_classifier(self, state, stem="features.0", head="classifier.6", turn=_turned)


def _turned(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Turn the kernels, and the first linear layer, which reads the 7 x 7 features row by row."""
    result = turned(state)
    name = "classifier.0.weight"
    if name in result and result[name].shape[-1] % 49 == 0:
        result[name] = result[name].unflatten(1, (-1, 7, 7)).transpose(2, 3).flatten(1)
    return result

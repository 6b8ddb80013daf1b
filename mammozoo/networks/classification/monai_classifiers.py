# SPDX-License-Identifier: Apache-2.0
"""Three classifiers that MONAI has: DenseNet-121, EfficientNet-B0, SE-ResNet-50.

6,954,881, 4,008,829 and 26,041,073 parameters with three input channels and one logit.

References
----------
.. [1] Huang et al., Densely connected convolutional networks, CVPR 2017, doi:10.1109/CVPR.2017.243.
.. [2] Tan and Le, EfficientNet: rethinking model scaling for convolutional neural networks, ICML 2019,
   arXiv:1905.11946.
.. [3] Hu et al., Squeeze-and-excitation networks, CVPR 2018, doi:10.1109/CVPR.2018.00745.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from monai.networks.nets import densenet, efficientnet, senet
from torch import nn

from ..adapting import adapt_classifier

__all__ = ["DenseNet121", "EfficientNetB0", "SEResNet50"]


class DenseNet121(densenet.DenseNet121):
    """MONAI's DenseNet-121 [1]_.

    Parameters
    ----------
    in_channels, num_classes : int
    dropout : float
        Probability before the linear layer (MONAI's own `dropout_prob` acts within the blocks and stays 0).
    width : int
        Channels of the first convolution (64), even; every layer adds half as many.

    Raises
    ------
    ValueError
        If `width` is odd.

    Notes
    -----
    Takes (B, in_channels, W, H) with sides of at least 32 pixels; returns logits (B, num_classes). Torchvision's
    ImageNet weights fit (either form of their names).

    Examples
    --------
    >>> DenseNet121(width=4).class_layers.out
    Linear(in_features=64, out_features=1, bias=True)
    """

    def __init__(self, *, in_channels: int = 3, num_classes: int = 1, dropout: float = 0.0, width: int = 64) -> None:
        if width % 2:
            msg = f"every layer adds width / 2 channels, and width {width} is odd"
            raise ValueError(msg)
        super().__init__(2, in_channels, num_classes, init_features=width, growth_rate=width // 2)
        # Not in place: Grad-CAM reads the features that this ReLU is given. The linear layer keeps its name.
        self.class_layers.relu = nn.ReLU()
        self.class_layers.flatten = nn.Sequential(nn.Flatten(1), nn.Dropout(dropout))

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fit torchvision's weights, or the same network's, with any head and input channels."""
        return adapt_classifier(self, state, stem="features.conv0", head="class_layers.out", rename=_densenet_name)


def _densenet_name(name: str) -> str:
    """MONAI's name of a tensor of torchvision's DenseNet-121."""
    name = re.sub(r"(denselayer\d+)\.(norm|conv)\.?([12])\.", r"\1.layers.\2\3.", name)
    return re.sub(r"^classifier\.", "class_layers.out.", name)


class EfficientNetB0(efficientnet.EfficientNetBN):
    """MONAI's EfficientNet-B0 [2]_; its width is fixed.

    Parameters
    ----------
    in_channels, num_classes : int
    dropout : float
        Probability before the linear layer (0.2 in the paper).
    bn_momentum : float
        Share of a batch in the running statistics; MONAI's 0.01 collapses short trainings, as in
        `mammozoo.networks.EfficientNetLite`.

    Notes
    -----
    Takes (B, in_channels, W, H) of any size; returns logits (B, num_classes). Stochastic depth is 0.2, as published.
    The activation is the plain swish, which unlike MONAI's memory-efficient one can be exported. ImageNet weights fit
    under MONAI's names and under those of the files that MONAI downloads.

    Examples
    --------
    >>> EfficientNetB0(dropout=0.2)._dropout
    Dropout(p=0.2, inplace=False)
    """

    def __init__(
        self, *, in_channels: int = 3, num_classes: int = 1, dropout: float = 0.0, bn_momentum: float = 0.1
    ) -> None:
        norm = ("batch", {"eps": 1e-3, "momentum": bn_momentum})
        super().__init__("efficientnet-b0", False, in_channels=in_channels, num_classes=num_classes, norm=norm)
        self.set_swish(memory_efficient=False)
        self._dropout = nn.Dropout(dropout)

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fit the weights of the same network with any head and input channels."""
        return adapt_classifier(self, state, stem="_conv_stem", head="_fc", rename=_efficientnet_name)


# Blocks of the seven stages of EfficientNet-B0 (Table 1 of the paper): the stage of each of the sixteen.
_STAGE = [stage for stage, blocks in enumerate((1, 2, 2, 3, 3, 4, 1)) for _ in range(blocks)]


def _efficientnet_name(name: str) -> str:
    """MONAI's name of a tensor of the widespread PyTorch port, which numbers the blocks only."""
    return re.sub(r"^_blocks\.(\d+)\._", lambda found: f"_blocks.{_STAGE[int(found[1])]}.{found[1]}._", name)


class SEResNet50(senet.SEResNet50):
    """MONAI's SE-ResNet-50 [3]_; its width is fixed.

    Parameters
    ----------
    in_channels, num_classes : int
    dropout : float
        Probability before the linear layer.

    Notes
    -----
    Takes (B, in_channels, W, H) of any size; returns logits (B, num_classes). ImageNet weights fit under MONAI's names
    and under those of the files that MONAI downloads.

    Examples
    --------
    >>> SEResNet50().last_linear
    Linear(in_features=2048, out_features=1, bias=True)
    """

    def __init__(self, *, in_channels: int = 3, num_classes: int = 1, dropout: float = 0.0) -> None:
        super().__init__(spatial_dims=2, in_channels=in_channels, num_classes=num_classes, dropout_prob=dropout)

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fit the weights of the same network with any head and input channels."""
        return adapt_classifier(self, state, stem="layer0.conv1", head="last_linear", rename=_senet_name)


def _senet_name(name: str) -> str:
    """MONAI's name of a tensor of the published SE-ResNet-50."""
    rules = (
        (r"\.conv(\d)\.(weight|bias)$", r".conv\1.conv.\2"),
        (r"\.bn(\d)\.", r".conv\1.adn.N."),
        (r"\.se_module\.fc1\.", ".se_layer.fc.0."),
        (r"\.se_module\.fc2\.", ".se_layer.fc.2."),
        (r"\.downsample\.0\.", ".project.conv."),
        (r"\.downsample\.1\.", ".project.adn.N."),
    )
    if name.startswith("layer0."):
        return name
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name

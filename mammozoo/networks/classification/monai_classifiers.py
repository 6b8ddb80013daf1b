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

from monai.networks.nets.densenet import DenseNet121
from monai.networks.nets.efficientnet import EfficientNetBN
from monai.networks.nets.senet import SEResNet50
from torch import nn

__all__ = [
    "densenet121",
    "densenet121_name",
    "efficientnet_b0",
    "efficientnet_b0_name",
    "se_resnet50",
    "se_resnet50_name",
]


def densenet121(*, in_channels: int = 3, num_classes: int = 1, dropout: float = 0.0, width: int = 64) -> nn.Module:
    """Build MONAI's DenseNet-121 [1]_.

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
    Takes (B, in_channels, W, H) with sides of at least 32 pixels; returns logits (B, num_classes).

    Examples
    --------
    >>> densenet121(width=4).class_layers.out
    Linear(in_features=64, out_features=1, bias=True)
    """
    if width % 2:
        msg = f"every layer adds width / 2 channels, and width {width} is odd"
        raise ValueError(msg)
    network = DenseNet121(2, in_channels, num_classes, init_features=width, growth_rate=width // 2)
    layers = network.class_layers
    # Not in place: Grad-CAM reads the features that this ReLU is given. The linear layer keeps its name.
    layers.relu = nn.ReLU()
    layers.flatten = nn.Sequential(nn.Flatten(1), nn.Dropout(dropout))
    return network


def densenet121_name(name: str) -> str:
    """Name a tensor of torchvision's DenseNet-121 (either of its forms) as MONAI does.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> densenet121_name("features.denseblock1.denselayer1.norm.1.weight")
    'features.denseblock1.denselayer1.layers.norm1.weight'
    """
    name = re.sub(r"(denselayer\d+)\.(norm|conv)\.?([12])\.", r"\1.layers.\2\3.", name)
    return re.sub(r"^classifier\.", "class_layers.out.", name)


def efficientnet_b0(*, in_channels: int = 3, num_classes: int = 1, dropout: float = 0.0) -> nn.Module:
    """Build MONAI's EfficientNet-B0 [2]_.

    Parameters
    ----------
    in_channels, num_classes : int
    dropout : float
        Probability before the linear layer (0.2 in the paper).

    Notes
    -----
    Takes (B, in_channels, W, H) of any size; returns logits (B, num_classes). Stochastic depth is 0.2, as published.
    The activation is the plain swish, which unlike MONAI's memory-efficient one can be exported.

    Examples
    --------
    >>> efficientnet_b0(dropout=0.2)._dropout
    Dropout(p=0.2, inplace=False)
    """
    network = EfficientNetBN("efficientnet-b0", pretrained=False, in_channels=in_channels, num_classes=num_classes)
    network.set_swish(memory_efficient=False)
    network._dropout = nn.Dropout(dropout)
    return network


# Blocks of the seven stages of EfficientNet-B0 (Table 1 of the paper): the stage of each of the sixteen.
_STAGE = [stage for stage, blocks in enumerate((1, 2, 2, 3, 3, 4, 1)) for _ in range(blocks)]


def efficientnet_b0_name(name: str) -> str:
    """Name a tensor of the widespread PyTorch port, which numbers the blocks only, as MONAI does.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> efficientnet_b0_name("_blocks.15._bn2.weight")
    '_blocks.6.15._bn2.weight'
    """
    return re.sub(r"^_blocks\.(\d+)\._", lambda found: f"_blocks.{_STAGE[int(found[1])]}.{found[1]}._", name)


def se_resnet50(*, in_channels: int = 3, num_classes: int = 1, dropout: float = 0.0) -> nn.Module:
    """Build MONAI's SE-ResNet-50 [3]_.

    Parameters
    ----------
    in_channels, num_classes : int
    dropout : float
        Probability before the linear layer.

    Notes
    -----
    Takes (B, in_channels, W, H) of any size; returns logits (B, num_classes).

    Examples
    --------
    >>> se_resnet50().last_linear
    Linear(in_features=2048, out_features=1, bias=True)
    """
    return SEResNet50(spatial_dims=2, in_channels=in_channels, num_classes=num_classes, dropout_prob=dropout)


def se_resnet50_name(name: str) -> str:
    """Name a tensor of the published SE-ResNet-50 as MONAI does.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> se_resnet50_name("layer1.0.se_module.fc2.bias")
    'layer1.0.se_layer.fc.2.bias'
    """
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

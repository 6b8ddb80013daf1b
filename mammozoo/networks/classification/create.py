# SPDX-License-Identifier: Apache-2.0
"""One key of a configuration chooses the classifier.

Parameters with three input channels and one logit, in millions: vgg16 134.3, resnet18 11.2, resnet50 23.5, densenet121
7.0, efficientnet_b0 4.0, efficientnet_lite0 3.4, se_resnet50 26.0, cbam_resnet50 26.0, convnext_tiny 27.8,
resnet50_transformer 25.6, swin_t 27.5, nyu_resnet22 2.8; the exact counts stand in the networks' own modules.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable
from typing import Any

from torch import nn

from ..._typing import PathLike
from ..efficientnet_lite import efficientnet_lite0
from ..ensemble import MeanEnsemble
from ..vgg import VGG16
from .convnext import ConvNeXt
from .monai_classifiers import (
    densenet121,
    densenet121_name,
    efficientnet_b0,
    efficientnet_b0_name,
    se_resnet50,
    se_resnet50_name,
)
from .nyu_resnet22 import NYUResNet22
from .resnet import resnet18, resnet50
from .resnet_attention import cbam_resnet50, resnet50_transformer
from .swin import Swin
from .weights import load_classifier

__all__ = ["classification_network", "feature_layer"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Backbone:
    """How one backbone is built, and the names of its layers that matter."""

    build: Callable[..., nn.Module]
    stem: str
    head: str
    features: str
    added: str | None = None
    rename: Callable[[str], str] | None = None
    fixed_width: bool = False


def _backbone(name: str) -> _Backbone:
    """Look a backbone up, or raise ValueError with the nearest name."""
    backbones = {
        "vgg16": _Backbone(build=VGG16, stem="features.0", head="classifier.6", features="features.29"),
        "resnet18": _Backbone(build=resnet18, stem="conv1", head="fc", features="layer4"),
        "resnet50": _Backbone(build=resnet50, stem="conv1", head="fc", features="layer4"),
        "densenet121": _Backbone(
            build=densenet121, stem="features.conv0", head="class_layers.out", features="features.norm5",
            rename=densenet121_name,
        ),
        "efficientnet_b0": _Backbone(
            build=efficientnet_b0, stem="_conv_stem", head="_fc", features="_bn1",
            rename=efficientnet_b0_name, fixed_width=True,
        ),
        "efficientnet_lite0": _Backbone(
            build=efficientnet_lite0, stem="_conv_stem", head="_fc", features="_bn1", fixed_width=True
        ),
        "se_resnet50": _Backbone(
            build=se_resnet50, stem="layer0.conv1", head="last_linear", features="layer4",
            rename=se_resnet50_name, fixed_width=True,
        ),
        "cbam_resnet50": _Backbone(build=cbam_resnet50, stem="conv1", head="fc", features="layer4", added="attention"),
        "convnext_tiny": _Backbone(build=ConvNeXt, stem="features.0.0", head="classifier.2", features="features.7"),
        "resnet50_transformer": _Backbone(
            build=resnet50_transformer, stem="conv1", head="fc", features="layer4", added="avgpool"
        ),
        "swin_t": _Backbone(build=Swin, stem="features.0.0", head="head", features="permute"),
        "nyu_resnet22": _Backbone(build=NYUResNet22, stem="features.0", head="head", features="features.8"),
    }  # fmt: skip
    if name not in backbones:
        near = difflib.get_close_matches(name, backbones, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(backbones)}"
        msg = f"no backbone {name!r}: {hint}"
        raise ValueError(msg)
    return backbones[name]


def classification_network(
    backbone: str = "resnet50",
    *,
    in_channels: int = 3,
    num_classes: int = 1,
    dropout: float = 0.0,
    width: int | None = None,
    members: int = 1,
    pretrained_path: PathLike | None = None,
) -> nn.Module:
    """Build a classifier by name; it maps images (B, in_channels, W, H) to logits (B, num_classes).

    Parameters
    ----------
    backbone : {"vgg16", "resnet18", "resnet50", "densenet121", "efficientnet_b0", "efficientnet_lite0", \
"se_resnet50", "cbam_resnet50", "convnext_tiny", "resnet50_transformer", "swin_t", "nyu_resnet22"}
    in_channels : int
        3: gray copied to RGB.
    num_classes : int
        Logits; 1 is the sigmoid form of two classes.
    dropout : float
        Probability before the last linear layer; in `vgg16` after both hidden linear layers, and in
        `resnet50_transformer` within the Transformer too.
    width : int, optional
        Channels of the first stage, for small networks; None takes the published ones (64; `convnext_tiny` and
        `swin_t` 96, `nyu_resnet22` 16). The EfficientNets and `se_resnet50` have theirs fixed.
    members : int
        Networks of this kind whose mean probability is the answer, as a cross-validation leaves them.
    pretrained_path : path, optional
        A state dict of the same network (of each member) to begin with: one of ours, or ImageNet weights as torchvision
        names them (`densenet121` too; `efficientnet_b0` and `se_resnet50` as the files that MONAI downloads name them).
        `cbam_resnet50` and `resnet50_transformer` also take a ResNet-50's, their additions being new.
        A head of other classes is left out, a first convolution of other channels adapted
        (`mammozoo.networks.classification.weights.load_classifier`).

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        If there is no such backbone (the nearest name is given), its width is fixed, there is no member, or the weights
        do not fit.
    FileNotFoundError
        If there is no such file of weights.

    Examples
    --------
    >>> type(classification_network("resnet18", width=4)).__name__
    'ResNet'
    """
    chosen = _backbone(backbone)
    options: dict[str, Any] = {} if width is None else {"width": width}
    if options and chosen.fixed_width:
        msg = f"the width of {backbone} is fixed, got {width}; leave it null"
        raise ValueError(msg)
    networks = []
    for _ in range(members):
        network = chosen.build(in_channels=in_channels, num_classes=num_classes, dropout=dropout, **options)
        if pretrained_path is not None:
            load_classifier(
                network, pretrained_path, stem=chosen.stem, head=chosen.head, added=chosen.added, rename=chosen.rename
            )
        networks.append(network)
    return networks[0] if members == 1 else MeanEnsemble(networks)


def feature_layer(network: nn.Module, backbone: str) -> str:
    """Name the layer whose output is the last feature map, as Grad-CAM wants it.

    Parameters
    ----------
    network : torch.nn.Module
        Of `classification_network`.
    backbone : str
        What it was built by.

    Returns
    -------
    str
        For ``network.get_submodule``; the layer's output has the shape (B, C, w, h), with sides of about 1/32 of the
        image's (`vgg16` 1/16, `nyu_resnet22` 1/64). Of an ensemble the first member's.

    Raises
    ------
    ValueError
        If there is no such backbone, or the network is another one.

    Examples
    --------
    >>> feature_layer(classification_network("resnet18", width=4), "resnet18")
    'layer4'
    """
    name = _backbone(backbone).features
    if isinstance(network, MeanEnsemble):
        name = f"members.0.{name}"
    if name not in dict(network.named_modules()):
        msg = f"the network ({type(network).__name__}) has no layer {name!r}, so it is no {backbone}"
        raise ValueError(msg)
    return name

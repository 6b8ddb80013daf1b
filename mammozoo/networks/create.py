# SPDX-License-Identifier: Apache-2.0
"""Networks by name: one key of a configuration chooses one of them."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

from torch import nn

from .classification.convnext import ConvNeXt
from .classification.monai_classifiers import DenseNet121, EfficientNetB0, SEResNet50
from .classification.nyu_resnet22 import NYUResNet22
from .classification.resnet import resnet18, resnet50
from .classification.resnet_attention import cbam_resnet50, resnet50_transformer
from .classification.swin import Swin
from .classification.vgg import VGG16
from .detection.yolov3 import YOLOv3
from .efficientnet_lite import efficientnet_lite0
from .ensemble import MeanEnsemble
from .segmentation.abnormal_unet import AbnormalUNet
from .segmentation.aunet import AUNet
from .segmentation.cascaded_unet import CascadedUNet
from .segmentation.cgan import Pix2PixGenerator
from .segmentation.efficientnet_unet import EfficientNetUNet
from .segmentation.fcdensenet import FCDenseNet103
from .segmentation.fusionnet import FusionNet
from .segmentation.unet import UNet
from .segmentation.unetpp import VGG19UNetPlusPlus

__all__ = ["create_network", "feature_layer"]

_NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "abnormal_unet": AbnormalUNet,
    "aunet": AUNet,
    "unet": UNet,
    "fusionnet": FusionNet,
    "fcdensenet103": FCDenseNet103,
    "efficientnet_unet": EfficientNetUNet,
    "v19unetpp": VGG19UNetPlusPlus,
    "pix2pix_generator": Pix2PixGenerator,
    "cascaded_unet": CascadedUNet,
    "yolov3": YOLOv3,
    "vgg16": VGG16,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "densenet121": DenseNet121,
    "efficientnet_b0": EfficientNetB0,
    "se_resnet50": SEResNet50,
    "cbam_resnet50": cbam_resnet50,
    "convnext_tiny": ConvNeXt,
    "resnet50_transformer": resnet50_transformer,
    "swin_t": Swin,
    "nyu_resnet22": NYUResNet22,
    "efficientnet_lite0": efficientnet_lite0,
}
# Those with a sigmoid of its own for each output channel; the others' channels share a softmax.
_SIGMOIDS = ("v19unetpp", "pix2pix_generator", "cascaded_unet", "yolov3")
# The classifiers' layers that put out the last feature map.
_FEATURES = {
    "vgg16": "features.29",
    "resnet18": "layer4",
    "resnet50": "layer4",
    "densenet121": "features.norm5",
    "efficientnet_b0": "_bn1",
    "se_resnet50": "layer4",
    "cbam_resnet50": "layer4",
    "convnext_tiny": "features.7",
    "resnet50_transformer": "layer4",
    "swin_t": "permute",
    "nyu_resnet22": "features.8",
    "efficientnet_lite0": "_bn1",
}


def create_network(name: str, *, members: int = 1, **options: Any) -> nn.Module:
    """Build a network by name.

    Parameters
    ----------
    name : str
        Segmentation, (B, in_channels, W, H) to logits (B, out_channels, W, H): ``abnormal_unet``, ``aunet``, ``unet``,
        ``fusionnet``, ``fcdensenet103``, ``efficientnet_unet``, ``v19unetpp``, ``pix2pix_generator``,
        ``cascaded_unet``. Detection: ``yolov3``. Classification, to logits (B, num_classes): ``vgg16``, ``resnet18``,
        ``resnet50``, ``densenet121``, ``efficientnet_b0``, ``se_resnet50``, ``cbam_resnet50``, ``convnext_tiny``,
        ``resnet50_transformer``, ``swin_t``, ``nyu_resnet22``, ``efficientnet_lite0``.
    members : int
        Networks of this kind whose mean probability is the answer (`MeanEnsemble`).
    **options
        Keywords of the network's own class or builder. One that is None is left out: the network's own default holds.

    Returns
    -------
    torch.nn.Module
        With its fresh weights; `load_pretrained` gives it others.

    Raises
    ------
    ValueError
        If there is no such network (the nearest name is given), the network lacks an option (those it has are given)
        or takes another type of value, or there is no member.

    Examples
    --------
    >>> type(create_network("unet", width=2)).__name__
    'UNet'
    >>> create_network("unet", reduction=16)
    Traceback (most recent call last):
    ...
    ValueError: unet has no option 'reduction'; it has in_channels, out_channels, width, encoder_unit, decoder_unit, \
upsampling
    """
    build = _NETWORKS[_checked(name, _NETWORKS, kind="network")]
    known = {key: parameter.default for key, parameter in inspect.signature(build).parameters.items()}
    given = {key: value for key, value in options.items() if value is not None}
    for key, value in given.items():
        if key not in known:
            msg = f"{name} has no option {key!r}; it has {', '.join(known)}"
            raise ValueError(msg)
        if not _fits(value, known[key]):
            msg = f"{name}: {key} is {value!r}; expected {type(known[key]).__name__}, as its default {known[key]!r}"
            raise ValueError(msg)
    if not _fits(members, 1) or members < 1:
        msg = f"members is {members!r}; an ensemble needs at least one network"
        raise ValueError(msg)
    networks = [build(**given) for _ in range(members)]
    if members == 1:
        return networks[0]
    channels = known | given
    several = channels.get("out_channels", channels.get("num_classes", 1)) > 1
    return MeanEnsemble(networks, softmax=several and name not in _SIGMOIDS)


def _fits(value: Any, default: Any) -> bool:
    """Whether a value has the type of a default: a number is not a boolean, and a whole number may be a float."""
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    kinds = ((int, Integral), (float, Real), (str, str), (Sequence, Sequence))
    wanted = next((kind for type_, kind in kinds if isinstance(default, type_)), object)
    return isinstance(value, wanted)


def feature_layer(network: nn.Module, backbone: str) -> str:
    """Name the layer whose output is a classifier's last feature map, as Grad-CAM requires it.

    Parameters
    ----------
    network : torch.nn.Module
        A classifier of `create_network`.
    backbone : str
        The name it was built by.

    Returns
    -------
    str
        For ``network.get_submodule``; the layer's output has the shape (B, C, w, h), with sides of about 1/32 of the
        image's (`vgg16` 1/16, `nyu_resnet22` 1/64). Of an ensemble the first member's.

    Raises
    ------
    ValueError
        If there is no such classifier, or the network is another one.

    Examples
    --------
    >>> feature_layer(create_network("resnet18", width=4), "resnet18")
    'layer4'
    """
    layer = _FEATURES[_checked(backbone, _FEATURES, kind="classifier")]
    if isinstance(network, MeanEnsemble):
        layer = f"members.0.{layer}"
    if layer not in dict(network.named_modules()):
        msg = f"the network ({type(network).__name__}) has no layer {layer!r}, so it is no {backbone}"
        raise ValueError(msg)
    return layer


def _checked(name: str, names: dict[str, Any], *, kind: str) -> str:
    """The name, or ValueError with the nearest one."""
    if name in names:
        return name
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
    msg = f"no {kind} {name!r}: {hint}"
    raise ValueError(msg)

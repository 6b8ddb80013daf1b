# SPDX-License-Identifier: Apache-2.0
"""One key of a configuration chooses the segmentation network."""

from __future__ import annotations

import difflib
import math
from typing import Any

import torch
from torch import nn

from .._typing import PathLike
from .detection.yolov3 import EfficientNetBody, YOLOv3, load_darknet_weights
from .efficientnet_lite import load_encoder as load_efficientnet
from .segmentation.abnormal_unet import AbnormalUNet
from .segmentation.aunet import AUNet
from .segmentation.cascaded_unet import CascadedUNet
from .segmentation.cgan import Pix2PixGenerator
from .segmentation.efficientnet_aunet import EfficientNetAUNet
from .segmentation.efficientnet_unet import EfficientNetUNet
from .segmentation.fcdensenet import FCDenseNet103
from .segmentation.fusionnet import FusionNet
from .segmentation.unet import UNet
from .segmentation.unetpp import VGG19UNetPlusPlus, load_encoder
from .transfer import load_pretrained

__all__ = ["crop_segmenter", "lesion_unet", "mass_detector", "segmentation_network"]


def lesion_unet(
    architecture: str = "abnormal_unet",
    *,
    pretrained_path: PathLike | None = None,
    **options: Any,
) -> nn.Module:
    """Build the network of the abnormal-focused system, one logit a pixel of a gray image.

    Parameters
    ----------
    architecture : {"abnormal_unet", "efficientnet_unet"}
        The paper's, or the one with an encoder that may begin with ImageNet weights.
    pretrained_path : path, optional
        Weights of the same network to begin with; for `efficientnet_unet` those of an EfficientNet-Lite too.
    **options
        Of the networks' own classes: `width`, `dropout`, and `levels` or `variant`, for example.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    FileNotFoundError
        If there is no such file of weights.
    ValueError
        If there is no such architecture (the nearest name is given), or the weights do not fit.

    Examples
    --------
    >>> type(lesion_unet("efficientnet_unet", width=4)).__name__
    'EfficientNetUNet'
    """
    networks = {"abnormal_unet": AbnormalUNet, "efficientnet_unet": EfficientNetUNet}
    _check_name(architecture, networks, kind="architecture")
    network = networks[architecture](**options)
    if pretrained_path is not None and isinstance(network, EfficientNetUNet):
        load_efficientnet(network, pretrained_path)
    elif pretrained_path is not None:
        load_pretrained(network, pretrained_path)
    return network


def segmentation_network(
    architecture: str = "aunet",
    *,
    in_channels: int = 3,
    out_channels: int = 2,
    width: int = 64,
    encoder_unit: str | None = None,
    decoder_unit: str | None = None,
    upsampling: str = "bilinear",
    reduction: int = 16,
    dropout: float = 0.0,
    pretrained_path: PathLike | None = None,
) -> nn.Module:
    """Build a segmentation network by name.

    Parameters
    ----------
    architecture : {"aunet", "efficientnet_aunet", "unet", "fusionnet", "fcdensenet103", "abnormal_unet"}
    in_channels, out_channels, width
        As in the networks' own classes.
    encoder_unit, decoder_unit : {"basic", "deep", "res"}, optional
        Of `aunet` and `unet`; None takes the network's own.
    upsampling : {"bilinear", "transposed"}
        Of `aunet`, `efficientnet_aunet`, `unet` and `fusionnet`.
    reduction : int
        Of `aunet` and `efficientnet_aunet`.
    dropout : float
        Of `efficientnet_aunet`.
    pretrained_path : path, optional
        Weights of the same network to begin with (for example trained on another data set); for `efficientnet_aunet`
        those of an EfficientNet-Lite, or of another network on that encoder, too.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        If there is no such architecture (the nearest name is given), or it has no units to choose.

    Examples
    --------
    >>> type(segmentation_network("unet", width=2)).__name__
    'UNet'
    """
    shape: dict[str, Any] = {"in_channels": in_channels, "out_channels": out_channels, "width": width}
    chosen = {"encoder_unit": encoder_unit, "decoder_unit": decoder_unit}
    units = {key: value for key, value in chosen.items() if value is not None}
    networks: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
        "aunet": (AUNet, {**units, "upsampling": upsampling, "reduction": reduction}),
        "efficientnet_aunet": (
            EfficientNetAUNet,
            {"upsampling": upsampling, "reduction": reduction, "dropout": dropout},
        ),
        "unet": (UNet, {**units, "upsampling": upsampling}),
        "fusionnet": (FusionNet, {"upsampling": upsampling}),
        "fcdensenet103": (FCDenseNet103, {}),
        "abnormal_unet": (AbnormalUNet, {}),
    }
    _check_name(architecture, networks, kind="architecture")
    if units and architecture not in ("aunet", "unet"):
        msg = f"{architecture} has no {' or '.join(units)} to choose; leave it null"
        raise ValueError(msg)
    cls, options = networks[architecture]
    network = cls(**shape, **options)
    if pretrained_path is not None and isinstance(network, EfficientNetAUNet):
        load_efficientnet(network, pretrained_path)
    elif pretrained_path is not None:
        load_pretrained(network, pretrained_path)
    return network


def crop_segmenter(
    segmenter: str = "v19unetpp",
    *,
    in_channels: int = 3,
    width: int = 64,
    deep_supervision: bool = True,
    pretrained_path: PathLike | None = None,
) -> nn.Module:
    """Build the network that segments crops in the two-stage system, with one logit a pixel.

    Parameters
    ----------
    segmenter : {"v19unetpp", "unet", "cgan", "cascaded_unet"}
    in_channels, width
        As in the networks' own classes.
    deep_supervision : bool
        Of `v19unetpp`.
    pretrained_path : path, optional
        Weights of the same network; for `v19unetpp` those of a VGG-19 too.

    Returns
    -------
    torch.nn.Module
        In training mode some give a list of logits, in evaluation mode all give one tensor.

    Raises
    ------
    ValueError
        If there is no such network (the nearest name is given).

    Examples
    --------
    >>> type(crop_segmenter("cgan", width=2)).__name__
    'Pix2PixGenerator'
    """
    networks: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
        "v19unetpp": (VGG19UNetPlusPlus, {"deep_supervision": deep_supervision}),
        "unet": (UNet, {}),
        "cgan": (Pix2PixGenerator, {}),
        "cascaded_unet": (CascadedUNet, {}),
    }
    _check_name(segmenter, networks, kind="segmenter")
    cls, options = networks[segmenter]
    network = cls(in_channels, 1, width=width, **options)
    if pretrained_path is not None and isinstance(network, VGG19UNetPlusPlus):
        load_encoder(network, pretrained_path)
    elif pretrained_path is not None:
        load_pretrained(network, pretrained_path)
    return network


def mass_detector(
    *,
    in_channels: int = 3,
    num_classes: int = 1,
    width: int = 32,
    body: str = "darknet53",
    objectness_prior: float = 0.01,
    pretrained_path: PathLike | None = None,
) -> YOLOv3:
    """Build the detector of the two-stage system.

    Parameters
    ----------
    in_channels, num_classes, width, body
        As in `mammozoo.networks.detection.yolov3.YOLOv3`.
    objectness_prior : float
        What a fresh network answers for objectness: thousands of boxes are background for one that is not, and
        learning that from 0.5 takes hundreds of steps. 0.5 is Darknet's way; a choice, see docs/explanation/choices.md.
    pretrained_path : path, optional
        A Darknet file (``.weights``: the body, as trained on ImageNet, or the whole network), or the state dict of an
        earlier training; for the body `efficientnet_lite0` also that of an EfficientNet-Lite, or of a segmentation
        network on that encoder.

    Returns
    -------
    YOLOv3

    Raises
    ------
    FileNotFoundError, ValueError
        If the file does not exist or does not fit, or the prior is not between 0 and 1.

    Examples
    --------
    >>> mass_detector(width=1).strides
    (32, 16, 8)
    """
    network = YOLOv3(in_channels, num_classes, width=width, body=body)
    _set_prior(network, objectness_prior)
    if pretrained_path is not None and str(pretrained_path).endswith(".weights"):
        load_darknet_weights(network, pretrained_path)
    elif pretrained_path is not None and isinstance(network.body, EfficientNetBody):
        load_efficientnet(network, pretrained_path, encoder="body.encoder")
    elif pretrained_path is not None:
        load_pretrained(network, pretrained_path)
    return network


def _set_prior(network: YOLOv3, prior: float) -> None:
    """Set the biases of the objectness outputs to the logit of a prior."""
    if not 0 < prior < 1:
        msg = f"objectness_prior must lie between 0 and 1, got {prior}"
        raise ValueError(msg)
    with torch.no_grad():
        for head in network.heads:
            last = head.get_submodule("predict.1")
            last.get_parameter("bias").view(3, -1)[:, 4] = math.log(prior / (1 - prior))


def _check_name(name: str, networks: dict[str, Any], *, kind: str) -> None:
    if name not in networks:
        near = difflib.get_close_matches(name, networks, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(networks)}"
        msg = f"no {kind} {name!r}: {hint}"
        raise ValueError(msg)

# SPDX-License-Identifier: Apache-2.0
"""One key of a configuration chooses the segmentation network."""

from __future__ import annotations

import difflib
from typing import Any

from torch import nn

from .._typing import PathLike
from .abnormal_unet import AbnormalUNet
from .aunet import AUNet
from .fcdensenet import FCDenseNet103
from .fusionnet import FusionNet
from .transfer import load_pretrained
from .unet import UNet

__all__ = ["segmentation_network"]


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
    pretrained_path: PathLike | None = None,
) -> nn.Module:
    """Build a segmentation network by name.

    Parameters
    ----------
    architecture : {"aunet", "unet", "fusionnet", "fcdensenet103", "abnormal_unet"}
    in_channels, out_channels, width
        As in the networks' own classes.
    encoder_unit, decoder_unit : {"basic", "deep", "res"}, optional
        Of `aunet` and `unet`; None takes the network's own.
    upsampling : {"bilinear", "transposed"}
        Of `aunet`, `unet` and `fusionnet`.
    reduction : int
        Of `aunet`.
    pretrained_path : path, optional
        Weights of the same network to begin with (for example trained on another data set).

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
        "unet": (UNet, {**units, "upsampling": upsampling}),
        "fusionnet": (FusionNet, {"upsampling": upsampling}),
        "fcdensenet103": (FCDenseNet103, {}),
        "abnormal_unet": (AbnormalUNet, {}),
    }
    if architecture not in networks:
        near = difflib.get_close_matches(architecture, networks, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(networks)}"
        msg = f"no architecture {architecture!r}: {hint}"
        raise ValueError(msg)
    if units and architecture not in ("aunet", "unet"):
        msg = f"{architecture} has no {' or '.join(units)} to choose; leave it null"
        raise ValueError(msg)
    cls, options = networks[architecture]
    network = cls(**shape, **options)
    if pretrained_path is not None:
        load_pretrained(network, pretrained_path)
    return network

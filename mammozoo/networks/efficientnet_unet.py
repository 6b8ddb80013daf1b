# SPDX-License-Identifier: Apache-2.0
"""A U-Net whose encoder is an EfficientNet-Lite that may begin with ImageNet weights.

References
----------
Ronneberger et al., MICCAI 2015, arXiv:1505.04597 (decoder and skips); Tan and Le, ICML 2019, arXiv:1905.11946
(encoder); Shi et al., CVPR 2016, arXiv:1609.05158, Section 3.2 (the last step to full size).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from .._typing import PathLike
from .blocks import check_sides, conv_block
from .classifier_weights import fit_stem
from .efficientnet_lite import EfficientNetLite
from .transfer import load_pretrained, misfit, read_state

__all__ = ["EfficientNetUNet", "load_encoder"]


class EfficientNetUNet(nn.Module):
    """Five sizes down, four up by bilinear upsampling and concatenated skips, the last by a sub-pixel step.

    Parameters
    ----------
    in_channels : int
        1: gray.
    out_channels : int
        1: the probability of lesion, as a logit.
    variant : {"lite0", "lite1", "lite2"}
        Of the encoder.
    width : int
        Channels of the decoder's last map, at half the image's sides; at 1/4, 1/8 and 1/16 it has 1.5, 2 and 4 times as
        many. With 32 and lite0 there are 3,825,188 parameters.
    dropout : float
        On the encoder's deepest map, by channels.

    Notes
    -----
    Takes (B, in_channels, W, H) from 0 to 1, with sides that are multiples of 32; the encoder sees -1 to 1, as its
    ImageNet weights expect. Returns logits of the same size. The encoder's tensors begin with ``encoder``.

    Examples
    --------
    >>> EfficientNetUNet(width=8)(torch.zeros(2, 1, 64, 32)).shape
    torch.Size([2, 1, 64, 32])
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        *,
        variant: str = "lite0",
        width: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = EfficientNetLite(in_channels, num_classes=0, variant=variant)
        *skips, deepest = self.encoder.channels
        widths = [4 * width, 2 * width, 3 * width // 2, width]
        inputs = [deepest, *widths[:-1]]
        self.dropout = nn.Dropout2d(dropout)
        self.decoder = nn.ModuleList(
            conv_block(below + skip, out) for below, skip, out in zip(inputs, reversed(skips), widths, strict=True)
        )
        self.head = nn.Conv2d(width, 4 * out_channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, out_channels, W, H)."""
        check_sides(image, multiple=32, network="EfficientNetUNet")
        *skips, features = self.encoder.features(2 * image - 1)
        features = self.dropout(features)
        for unit, skip in zip(self.decoder, reversed(skips), strict=True):
            larger = functional.interpolate(features, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            features = unit(torch.cat([skip, larger], dim=1))
        return functional.pixel_shuffle(self.head(features), 2)


def load_encoder(network: nn.Module, path: PathLike) -> None:
    """Begin with a classifier's weights in the encoder, with another network's encoder, or with a whole network's.

    Parameters
    ----------
    network : torch.nn.Module
        With an `EfficientNetLite` as its ``encoder``.
    path : path
        As in `mammozoo.networks.transfer.read_state`: an `EfficientNetLite`, for example trained on ImageNet (its first
        convolution is adapted to the network's channels; its last convolution and head stay behind); a network of the
        same class; or another network whose tensors begin with ``encoder`` (only those are taken).

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it does not fit; the message says how.

    Examples
    --------
    >>> load_encoder(EfficientNetUNet(width=2), "absent.pt")
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no weights file absent.pt
    """
    state = read_state(path)
    if state.keys() == network.state_dict().keys():
        load_pretrained(network, path)
        return
    prefix = "encoder."
    if any(name.startswith(prefix) for name in state):
        state = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    encoder = network.get_submodule("encoder")
    own = encoder.state_dict()
    stem = state.get("_conv_stem.weight")
    if stem is not None and stem.ndim == 4:
        state["_conv_stem.weight"] = fit_stem(stem, in_channels=own["_conv_stem.weight"].shape[1])
    given = {name: state[name] for name in own if name in state}
    fault = misfit(given, own)
    if fault is not None:
        msg = f"{path} does not fit the encoder: {fault}; is it an EfficientNet-Lite of the same variant?"
        raise ValueError(msg)
    encoder.load_state_dict(given)

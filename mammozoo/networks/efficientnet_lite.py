# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite: inverted bottlenecks without squeeze-and-excitation, cheap enough to train on a CPU.

Tensors are named as in the published PyTorch files of these networks, which load as they are. With three input
channels and one logit lite0 has 3,372,289 parameters, lite1 4,136,961 and lite2 4,812,353.

References
----------
Tan and Le, ICML 2019, arXiv:1905.11946, Table 1 and equation 3, in the "Lite" form of the authors' code release of
2020: ReLU6, no squeeze-and-excitation, stem and head not widened, first and last stage not deepened.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.nn import functional

from .adapting import adapt_classifier, fit_stem, from_elsewhere, turned
from .transfer import misfit

__all__ = ["EfficientNetLite", "adapt_encoder", "efficientnet_lite0"]

_Norm = Callable[[int], nn.BatchNorm2d]
_SCALING = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}  # of width and of depth


@dataclasses.dataclass(frozen=True)
class _Stage:
    expand: int
    kernel_size: int
    stride: int
    channels: int
    repeats: int


_STAGES = (
    _Stage(1, 3, 1, 16, 1),
    _Stage(6, 3, 2, 24, 2),
    _Stage(6, 5, 2, 40, 2),
    _Stage(6, 3, 2, 80, 3),
    _Stage(6, 5, 1, 112, 3),
    _Stage(6, 5, 2, 192, 4),
    _Stage(6, 3, 1, 320, 1),
)


class _SameConv2d(nn.Conv2d):
    """Convolution to ceil(side / stride); an odd padding has its further pixel at the far end, as in TensorFlow."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 (torch's name)
        kernel, stride = self.kernel_size[0], self.stride[0]
        across, down = [
            max(0, ((side + stride - 1) // stride - 1) * stride + kernel - side) for side in input.shape[-2:]
        ]
        if across == down and across % 2 == 0:
            return functional.conv2d(input, self.weight, self.bias, stride, across // 2, 1, self.groups)
        padded = functional.pad(input, [down // 2, down - down // 2, across // 2, across - across // 2])
        return functional.conv2d(padded, self.weight, self.bias, stride, 0, 1, self.groups)


class _Block(nn.Module):
    """Widen, convolve each channel, narrow; the input is added where the shapes agree."""

    __constants__ = ("adds", "expands")  # for torch.jit.script

    def __init__(self, in_channels: int, out_channels: int, *, stage: _Stage, stride: int, norm: _Norm) -> None:
        super().__init__()
        hidden = in_channels * stage.expand
        self.expands = stage.expand > 1
        self.adds = stride == 1 and in_channels == out_channels
        if self.expands:
            self._expand_conv = nn.Conv2d(in_channels, hidden, 1, bias=False)
            self._bn0 = norm(hidden)
        kernel = stage.kernel_size
        self._depthwise_conv = _SameConv2d(hidden, hidden, kernel, stride=stride, groups=hidden, bias=False)
        self._bn1 = norm(hidden)
        self._project_conv = nn.Conv2d(hidden, out_channels, 1, bias=False)
        self._bn2 = norm(out_channels)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        hidden = features
        if self.expands:
            hidden = functional.relu6(self._bn0(self._expand_conv(hidden)), inplace=True)
        hidden = functional.relu6(self._bn1(self._depthwise_conv(hidden)), inplace=True)
        hidden = self._bn2(self._project_conv(hidden))
        return features + hidden if self.adds else hidden


def _rounded(channels: int, factor: float) -> int:
    """Scale to a multiple of 8, never by less than 90 %."""
    scaled = channels * factor
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * scaled else rounded + 8


class EfficientNetLite(nn.Module):
    """Stem, sixteen or more inverted bottlenecks, a wide 1 x 1 convolution, the mean over the image, one linear layer.

    Parameters
    ----------
    in_channels : int
        3: gray copied to RGB.
    num_classes : int
        Logits; 0 leaves the last convolution and the linear layer out, for an encoder.
    variant : {"lite0", "lite1", "lite2"}
        lite1 is 1.1 times as deep, lite2 also 1.1 times as wide and 1.2 times as deep.
    dropout : float
        Before the linear layer.
    bn_momentum : float
        Share of a batch in the running statistics of all normalisations: PyTorch's 0.1. The published networks' 0.01,
        made for ImageNet's millions of steps, leaves them after a few hundred near their first values, and evaluation,
        which uses them, collapses.

    Attributes
    ----------
    channels : tuple of int
        Of the feature maps that `features` returns.

    Raises
    ------
    ValueError
        If there is no such variant.

    Notes
    -----
    Takes (B, in_channels, W, H) of any size; ImageNet weights expect intensities from -1 to 1, three channels; their
    kernels are turned on loading, a head of other classes stays behind (`mammozoo.networks.load_pretrained`).

    Examples
    --------
    >>> EfficientNetLite(num_classes=2)(torch.zeros(1, 3, 64, 48)).shape
    torch.Size([1, 2])
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 1,
        *,
        variant: str = "lite0",
        dropout: float = 0.0,
        bn_momentum: float = 0.1,
    ) -> None:
        super().__init__()
        if variant not in _SCALING:
            msg = f"there is no EfficientNet {variant!r}; there are {', '.join(_SCALING)}"
            raise ValueError(msg)
        width, depth = _SCALING[variant]
        norm = functools.partial(nn.BatchNorm2d, eps=1e-3, momentum=bn_momentum)
        self._conv_stem = _SameConv2d(in_channels, 32, 3, stride=2, bias=False)
        self._bn0 = norm(32)
        self._blocks = nn.ModuleList()
        last, ends, channels = 32, [], []
        for number, stage in enumerate(_STAGES):
            out = _rounded(stage.channels, width)
            fixed_depth = number in (0, len(_STAGES) - 1)
            repeats = stage.repeats if fixed_depth else math.ceil(depth * stage.repeats)
            if stage.stride == 2:
                ends.append(len(self._blocks) - 1)
                channels.append(last)
            for repeat in range(repeats):
                stride = stage.stride if repeat == 0 else 1
                self._blocks.append(_Block(last, out, stage=stage, stride=stride, norm=norm))
                last = out
        self._ends = [*ends, len(self._blocks) - 1]
        self.channels = (*channels, last)
        self.dropout = nn.Dropout(dropout)
        self._conv_head = nn.Conv2d(last, 1280, 1, bias=False) if num_classes else nn.Identity()
        self._bn1 = norm(1280) if num_classes else nn.Identity()
        self._fc = nn.Linear(1280, num_classes) if num_classes else nn.Identity()

    def features(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Compute the last feature map of each size: 1/2, 1/4, 1/8, 1/16 and 1/32 of the image's sides.

        Parameters
        ----------
        image : torch.Tensor
            Shape (B, in_channels, W, H).

        Returns
        -------
        list of torch.Tensor
            Five, of `channels` channels.
        """
        hidden = functional.relu6(self._bn0(self._conv_stem(image)), inplace=True)
        maps = []
        for number, block in enumerate(self._blocks):
            hidden = block(hidden)
            if number in self._ends:
                maps.append(hidden)
        return maps

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits (B, num_classes)."""
        hidden = functional.relu6(self._bn1(self._conv_head(self.features(image)[-1])))
        logits: torch.Tensor = self._fc(self.dropout(hidden.mean(dim=(2, 3))))
        return logits

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fit the weights of the same network, of the published names, with any head and input channels."""
        return adapt_classifier(self, state, stem="_conv_stem", head="_fc")


def efficientnet_lite0(
    in_channels: int = 3, num_classes: int = 1, *, dropout: float = 0.0, bn_momentum: float = 0.1
) -> EfficientNetLite:
    """Build the smallest `EfficientNetLite`."""
    return EfficientNetLite(in_channels, num_classes, dropout=dropout, bn_momentum=bn_momentum)


def adapt_encoder(network: nn.Module, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Fit a classifier's weights, or another network's tensors under ``encoder.``, to the encoder of a network."""
    prefix = "encoder."
    own = network.get_submodule("encoder").state_dict()
    if any(name.startswith(prefix) for name in state):
        given = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    else:
        given = turned(state) if from_elsewhere(state, head="_fc") else dict(state)
    stem = given.get("_conv_stem.weight")
    if stem is not None and stem.ndim == 4:
        given["_conv_stem.weight"] = fit_stem(stem, in_channels=own["_conv_stem.weight"].shape[1])
    given = {name: given[name] for name in own if name in given}
    counters = {name for name in own if name.endswith("num_batches_tracked")}
    fault = misfit(given, own, optional=counters)
    if fault is not None:
        msg = f"{fault}; is it an EfficientNet-Lite of the same variant?"
        raise ValueError(msg)
    return {f"{prefix}{name}": value for name, value in given.items()}

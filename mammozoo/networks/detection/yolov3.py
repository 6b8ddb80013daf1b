# SPDX-License-Identifier: Apache-2.0
"""YOLOv3 on Darknet-53, the mass detector of the two-stage system.

61,523,734 parameters with one class (61,949,149 with the 80 of COCO), 40,584,928 of them in the body's 52 convolutions;
75 convolutions in all.

References
----------
.. [1] Redmon and Farhadi, YOLOv3: an incremental improvement, 2018, arXiv:1804.02767, Sections 2.3 and 2.4, Table 1.
.. [2] Yan et al., Two-stage breast mass detection and segmentation, 2020, arXiv:2002.12079.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import nn

from ..adapting import turned
from ..blocks import check_sides
from ..transfer import DARKNET, misfit

__all__ = ["Darknet53", "YOLOv3"]

RESIDUALS = (1, 2, 8, 8, 4)  # of each stage: Table 1 of [1]
ANCHORS_PER_HEAD = 3


def _conv(in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1) -> nn.Sequential:
    """Convolution without bias, batch normalisation, LeakyReLU of slope 0.1."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.LeakyReLU(0.1, inplace=True),
    )


class _Residual(nn.Module):
    """1x1 to half the channels, 3x3 back, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = _conv(channels, channels // 2, 1)
        self.expand = _conv(channels // 2, channels, 3)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = features + self.expand(self.reduce(features))
        return result


class Darknet53(nn.Module):
    """The body: a stem and five stages that halve the sides."""

    def __init__(self, in_channels: int = 3, *, width: int = 32) -> None:
        super().__init__()
        self.channels = (8 * width, 16 * width, 32 * width)
        self.stem = _conv(in_channels, width, 3)
        self.stages = nn.ModuleList()
        for level, blocks in enumerate(RESIDUALS):
            channels = width * 2 ** (level + 1)
            down = _conv(channels // 2, channels, 3, stride=2)
            self.stages.append(nn.Sequential(down, *(_Residual(channels) for _ in range(blocks))))

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Compute the features at strides 8, 16 and 32, in this order."""
        features = self.stem(image)
        maps = []
        for stage in self.stages:
            features = stage(features)
            maps.append(features)
        return maps[2:]


class _Head(nn.Module):
    """Join the coarser head's features (if any), five convolutions, then the predictions."""

    def __init__(self, skip_channels: int, channels: int, outputs: int, *, coarser_channels: int = 0) -> None:
        super().__init__()
        joined, lateral = skip_channels, None
        if coarser_channels:
            lateral = nn.Sequential(_conv(coarser_channels, channels, 1), nn.Upsample(scale_factor=2, mode="nearest"))
            joined += channels
        self.lateral = lateral
        self.gather = nn.Sequential(
            _conv(joined, channels, 1),
            _conv(channels, 2 * channels, 3),
            _conv(2 * channels, channels, 1),
            _conv(channels, 2 * channels, 3),
            _conv(2 * channels, channels, 1),
        )
        self.predict = nn.Sequential(_conv(channels, 2 * channels, 3), nn.Conv2d(2 * channels, outputs, 1))

    def forward(self, skip: torch.Tensor, coarser: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        if self.lateral is not None and coarser is not None:
            skip = torch.cat([self.lateral(coarser), skip], dim=1)
        features = self.gather(skip)
        return features, self.predict(features)


class YOLOv3(nn.Module):
    """Detector with three heads at strides 32, 16 and 8, three anchors each [1]_, [2]_.

    Parameters
    ----------
    in_channels : int
        3: gray copied to RGB.
    num_classes : int
        1: mass.
    width : int
        Channels of the first convolution (32); the deepest has 32 times as many.
    objectness_prior : float
        What a fresh network answers for objectness: thousands of boxes are background for one that is not, and
        learning that from 0.5, Darknet's way, takes hundreds of steps. A choice, see docs/explanation/choices.md.

    Raises
    ------
    ValueError
        If the prior is not between 0 and 1.

    Attributes
    ----------
    strides : tuple of int
        (32, 16, 8): pixels a cell, in the order of the outputs.

    Notes
    -----
    Takes (B, in_channels, W, H) with sides that are multiples of 32; returns three tensors (B, 3, W / stride,
    H / stride, 5 + num_classes) of raw values in the order of `strides`: x and y in the cell, log width and log height
    over the anchor, objectness, classes. `mammozoo.functional.boxes.yolo_decode` turns them into boxes.

    `mammozoo.networks.load_pretrained` takes a Darknet ``.weights`` file of the body (as trained on ImageNet) or of the
    whole network, by its length; its kernels are turned. Images run from 0 to 1 there as here.

    Examples
    --------
    >>> [tuple(output.shape) for output in YOLOv3(width=1)(torch.zeros(2, 3, 32, 64))]
    [(2, 3, 1, 2, 6), (2, 3, 2, 4, 6), (2, 3, 4, 8, 6)]
    """

    strides = (32, 16, 8)

    def __init__(
        self, in_channels: int = 3, num_classes: int = 1, *, width: int = 32, objectness_prior: float = 0.01
    ) -> None:
        super().__init__()
        if not 0 < objectness_prior < 1:
            msg = f"objectness_prior must lie between 0 and 1, got {objectness_prior}"
            raise ValueError(msg)
        self.body = Darknet53(in_channels, width=width)
        fine, middle, coarse = self.body.channels
        outputs = ANCHORS_PER_HEAD * (5 + num_classes)
        self.heads = nn.ModuleList(
            [
                _Head(coarse, 16 * width, outputs),
                _Head(middle, 8 * width, outputs, coarser_channels=16 * width),
                _Head(fine, 4 * width, outputs, coarser_channels=8 * width),
            ]
        )
        with torch.no_grad():
            for head in self.heads:
                bias = head.get_submodule("predict.1").get_parameter("bias")
                bias.view(ANCHORS_PER_HEAD, -1)[:, 4] = math.log(objectness_prior / (1 - objectness_prior))

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Compute the raw outputs at strides 32, 16 and 8."""
        check_sides(image, multiple=32, network="YOLOv3")
        features: torch.Tensor | None = None
        outputs = []
        maps = self.body(image)
        for level, head in enumerate(self.heads):
            features, raw = head(maps[-1 - level], features)
            outputs.append(raw.unflatten(1, (3, -1)).permute(0, 1, 3, 4, 2))  # 3: ANCHORS_PER_HEAD
        return outputs

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fit a Darknet file, the body's tensors under their own names, or those of the whole network."""
        if misfit(state, self.state_dict()) is None:
            return dict(state)
        if DARKNET in state:
            return self._from_darknet(state[DARKNET])
        prefix, own = "body.", self.body.state_dict()
        given = {name.removeprefix(prefix): value for name, value in state.items() if not name.startswith("heads.")}
        fault = misfit(given, own)
        if fault is not None:
            msg = f"{fault}; is it a Darknet-53 of the same width?"
            raise ValueError(msg)
        return {f"{prefix}{name}": value for name, value in given.items()}

    def _from_darknet(self, values: torch.Tensor) -> dict[str, torch.Tensor]:
        """Cut a Darknet file's numbers into tensors: the body's, or the whole network's, by how many there are."""
        parts: list[tuple[str, nn.Module]] = [("body.", self.body), ("", self)]
        sizes = [sum(tensor.numel() for _, tensor in _file_order(part)) for _, part in parts]
        if values.numel() not in sizes:
            msg = (
                f"it holds {values.numel()} numbers; this network's body takes {sizes[0]} and the whole network "
                f"{sizes[1]}; is it a Darknet-53 file, and are width, in_channels and num_classes the file's?"
            )
            raise ValueError(msg)
        if not bool(torch.isfinite(values).all()):
            msg = "it holds values that are not finite; is it a Darknet weights file?"
            raise ValueError(msg)
        prefix, part = parts[sizes.index(values.numel())]
        targets = list(_file_order(part))
        cut = torch.split(values, [tensor.numel() for _, tensor in targets])
        read = {f"{prefix}{name}": v.view(tensor.shape) for (name, tensor), v in zip(targets, cut, strict=True)}
        return turned(read)


def _file_order(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Names and tensors in the order of Darknet's files: a layer's normalisation (or its bias), then its kernel."""
    kinds = (nn.Conv2d, nn.BatchNorm2d)
    layers = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, kinds)]
    for index, (name, layer) in enumerate(layers):
        if isinstance(layer, nn.BatchNorm2d):
            continue
        if layer.bias is not None:
            yield f"{name}.bias", layer.bias
        else:
            after, norm = layers[index + 1]
            for part in ("bias", "weight", "running_mean", "running_var"):
                yield f"{after}.{part}", getattr(norm, part)
        yield f"{name}.weight", layer.weight

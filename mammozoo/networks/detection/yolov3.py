# SPDX-License-Identifier: Apache-2.0
"""YOLOv3 on Darknet-53, the mass detector of the two-stage system; or on a smaller body that was trained elsewhere.

61,523,734 parameters with one class (61,949,149 with the 80 of COCO), 40,584,928 of them in the body's 52 convolutions;
75 convolutions in all.

References
----------
.. [1] Redmon and Farhadi, YOLOv3: an incremental improvement, 2018, arXiv:1804.02767, Sections 2.3 and 2.4, Table 1.
.. [2] Yan et al., Two-stage breast mass detection and segmentation, 2020, arXiv:2002.12079.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..._typing import PathLike
from ..blocks import check_sides
from ..efficientnet_lite import EfficientNetLite

__all__ = ["Darknet53", "EfficientNetBody", "YOLOv3", "load_darknet_weights"]

RESIDUALS = (1, 2, 8, 8, 4)  # of each stage: Table 1 of [1]
ANCHORS_PER_HEAD = 3
HEADER_BYTES = 20  # Darknet's: major, minor, revision, and the images seen as 64 bits


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
    """The body [1]_: a stem and five stages that halve the sides, 52 convolutions (the 53rd layer is its classifier's).

    Parameters
    ----------
    in_channels : int
        3: gray copied to RGB.
    width : int
        Channels of the stem (32); stage k has ``width * 2**k``.

    Examples
    --------
    >>> [tuple(f.shape) for f in Darknet53(width=1)(torch.zeros(1, 3, 32, 64))]
    [(1, 8, 4, 8), (1, 16, 2, 4), (1, 32, 1, 2)]
    """

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


class EfficientNetBody(nn.Module):
    """An EfficientNet-Lite in the place of Darknet-53.

    Parameters
    ----------
    in_channels : int
    variant : {"lite0", "lite1", "lite2"}

    Attributes
    ----------
    channels : tuple of int
        Of the features at strides 8, 16 and 32.

    Notes
    -----
    Takes (B, in_channels, W, H) from 0 to 1; the encoder sees -1 to 1, as its ImageNet weights expect.

    Examples
    --------
    >>> [tuple(f.shape) for f in EfficientNetBody(1)(torch.zeros(1, 1, 32, 64))]
    [(1, 40, 4, 8), (1, 112, 2, 4), (1, 320, 1, 2)]
    """

    def __init__(self, in_channels: int = 3, *, variant: str = "lite0") -> None:
        super().__init__()
        self.encoder = EfficientNetLite(in_channels, num_classes=0, variant=variant)
        self.channels = self.encoder.channels[2:]

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Compute the features at strides 8, 16 and 32, in this order."""
        return self.encoder.features(2 * image - 1)[2:]


class _Head(nn.Module):
    """Join the coarser head's features (if any), five convolutions, then the predictions.

    The layers are made in the order of Darknet's files.
    """

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
        if self.lateral is not None:
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
        Channels of the first convolution (32); the deepest has 32 times as many. With another body, of the heads alone:
        16, 8 and 4 times as many.
    body : {"darknet53", "efficientnet_lite0"}

    Raises
    ------
    ValueError
        If there is no such body.

    Attributes
    ----------
    strides : tuple of int
        (32, 16, 8): pixels a cell, in the order of the outputs.

    Notes
    -----
    Takes (B, in_channels, W, H) with sides that are multiples of 32; returns three tensors (B, 3, W / stride,
    H / stride, 5 + num_classes) of raw values in the order of `strides`: x and y in the cell, log width and log height
    over the anchor, objectness, classes. `mammozoo.functional.boxes.yolo_decode` turns them into boxes.

    Examples
    --------
    >>> [tuple(output.shape) for output in YOLOv3(width=1)(torch.zeros(2, 3, 32, 64))]
    [(2, 3, 1, 2, 6), (2, 3, 2, 4, 6), (2, 3, 4, 8, 6)]
    """

    strides = (32, 16, 8)

    def __init__(self, in_channels: int = 3, num_classes: int = 1, *, width: int = 32, body: str = "darknet53") -> None:
        super().__init__()
        if body not in ("darknet53", "efficientnet_lite0"):
            msg = f"there is no body {body!r}; there are darknet53 and efficientnet_lite0"
            raise ValueError(msg)
        self.body = Darknet53(in_channels, width=width) if body == "darknet53" else EfficientNetBody(in_channels)
        fine, middle, coarse = self.body.channels
        outputs = ANCHORS_PER_HEAD * (5 + num_classes)
        self.heads = nn.ModuleList(
            [
                _Head(coarse, 16 * width, outputs),
                _Head(middle, 8 * width, outputs, coarser_channels=16 * width),
                _Head(fine, 4 * width, outputs, coarser_channels=8 * width),
            ]
        )

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Compute the raw outputs at strides 32, 16 and 8."""
        check_sides(image, multiple=32, network="YOLOv3")
        features: torch.Tensor | None = None
        outputs = []
        for head, skip in zip(self.heads, reversed(self.body(image)), strict=True):
            features, raw = head(skip, features)
            outputs.append(raw.unflatten(1, (ANCHORS_PER_HEAD, -1)).permute(0, 1, 3, 4, 2))
        return outputs


def load_darknet_weights(network: YOLOv3, path: PathLike) -> str:
    """Load a local Darknet ``.weights`` file: the body's alone (as trained on ImageNet), or the whole network's.

    Parameters
    ----------
    network : YOLOv3
        Changed in place.
    path : path
        A header of five 32-bit integers, then little-endian float32: for each convolution the shift, scale, mean and
        variance of its normalisation (or its bias), then its kernel.

    Returns
    -------
    {"body", "network"}
        What the file held, by its length.

    Raises
    ------
    FileNotFoundError
    ValueError
        If the length fits neither the body nor the whole network, or a value is not finite; nothing is changed then.

    Notes
    -----
    Darknet's kernels run over (height, width), this project's images over (width, height): kernels are transposed, so
    that the network sees what it was trained on.

    Examples
    --------
    >>> load_darknet_weights(YOLOv3(width=1), "absent.weights")
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no weights file absent.weights
    """
    path = Path(path)
    if not path.is_file():
        msg = f"there is no weights file {path}"
        raise FileNotFoundError(msg)
    parts: dict[str, nn.Module] = {"body": network.body, "network": network}
    wanted = {name: HEADER_BYTES + 4 * sum(t.numel() for t in _file_order(part)) for name, part in parts.items()}
    size = path.stat().st_size
    name = next((name for name, length in wanted.items() if length == size), None)
    if name is None:
        msg = (
            f"{path} has {size} bytes; this network's body takes {wanted['body']} and the whole network "
            f"{wanted['network']}; is it a Darknet-53 file, and are width, in_channels and num_classes the file's?"
        )
        raise ValueError(msg)
    values = torch.from_numpy(np.fromfile(path, dtype="<f4", offset=HEADER_BYTES).astype(np.float32))
    if not bool(torch.isfinite(values).all()):
        msg = f"{path} holds values that are not finite; is it a Darknet weights file?"
        raise ValueError(msg)
    targets = list(_file_order(parts[name]))
    with torch.no_grad():
        for target, part in zip(targets, torch.split(values, [t.numel() for t in targets]), strict=True):
            read = part.view(target.shape)
            target.copy_(read.transpose(-1, -2) if target.ndim == 4 else read)
    return name


def _file_order(network: nn.Module) -> Iterator[torch.Tensor]:
    """The tensors of a network in the order of Darknet's files."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)]
    for index, layer in enumerate(layers):
        if not isinstance(layer, nn.Conv2d):
            continue
        if layer.bias is not None:
            yield layer.bias
        else:
            norm = layers[index + 1]
            yield from (norm.get_parameter("bias"), norm.get_parameter("weight"))
            yield from (norm.get_buffer("running_mean"), norm.get_buffer("running_var"))
        yield layer.weight

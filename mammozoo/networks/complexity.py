# SPDX-License-Identifier: Apache-2.0
"""Size and speed of a network."""

from __future__ import annotations

import statistics
import time

import torch
from torch import nn


def count_parameters(network: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def count_layers(network: nn.Module) -> int:
    """Count convolutions, transposed convolutions and linear layers, as papers do."""
    return sum(isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear) for module in network.modules())


def images_per_second(network: nn.Module, *, shape: tuple[int, int, int], repeats: int = 5) -> float:
    """Time single images (C, W, H), float32, on the network's own device; the median of `repeats` counts."""
    device = next(network.parameters()).device
    image = torch.rand(1, *shape, device=device)
    network.eval()
    seconds = []
    with torch.inference_mode():
        for _ in range(repeats + 1):
            _wait(device)
            start = time.perf_counter()
            network(image)
            _wait(device)
            seconds.append(time.perf_counter() - start)
    return 1 / statistics.median(seconds[1:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)

# SPDX-License-Identifier: Apache-2.0
"""Mixed precision, memory order and compilation change a network's gradients by rounding only."""

from __future__ import annotations

import pytest
import torch

from mammozoo.engines.training.inferers import AutocastInferer
from mammozoo.losses.region import DiceCrossEntropyLoss
from mammozoo.networks import create_network

NAMES = ["aunet", "unet", "fusionnet", "fcdensenet103"]


def _images() -> tuple[torch.Tensor, torch.Tensor]:
    """Four smooth breasts with a bright disk, and the disks."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    disks = torch.stack([((x - 0.2) ** 2 + (y - 0.1 * k) ** 2 < 0.05).float() for k in range(4)])[:, None]
    breast = (1 - x**2 - y**2).clip(0)
    return (breast + 0.5 * disks).expand(-1, 3, -1, -1).contiguous(), disks


def _gradients(name: str, *, amp: bool = False, channels_last: bool = False, compiled: bool = False) -> torch.Tensor:
    torch.manual_seed(0)
    # Batch statistics of an untrained network magnify rounding, in float32 too: running statistics are compared.
    network: torch.nn.Module = create_network(name, width=8, **({"reduction": 4} if name == "aunet" else {})).eval()
    image, label = _images()
    called = torch.compile(network) if compiled else network
    logits = AutocastInferer(amp=amp, channels_last=channels_last)(image, called)
    DiceCrossEntropyLoss()(logits, label).backward()
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def _cosine(first: torch.Tensor, second: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(first, second, dim=0))


@pytest.mark.parametrize("name", NAMES)
def test_gradients_in_bfloat16_point_where_float32_points(name: str) -> None:
    full, half = _gradients(name), _gradients(name, amp=True)
    assert torch.isfinite(half).all()
    assert _cosine(full, half) > 0.999
    assert float(half.norm() / full.norm()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_memory_order_changes_nothing(name: str) -> None:
    assert _cosine(_gradients(name), _gradients(name, channels_last=True)) > 0.9999


@pytest.mark.slow
def test_a_compiled_aunet_has_the_same_gradients() -> None:
    assert _cosine(_gradients("aunet"), _gradients("aunet", compiled=True)) > 0.999

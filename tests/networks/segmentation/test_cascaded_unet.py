# SPDX-License-Identifier: Apache-2.0
"""Cascaded U-Net: count, modes, what the fine network is given."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from mammozoo.networks.segmentation.cascaded_unet import CascadedUNet


def _network(**options: int) -> CascadedUNet:
    torch.manual_seed(0)
    return CascadedUNet(**{"width": 2, **options})  # type: ignore[arg-type]


def test_count() -> None:
    with torch.device("meta"):
        network = CascadedUNet()
    counts = [sum(p.numel() for p in part.parameters()) for part in (network, network.coarse, network.fine)]
    assert counts == [69_054_658, 34_527_041, 34_527_617]


def test_modes() -> None:
    network, image = _network(), torch.rand(2, 3, 64, 32)
    assert [tuple(logits.shape) for logits in network(image)] == [(2, 1, 64, 32)] * 2
    assert network.eval()(image).shape == (2, 1, 64, 32)


def test_the_fine_network_gets_the_image_and_the_coarse_probability() -> None:
    network, image = _network().eval(), torch.rand(1, 3, 64, 32)
    given: list[torch.Tensor] = []
    network.fine.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    fine = network(image)
    half = network.coarse(F.interpolate(image, size=(32, 16), mode="area"))
    coarse = F.interpolate(half, size=(64, 32), mode="bilinear")
    torch.testing.assert_close(given[0], torch.cat([image, coarse.sigmoid()], dim=1))
    assert torch.equal(network.fine(given[0]), fine)


def test_both_networks_get_gradients_from_the_fine_logits_alone() -> None:
    network = _network()
    network(torch.rand(2, 3, 32, 64))[1].square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())

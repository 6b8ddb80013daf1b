# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
import torch

from mammozoo.networks.segmentation.abnormal_unet import AbnormalUNet


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 7_701_825),
        ({"in_channels": 3}, 7_702_977),
        ({"transpose_kernel": 3}, 8_561_985),
        ({"convs_per_block": 1}, 3_790_017),
        ({"width": 24, "levels": 4, "stem_stride": 2}, 4_370_572),
    ],
)
def test_parameter_count(options: dict[str, Any], count: int) -> None:
    with torch.device("meta"):
        network = AbnormalUNet(**options)
    assert sum(p.numel() for p in network.parameters()) == count


def test_running_statistics_are_those_of_the_total_count() -> None:
    with torch.device("meta"):
        network = AbnormalUNet()
    statistics = sum(b.numel() for name, b in network.named_buffers() if "running" in name)
    assert 7_701_825 + statistics == 7_707_457


def test_shapes_at_224() -> None:
    with torch.device("meta"):
        network = AbnormalUNet()
        bottleneck: list[torch.Size] = []
        network.bottleneck.register_forward_hook(lambda *a: bottleneck.append(a[2].shape))
        assert network(torch.empty(2, 1, 224, 224)).shape == (2, 1, 224, 224)
    assert bottleneck == [(2, 512, 28, 28)]


@pytest.mark.parametrize("kernel", [2, 3])
def test_every_parameter_gets_a_gradient(kernel: int) -> None:
    network = AbnormalUNet(width=4, transpose_kernel=kernel)
    network(torch.rand(2, 1, 32, 24)).mean().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_dropout_acts_after_each_pooling_in_training_only() -> None:
    network = AbnormalUNet(width=4, dropout=0.5)
    calls: list[torch.Tensor] = []
    network.dropout.register_forward_hook(lambda *a: calls.append(a[2]))
    network(torch.rand(1, 1, 32, 32))
    assert len(calls) == 3
    network.eval()
    image = torch.rand(1, 1, 32, 32)
    assert torch.equal(network(image), network(image))


def test_wrong_sides_and_kernels_are_named() -> None:
    with pytest.raises(ValueError, match="multiples of 8, got 30 x 32; pad or resize to 32 x 32"):
        AbnormalUNet(width=4)(torch.zeros(1, 1, 30, 32))
    with pytest.raises(ValueError, match="2 or 3"):
        AbnormalUNet(transpose_kernel=4)
    with pytest.raises(ValueError, match="stem_stride is 0"):
        AbnormalUNet(stem_stride=0)


def test_a_strided_stem_keeps_the_size_and_asks_for_more_levels() -> None:
    network = AbnormalUNet(width=4, levels=4, stem_stride=2)
    assert network(torch.rand(2, 1, 64, 32)).shape == (2, 1, 64, 32)
    with pytest.raises(ValueError, match="multiples of 32, got 48 x 64"):
        network(torch.zeros(1, 1, 48, 64))

# SPDX-License-Identifier: Apache-2.0
"""Layers that several classifiers share."""

from __future__ import annotations

import pytest
import torch

from mammozoo.networks.classification.layers import PointwiseConv2d, StochasticDepth, depth_rates
from mammozoo.networks.classification.nyu_resnet22 import PreActivationBlock
from mammozoo.networks.classification.resnet import BasicBlock


@pytest.mark.parametrize("channels", [4, 8])
def test_narrow_shortcuts_survive_the_cpus_channels_last_order(channels: int) -> None:
    """A plain strided 1 x 1 convolution ended the process here, at 56 x 56."""
    image = torch.rand(2, channels, 56, 56).contiguous(memory_format=torch.channels_last)
    for block in (
        BasicBlock(channels, 2 * channels, stride=2),
        PreActivationBlock(channels, 2 * channels, stride=2, project=True),
    ):
        assert block(image).shape == (2, 2 * channels, 28, 28)
        block(image).mean().backward()


@pytest.mark.parametrize("side", [7, 8])
def test_pointwise_is_the_plain_convolution(side: int) -> None:
    convolution = PointwiseConv2d(4, 8, 1, stride=2)
    image = torch.rand(2, 4, side, side)
    plain = torch.nn.functional.conv2d(image, convolution.weight, convolution.bias, stride=2)
    torch.testing.assert_close(convolution(image), plain)


def test_stochastic_depth_drops_whole_images() -> None:
    torch.manual_seed(0)
    kept = StochasticDepth(0.25).train()(torch.ones(400, 2, 3))
    values = kept.flatten(1)
    assert torch.equal(values.amin(1), values.amax(1))
    assert values[:, 0].unique().tolist() == pytest.approx([0, 4 / 3])
    assert 0.15 < (values[:, 0] == 0).float().mean() < 0.35
    assert depth_rates(0.2, blocks=1) == [0.0]

# SPDX-License-Identifier: Apache-2.0
"""AUNet and the networks it was compared to: counts on the meta device, units, attention."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mammozoo.networks import create_network
from mammozoo.networks.segmentation.aunet import AUBlock, AUNet, ChannelAttention
from mammozoo.networks.segmentation.unet import UNet


def _count(network: nn.Module) -> tuple[int, int]:
    layers = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    return sum(p.numel() for p in network.parameters()), sum(isinstance(m, layers) for m in network.modules())


@pytest.mark.parametrize(
    ("name", "options", "count", "layers"),
    [
        ("aunet", {}, 75_495_162, 44),
        ("aunet", {"in_channels": 1}, 75_494_010, 44),
        ("aunet", {"out_channels": 1}, 75_495_097, 44),
        ("aunet", {"reduction": 2}, 76_714_562, 44),
        ("aunet", {"reduction": 4}, 76_017_762, 44),
        ("aunet", {"reduction": 8}, 75_669_362, 44),
        ("aunet", {"reduction": 32}, 75_408_062, 44),
        ("unet", {}, 34_527_106, 23),
        ("fusionnet", {}, 78_532_354, 50),
        ("fcdensenet103", {}, 13_916_258, 103),
        ("unet", {"encoder_unit": "res"}, 47_103_682, 28),
        ("unet", {"encoder_unit": "deep"}, 47_103_682, 28),
        ("unet", {"decoder_unit": "deep"}, 37_663_426, 27),
        ("unet", {"decoder_unit": "res"}, 37_663_426, 27),
        ("unet", {"encoder_unit": "deep", "decoder_unit": "deep"}, 50_240_002, 32),
        ("unet", {"encoder_unit": "deep", "decoder_unit": "res"}, 50_240_002, 32),
        ("unet", {"encoder_unit": "res", "decoder_unit": "deep"}, 50_240_002, 32),
        ("unet", {"encoder_unit": "res", "decoder_unit": "res"}, 50_240_002, 32),
    ],
)
def test_counts_of_the_paper(name: str, options: dict[str, Any], count: int, layers: int) -> None:
    with torch.device("meta"):
        assert _count(create_network(name, **options)) == (count, layers)


def test_breakdown_of_aunet() -> None:
    with torch.device("meta"):
        network = AUNet()
    assert [_count(unit)[0] for unit in network.encoder] == [76_032, 369_792, 1_476_864, 5_902_848, 23_602_176]
    assert [_count(block)[0] for block in network.decoder] == [33_174_592, 8_296_992, 2_075_920, 519_816]
    assert _count(network.head)[0] == 130
    first = network.decoder[0]
    parts = (first.interpolated, first.dense, first.smooth, first.attention, first.unit)
    assert [_count(part)[0] for part in parts] == [4_720_128, 18_880_512, 2_360_832, 132_160, 7_080_960]


def test_breakdown_of_unet() -> None:
    with torch.device("meta"):
        network = UNet()
    assert [_count(unit)[0] for unit in network.encoder] == [38_976, 221_952, 886_272, 3_542_016, 14_161_920]
    up = [_count(a)[0] + _count(b)[0] for a, b in zip(network.upsample, network.decoder, strict=True)]
    assert up == [11_801_088, 2_951_424, 738_432, 184_896]


@pytest.mark.parametrize("name", ["aunet", "unet", "fusionnet", "fcdensenet103"])
def test_shapes_at_256(name: str) -> None:
    with torch.device("meta"):
        assert create_network(name)(torch.empty(1, 3, 256, 256)).shape == (1, 2, 256, 256)


def test_attention_with_zero_weights_halves_every_channel() -> None:
    attention = ChannelAttention(32, reduction=16)
    for parameter in attention.parameters():
        nn.init.zeros_(parameter)
    features = torch.rand(2, 32, 3, 3)
    torch.testing.assert_close(attention(features), 0.5 * features)
    with pytest.raises(ValueError, match="reduction 16 leaves nothing"):
        AUBlock(8)


@pytest.mark.parametrize("unit", ["basic", "deep", "res"])
def test_units_and_upsampling(unit: str) -> None:
    options = {"width": 4, "encoder_unit": unit, "decoder_unit": unit, "upsampling": "transposed"}
    for network in (UNet(**options), AUNet(reduction=4, **options)):
        network(torch.rand(2, 3, 32, 16)).square().mean().backward()
        assert all(p.grad is not None for p in network.parameters())


def test_helpful_errors() -> None:
    with pytest.raises(ValueError, match="unit 'dense' is none of basic, deep, res"):
        UNet(encoder_unit="dense")
    with pytest.raises(ValueError, match="upsampling 'nearest' is none of bilinear, transposed"):
        UNet(width=2, upsampling="nearest")

# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite as classifier and as the encoder of a U-Net."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from mammozoo.networks import create_network, load_pretrained
from mammozoo.networks.efficientnet_lite import EfficientNetLite, _SameConv2d
from mammozoo.networks.segmentation.efficientnet_unet import EfficientNetUNet


def _parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("variant", "parameters", "blocks", "channels"),
    [
        ("lite0", 4_652_008, 16, (16, 24, 40, 112, 320)),  # published: 4.7, 5.4 and 6.1 million
        ("lite1", 5_416_680, 21, (16, 24, 40, 112, 320)),
        ("lite2", 6_092_072, 21, (16, 24, 48, 120, 352)),
    ],
)
def test_sizes_are_the_published_ones(variant, parameters, blocks, channels) -> None:
    network = EfficientNetLite(num_classes=1000, variant=variant)
    assert _parameters(network) == parameters
    assert len(network._blocks) == blocks
    assert network.channels == channels


def test_parameters_with_one_logit_and_no_such_variant() -> None:
    counts = [_parameters(EfficientNetLite(variant=variant)) for variant in ("lite0", "lite1", "lite2")]
    assert counts == [3_372_289, 4_136_961, 4_812_353]
    with pytest.raises(ValueError, match="there are lite0, lite1, lite2"):
        EfficientNetLite(variant="b0")


@pytest.mark.parametrize(("kernel", "stride", "side", "before", "after"), [
    (3, 1, 8, 1, 1), (3, 2, 8, 0, 1), (3, 2, 9, 1, 1), (5, 2, 8, 1, 2), (5, 2, 7, 2, 2), (5, 1, 6, 2, 2),
])  # fmt: skip
def test_odd_padding_has_its_further_pixel_at_the_far_end(kernel, stride, side, before, after) -> None:
    convolution = _SameConv2d(2, 3, kernel, stride=stride, bias=False)
    image = torch.rand(1, 2, side, side)
    padded = functional.pad(image, [before, after, before, after])
    wanted = functional.conv2d(padded, convolution.weight, stride=stride)
    assert torch.equal(convolution(image), wanted)
    assert wanted.shape[-1] == -(-side // stride)


def test_features_halve_five_times() -> None:
    network = EfficientNetLite(in_channels=1, num_classes=0).eval()
    maps = network.features(torch.zeros(1, 1, 64, 96))
    assert [tuple(item.shape) for item in maps] == [
        (1, 16, 32, 48), (1, 24, 16, 24), (1, 40, 8, 12), (1, 112, 4, 6), (1, 320, 2, 3)
    ]  # fmt: skip
    assert not any(name.startswith(("_fc", "_conv_head")) for name in network.state_dict())


@pytest.mark.parametrize("momentum", [None, 0.01])
def test_running_statistics_follow_a_short_training(momentum: float | None) -> None:
    """After a hundred steps on one batch, evaluation sees what training saw; with 0.01 it does not."""
    torch.manual_seed(0)
    options = {} if momentum is None else {"bn_momentum": momentum}
    network, image = EfficientNetLite(1, 0, **options), torch.rand(4, 1, 32, 48)
    with torch.no_grad():
        for _ in range(100):
            network.features(image)
        trained, evaluated = network.features(image)[1], network.eval().features(image)[1]
    apart = float((trained - evaluated).norm() / trained.norm())
    assert apart < 0.1 if momentum is None else apart > 0.5


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_b0", "efficientnet_unet"])
def test_momentum_is_an_option_everywhere(name: str) -> None:
    for options, wanted in (({}, 0.1), ({"bn_momentum": 0.01}, 0.01)):
        norms = [m for m in create_network(name, **options).modules() if isinstance(m, torch.nn.BatchNorm2d)]
        assert wanted in {m.momentum for m in norms}


def test_a_unet_begins_with_a_classifiers_weights(tmp_path: Path) -> None:
    classifier = EfficientNetLite(num_classes=10)
    torch.save(classifier.state_dict(), tmp_path / "ours.pt")
    network = EfficientNetUNet(width=4)
    load_pretrained(network, tmp_path / "ours.pt")
    stem = network.encoder._conv_stem.weight
    assert torch.allclose(stem, classifier._conv_stem.weight.sum(dim=1, keepdim=True))
    gray = torch.rand(1, 1, 64, 64)
    ours = network.encoder.eval().features(gray)
    theirs = classifier.eval().features(gray.repeat(1, 3, 1, 1))
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(ours, theirs, strict=True))


def test_it_begins_with_the_encoder_of_another_network(tmp_path: Path) -> None:
    source = EfficientNetUNet(width=4)
    torch.save(source.state_dict(), tmp_path / "lesions.pt")
    network = EfficientNetUNet(3, 2, width=8)
    fresh = network.head.weight.clone()
    load_pretrained(network, tmp_path / "lesions.pt")
    stem = network.encoder._conv_stem.weight
    assert torch.allclose(stem.sum(dim=1, keepdim=True), source.encoder._conv_stem.weight, atol=1e-6)
    assert torch.equal(network.encoder._blocks[3]._bn1.running_var, source.encoder._blocks[3]._bn1.running_var)
    assert torch.equal(network.head.weight, fresh)


@pytest.mark.parametrize("variant", ["lite0", "lite1"])
def test_an_encoder_of_another_variant_is_named(variant: str, tmp_path: Path) -> None:
    torch.save(EfficientNetLite(variant="lite2").state_dict(), tmp_path / "lite2.pth")
    with pytest.raises(ValueError, match=r"shape \(for example _blocks.* EfficientNet-Lite of the same variant"):
        load_pretrained(EfficientNetUNet(width=4, variant=variant), tmp_path / "lite2.pth")


def test_the_classifier_keeps_all_but_the_head(tmp_path: Path) -> None:
    source = EfficientNetLite(num_classes=10)
    torch.save(source.state_dict(), tmp_path / "ours.pth")
    network = create_network("efficientnet_lite0", in_channels=2, dropout=0.3)
    load_pretrained(network, tmp_path / "ours.pth")
    assert network._conv_stem.weight.shape[1] == 2
    assert torch.equal(network._conv_head.weight, source._conv_head.weight)
    assert network._fc.out_features == 1

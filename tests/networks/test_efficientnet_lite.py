# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite as classifier and as the encoder of a U-Net."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from mammozoo.networks.classification.create import classification_network
from mammozoo.networks.efficientnet_lite import EfficientNetLite, _SameConv2d, load_encoder
from mammozoo.networks.factory import lesion_unet, mass_detector, segmentation_network
from mammozoo.networks.segmentation.efficientnet_aunet import EfficientNetAUNet
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


def test_a_unet_begins_with_a_classifiers_weights(tmp_path: Path) -> None:
    classifier = EfficientNetLite(num_classes=10)
    path = tmp_path / "imagenet.pth"
    torch.save(classifier.state_dict(), path)
    network = EfficientNetUNet(width=4)
    load_encoder(network, path)
    stem = network.encoder._conv_stem.weight
    assert torch.allclose(stem, classifier._conv_stem.weight.sum(dim=1, keepdim=True))
    gray = torch.rand(1, 1, 64, 64)
    ours = network.encoder.eval().features(gray)
    theirs = classifier.eval().features(gray.repeat(1, 3, 1, 1))
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(ours, theirs, strict=True))


def test_a_unet_begins_with_a_whole_network(tmp_path: Path) -> None:
    source = EfficientNetUNet(width=4)
    torch.save(source.state_dict(), tmp_path / "model.pt")
    network = lesion_unet("efficientnet_unet", width=4, pretrained_path=tmp_path / "model.pt")
    assert torch.equal(network.head.weight, source.head.weight)
    other = lesion_unet("abnormal_unet", width=2)
    torch.save(other.state_dict(), tmp_path / "other.pt")
    copy = lesion_unet("abnormal_unet", width=2, pretrained_path=tmp_path / "other.pt")
    assert torch.equal(copy.head.weight, other.head.weight)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    torch.save(EfficientNetLite(variant="lite2").state_dict(), tmp_path / "lite2.pth")
    with pytest.raises(ValueError, match=r"of another shape \(for example _blocks"):
        lesion_unet("efficientnet_unet", width=4, pretrained_path=tmp_path / "lite2.pth")
    with pytest.raises(ValueError, match="did you mean 'efficientnet_unet'"):
        lesion_unet("efficient_unet")


def test_the_unet_answers_at_full_size_and_refuses_odd_sides() -> None:
    network = EfficientNetUNet(width=32)
    assert _parameters(network) == 3_825_188
    network = EfficientNetUNet(out_channels=2, width=4).eval()
    assert network(torch.rand(2, 1, 96, 64)).shape == (2, 2, 96, 64)
    with pytest.raises(ValueError, match="multiples of 32, got 80 x 64; pad or resize to 96 x 64"):
        network(torch.rand(1, 1, 80, 64))


def test_every_parameter_learns() -> None:
    network = EfficientNetUNet(width=4)
    network(torch.rand(2, 1, 64, 64)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_imagenet_weights_of_the_classifier_keep_all_but_the_head(tmp_path: Path) -> None:
    source = EfficientNetLite(num_classes=10)
    torch.save(source.state_dict(), tmp_path / "imagenet.pth")
    network = classification_network(
        "efficientnet_lite0", in_channels=2, pretrained_path=tmp_path / "imagenet.pth", dropout=0.3
    )
    assert network._conv_stem.weight.shape[1] == 2
    assert torch.equal(network._conv_head.weight, source._conv_head.weight)
    assert network._fc.out_features == 1
    with pytest.raises(ValueError, match="width of efficientnet_lite0 is fixed"):
        classification_network("efficientnet_lite0", width=8)


def test_other_networks_begin_with_its_encoder_alone(tmp_path: Path) -> None:
    source = EfficientNetUNet(width=4)
    torch.save(source.state_dict(), tmp_path / "lesions.pt")
    stem = source.encoder._conv_stem.weight
    network = segmentation_network(
        "efficientnet_aunet", in_channels=1, width=8, reduction=4, pretrained_path=tmp_path / "lesions.pt"
    )
    assert torch.equal(network.encoder._conv_stem.weight, stem)
    torch.save(network.state_dict(), tmp_path / "whole.pt")
    again = segmentation_network(
        "efficientnet_aunet", in_channels=1, width=8, reduction=4, pretrained_path=tmp_path / "whole.pt"
    )
    assert torch.equal(again.head.weight, network.head.weight)
    detector = mass_detector(body="efficientnet_lite0", width=2, pretrained_path=tmp_path / "lesions.pt")
    assert torch.allclose(detector.body.encoder._conv_stem.weight.sum(dim=1, keepdim=True), stem, atol=1e-6)
    torch.save(detector.state_dict(), tmp_path / "detector.pt")
    again = mass_detector(body="efficientnet_lite0", width=2, pretrained_path=tmp_path / "detector.pt")
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in detector.state_dict().items())
    torch.save(mass_detector(width=2).state_dict(), tmp_path / "darknet.pt")
    with pytest.raises(ValueError, match="does not fit the encoder"):
        mass_detector(body="efficientnet_lite0", width=2, pretrained_path=tmp_path / "darknet.pt")


def test_aunets_decoder_on_it() -> None:
    network = EfficientNetAUNet()
    assert _parameters(network) == 5_818_646
    assert network.eval()(torch.rand(1, 1, 96, 64)).shape == (1, 2, 96, 64)
    with pytest.raises(ValueError, match="EfficientNetAUNet takes sides that are multiples of 32"):
        network(torch.rand(1, 1, 80, 64))
    network = EfficientNetAUNet(width=8, reduction=4, unit="res", upsampling="transposed")
    network(torch.rand(2, 1, 64, 64)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_detector_on_it() -> None:
    network = mass_detector(in_channels=1, width=8, body="efficientnet_lite0")
    assert _parameters(network) == 4_282_614
    assert [tuple(raw.shape) for raw in network(torch.rand(1, 1, 64, 128))] == [
        (1, 3, 2, 4, 6), (1, 3, 4, 8, 6), (1, 3, 8, 16, 6)
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no body 'resnet'; there are darknet53 and efficientnet_lite0"):
        mass_detector(body="resnet")

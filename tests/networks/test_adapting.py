# SPDX-License-Identifier: Apache-2.0
"""Weights of others: what was trained on images (B, C, H, W) answers the same on their transposes, everywhere."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mammozoo.networks import create_network, feature_layer, load_pretrained
from mammozoo.networks.adapting import fit_stem
from mammozoo.networks.segmentation.efficientnet_unet import EfficientNetUNet

SMALL: dict[str, dict[str, Any]] = {
    "vgg16": {"width": 4}, "resnet18": {"width": 4}, "resnet50": {"width": 4}, "densenet121": {"width": 4},
    "efficientnet_b0": {}, "efficientnet_lite0": {}, "se_resnet50": {}, "cbam_resnet50": {"width": 4},
    "convnext_tiny": {"width": 4}, "swin_t": {"width": 6}, "nyu_resnet22": {"width": 4},
}  # fmt: skip
IMAGENET = 1000


def _drawn(name: str, seed: int = 0, **options: Any) -> nn.Module:
    """A network whose every tensor is random, the statistics too."""
    torch.manual_seed(seed)
    network = create_network(name, **{**SMALL[name], **options}).eval()
    for key, tensor in network.state_dict().items():
        if tensor.is_floating_point() and (tensor.ndim == 1 or "bias_table" in key or "layer_scale" in key):
            tensor.uniform_(0.5, 1.5) if "var" in key or "norm" in key else tensor.normal_(0, 0.5)
    return network


def _features(network: nn.Module, name: str, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The last feature map, and the logits."""
    seen: list[torch.Tensor] = []
    hook = network.get_submodule(feature_layer(network, name)).register_forward_hook(lambda *a: seen.append(a[2]))
    with torch.no_grad():
        logits = network(image)
    hook.remove()
    return seen[0], logits


@pytest.mark.parametrize("classes", [1, IMAGENET])
@pytest.mark.parametrize("name", SMALL)
def test_a_classifier_of_height_by_width_answers_the_same_on_transposed_images(
    name: str, classes: int, tmp_path: Path
) -> None:
    theirs = _drawn(name, 1, num_classes=IMAGENET)
    torch.save(theirs.state_dict(), tmp_path / "imagenet.pth")
    ours = _drawn(name, 2, num_classes=classes)
    # With a thousand classes it has the names and shapes of the network itself; they say where it was trained.
    load_pretrained(ours, tmp_path / "imagenet.pth")
    image = torch.rand(2, 3, 96, 160)
    wanted, answers = _features(theirs, name, image.transpose(2, 3))
    found, logits = _features(ours, name, image)
    torch.testing.assert_close(found.transpose(2, 3), wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().mean()))
    if classes == IMAGENET:
        torch.testing.assert_close(logits, answers, rtol=1e-3, atol=1e-3 * float(answers.abs().mean()))


@pytest.mark.parametrize("head", [True, False])
def test_the_encoder_of_a_unet_too(head: bool, tmp_path: Path) -> None:
    theirs = _drawn("efficientnet_lite0", 1, num_classes=IMAGENET)
    state = {name: value for name, value in theirs.state_dict().items() if head or not name.startswith("_fc")}
    torch.save(state, tmp_path / "imagenet.pth")
    ours = EfficientNetUNet(width=4).eval()
    load_pretrained(ours, tmp_path / "imagenet.pth")
    gray = torch.rand(1, 1, 96, 160)
    with torch.no_grad():
        wanted = theirs.features(gray.transpose(2, 3).expand(-1, 3, -1, -1))
        found = ours.encoder.features(gray)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a.transpose(2, 3), b, rtol=1e-3, atol=1e-3 * float(b.abs().mean()))


@pytest.mark.parametrize("name", SMALL)
def test_our_own_classifiers_are_never_turned(name: str, tmp_path: Path) -> None:
    theirs = _drawn(name, 1, num_classes=3)
    torch.save(theirs.state_dict(), tmp_path / "ours.pt")
    ours = _drawn(name, 2)
    load_pretrained(ours, tmp_path / "ours.pt")
    image = torch.rand(2, 3, 96, 64)
    torch.testing.assert_close(_features(ours, name, image)[0], _features(theirs, name, image)[0])


def _published(name: str) -> str:
    """A tensor's name in the files of the ResNet-22's authors."""
    name = re.sub(r"^features\.([2-6])\.", lambda found: f"layer_list.{int(found[1]) - 2}.", name)
    name = re.sub(r"\.norm(\d)\.", r".bn\1.", name).replace(".shortcut.", ".downsample.0.")
    return name.replace("features.0.", "first_conv.").replace("features.7.", "final_bn.")


@pytest.mark.parametrize("prefix", ["four_view_resnet.cc.", "view_resnet.", ""])
def test_the_published_resnet22(prefix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    theirs = _drawn("nyu_resnet22", 1)
    trunk = {_published(name): v for name, v in theirs.state_dict().items() if not name.startswith("head")}
    assert {"first_conv.weight", "layer_list.4.1.bn2.running_var", "layer_list.0.0.downsample.0.weight"} < trunk.keys()
    state = {f"{prefix}{name}": value for name, value in trunk.items()}
    if prefix:
        others = {f"four_view_resnet.mlo.{name}": torch.zeros_like(value) for name, value in trunk.items()}
        state = {"fc1_cc.weight": torch.zeros(4, 4), **others, **state}
    torch.save({"model": state}, tmp_path / "published.p")
    ours = create_network("nyu_resnet22", width=4).eval()
    with caplog.at_level(logging.INFO, logger="mammozoo"):
        load_pretrained(ours, tmp_path / "published.p")
    total = len(ours.state_dict())
    assert f"{total - 2} of the network's {total} tensors are taken" in caplog.text
    image = torch.rand(1, 3, 160, 96)
    wanted = _features(theirs, "nyu_resnet22", image.transpose(2, 3))[0]
    torch.testing.assert_close(_features(ours, "nyu_resnet22", image)[0].transpose(2, 3), wanted, rtol=1e-3, atol=1e-4)


def test_the_published_resnet22_has_no_padding_in_front() -> None:
    network = create_network("nyu_resnet22", width=2)
    assert network.features[0].padding == (0, 0)
    assert network.features[:2](torch.zeros(1, 3, 2677, 1942)).shape[-2:] == (667, 483)


def test_gray_gives_the_response_of_three_equal_channels() -> None:
    weight = torch.rand(4, 3, 2, 2)
    gray = torch.rand(1, 1, 8, 8)
    wanted = nn.functional.conv2d(gray.expand(-1, 3, -1, -1), weight)
    for channels in (1, 2, 5):
        found = nn.functional.conv2d(gray.expand(-1, channels, -1, -1), fit_stem(weight, in_channels=channels))
        torch.testing.assert_close(found, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["swin_t", "vgg16"])
def test_nothing_but_kernels_is_not_enough(name: str, tmp_path: Path) -> None:
    """Swin's tables and merges and VGG's first linear layer have an orientation of their own."""
    theirs = _drawn(name, 1, num_classes=IMAGENET)
    torch.save(theirs.state_dict(), tmp_path / "imagenet.pth")
    ours = _drawn(name, 2, num_classes=IMAGENET)
    load_pretrained(ours, tmp_path / "imagenet.pth")
    image = torch.rand(2, 3, 96, 160)
    with torch.no_grad():
        right = ours(image)
        state = {k: v.transpose(2, 3) if v.ndim == 4 else v for k, v in theirs.state_dict().items()}
        ours.load_state_dict(state)
        wrong, wanted = ours(image), theirs(image.transpose(2, 3))
    assert (right - wanted).abs().mean() < 0.01 * (wrong - wanted).abs().mean()

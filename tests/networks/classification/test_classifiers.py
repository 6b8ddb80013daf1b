# SPDX-License-Identifier: Apache-2.0
"""The eleven classifiers: counts on the meta device, names of tensors, one contract for all, weights of others."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mammozoo.networks import create_network, feature_layer, load_pretrained
from mammozoo.networks.adapting import fit_stem
from mammozoo.networks.classification.nyu_resnet22 import NYUResNet22
from mammozoo.networks.classification.resnet_attention import CBAM, TransformerPooling, sine_positions
from mammozoo.networks.classification.swin import PatchMerging, WindowAttention

BACKBONES = (
    "vgg16", "resnet18", "resnet50", "densenet121", "efficientnet_b0", "efficientnet_lite0", "se_resnet50",
    "cbam_resnet50", "convnext_tiny", "resnet50_transformer", "swin_t", "nyu_resnet22",
)  # fmt: skip
WIDTHS = {"swin_t": 6, "efficientnet_b0": None, "efficientnet_lite0": None, "se_resnet50": None}
HEADS = {
    "vgg16": "classifier.6", "densenet121": "class_layers.out", "efficientnet_b0": "_fc", "efficientnet_lite0": "_fc",
    "se_resnet50": "last_linear",
    "convnext_tiny": "classifier.2", "swin_t": "head", "nyu_resnet22": "head",
}  # fmt: skip
EVERY = pytest.mark.parametrize("backbone", BACKBONES)
# One network of each way of loading.
SOME = pytest.mark.parametrize("backbone", ["vgg16", "resnet18", "densenet121", "convnext_tiny", "swin_t"])


def _count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def _small(backbone: str, *, seed: int = 0, path: Path | None = None, **options: Any) -> nn.Module:
    torch.manual_seed(seed)
    network = create_network(backbone, width=WIDTHS.get(backbone, 4), **options)
    load_pretrained(network, path)
    return network


def _head(network: nn.Module, backbone: str) -> nn.Linear:
    head = network.get_submodule(HEADS.get(backbone, "fc"))
    assert isinstance(head, nn.Linear)
    return head


def test_counts_of_the_papers() -> None:
    with torch.device("meta"):
        assert _count(create_network("resnet50", num_classes=1000)) == 25_557_032
        assert _count(create_network("swin_t", num_classes=1000)) == 28_288_354
        assert _count(create_network("convnext_tiny", num_classes=1000)) == 28_589_128
        # Woo et al., Table 4: 28.09 million.
        assert round(_count(create_network("cbam_resnet50", num_classes=1000)) / 1e6, 2) == 28.09
        # Wu et al.: CC and MLO trunks of one channel, and over each pair of sides 512 -> 512 -> four times two.
        trunk = _count(NYUResNet22(in_channels=1)) - 257
        assert 2 * trunk + 2 * _count(nn.Sequential(nn.Linear(512, 512), nn.Linear(512, 8))) == 6_132_592


@pytest.mark.parametrize(
    ("backbone", "shapes"),
    [
        (
            "resnet18",
            {
                "conv1.weight": (64, 3, 7, 7), "bn1.running_var": (64,), "layer1.1.conv2.weight": (64, 64, 3, 3),
                "layer2.0.downsample.0.weight": (128, 64, 1, 1), "layer4.1.bn2.bias": (512,), "fc.weight": (1, 512),
            },
        ),
        (
            "resnet50",
            {
                "layer1.0.conv1.weight": (64, 64, 1, 1), "layer1.0.downsample.0.weight": (256, 64, 1, 1),
                "layer1.0.downsample.1.num_batches_tracked": (), "layer3.5.conv3.weight": (1024, 256, 1, 1),
                "layer4.2.bn3.weight": (2048,), "fc.bias": (1,),
            },
        ),
        (
            "vgg16",
            {
                "features.0.weight": (64, 3, 3, 3), "features.5.bias": (128,), "features.10.weight": (256, 128, 3, 3),
                "features.28.weight": (512, 512, 3, 3), "classifier.0.weight": (4096, 25088),
                "classifier.3.bias": (4096,), "classifier.6.weight": (1, 4096),
            },
        ),
        (
            "convnext_tiny",
            {
                "features.0.0.weight": (96, 3, 4, 4), "features.0.1.bias": (96,),
                "features.1.0.layer_scale": (96, 1, 1), "features.1.0.block.0.weight": (96, 1, 7, 7),
                "features.1.0.block.2.weight": (96,), "features.1.0.block.3.weight": (384, 96),
                "features.1.0.block.5.bias": (96,), "features.2.0.weight": (96,),
                "features.2.1.weight": (192, 96, 2, 2),
                "features.5.8.block.3.weight": (1536, 384), "features.7.2.layer_scale": (768, 1, 1),
                "classifier.0.weight": (768,), "classifier.2.weight": (1, 768),
            },
        ),
        (
            "swin_t",
            {
                "features.0.0.bias": (96,), "features.0.2.weight": (96,), "features.1.0.norm1.weight": (96,),
                "features.1.0.attn.relative_position_bias_table": (169, 3),
                "features.1.0.attn.relative_position_index": (2401,), "features.1.0.attn.qkv.weight": (288, 96),
                "features.1.1.attn.proj.bias": (96,), "features.1.0.mlp.0.weight": (384, 96),
                "features.1.0.mlp.3.weight": (96, 384), "features.2.norm.weight": (384,),
                "features.2.reduction.weight": (192, 384), "features.5.5.norm2.bias": (384,),
                "features.7.1.attn.relative_position_bias_table": (169, 24), "norm.weight": (768,),
                "head.weight": (1, 768),
            },
        ),
    ],
)  # fmt: skip
def test_names_of_torchvision(backbone: str, shapes: dict[str, tuple[int, ...]]) -> None:
    with torch.device("meta"):
        state = create_network(backbone).state_dict()
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
    # Exactly these many tensors: nothing of ours is stored besides.
    totals = {"resnet18": 122, "resnet50": 320, "vgg16": 32, "convnext_tiny": 182, "swin_t": 185}
    assert len(state) == totals[backbone]


def test_resnets_with_attention_are_resnet50_and_more() -> None:
    with torch.device("meta"):
        plain = set(create_network("resnet50").state_dict())
        cbam = set(create_network("cbam_resnet50").state_dict())
        hybrid = set(create_network("resnet50_transformer").state_dict())
    assert plain < cbam
    assert plain < hybrid
    assert all(".attention." in name for name in cbam - plain)
    assert all(name.startswith("avgpool.") for name in hybrid - plain)


@EVERY
def test_forward_backward_and_feature_layer(backbone: str) -> None:
    network = _small(backbone, num_classes=2)
    seen: list[torch.Tensor] = []
    layer = network.get_submodule(feature_layer(network, backbone))
    layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    layer.register_full_backward_hook(lambda module, inputs, outputs: seen.extend(outputs))
    logits = network(torch.rand(2, 3, 64, 96))
    assert logits.shape == (2, 2)
    logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    features, gradients = seen
    coarseness = {"vgg16": 16, "nyu_resnet22": 64}.get(backbone, 32)
    assert features.shape[-2:] == (64 // coarseness, -(-96 // coarseness))
    assert features.shape[:2] == gradients.shape[:2]
    assert gradients.abs().sum() > 0


@EVERY
def test_dropout_acts_before_the_head_in_training_only(backbone: str) -> None:
    network = _small(backbone, dropout=0.5).eval()
    rates = [m.p for m in network.modules() if isinstance(m, nn.Dropout) and m.p > 0]
    assert rates
    assert set(rates) == {0.5}
    given: list[torch.Tensor] = []
    _head(network, backbone).register_forward_hook(lambda module, inputs, output: given.append(inputs[0]))
    image = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        network(image)
        nn.Module.train(network)
        network(image)
    assert (given[0] == 0).float().mean() < 0.9
    assert (given[1] == 0).float().mean() > 0.2


@SOME
def test_a_head_of_other_classes_stays_fresh(backbone: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = _small(backbone, num_classes=5)
    torch.save(source.state_dict(), tmp_path / "w.pt")
    with caplog.at_level(logging.INFO, logger="mammozoo"):
        target = _small(backbone, seed=1, path=tmp_path / "w.pt")
    name = HEADS.get(backbone, "fc")
    assert f"the head '{name}' is left out ((5, " in caplog.text
    assert torch.equal(_head(target, backbone).weight, _head(_small(backbone, seed=1), backbone).weight)
    own, theirs = target.state_dict(), source.state_dict()
    assert all(torch.equal(own[key], theirs[key]) for key in own if not key.startswith(f"{name}."))


@SOME
@pytest.mark.parametrize("channels", [1, 2])
def test_the_first_convolution_is_adapted(backbone: str, channels: int, tmp_path: Path) -> None:
    source = _small(backbone)
    torch.save(source.state_dict(), tmp_path / "w.pt")
    target = _small(backbone, seed=1, in_channels=channels, path=tmp_path / "w.pt")
    first, theirs = (next(m for m in n.modules() if isinstance(m, nn.Conv2d)).weight for n in (target, source))
    assert first.shape[1] == channels
    for channel in range(channels):
        torch.testing.assert_close(first[:, channel], theirs.sum(dim=1) / first.shape[1])


def test_fit_stem_keeps_what_fits() -> None:
    weight = torch.rand(4, 3, 2, 2)
    assert fit_stem(weight, in_channels=3) is weight
    assert torch.equal(fit_stem(weight[:, :1], in_channels=3), weight[:, :1].expand(-1, 3, -1, -1) / 3)


@pytest.mark.parametrize(("backbone", "part"), [("cbam_resnet50", ".attention."), ("resnet50_transformer", "avgpool.")])
def test_attention_networks_begin_with_a_plain_resnet50(
    backbone: str, part: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = _small("resnet50", num_classes=7).state_dict()
    # Files of old have no counters of batches.
    torch.save({k: v for k, v in plain.items() if not k.endswith("num_batches_tracked")}, tmp_path / "w.pt")
    with caplog.at_level(logging.INFO, logger="mammozoo"):
        state = _small(backbone, seed=1, path=tmp_path / "w.pt").state_dict()
    assert "freshly initialised" in caplog.text
    loaded = [name for name in state if part not in name and not name.startswith("fc.")]
    assert all(torch.equal(state[name], plain[name]) for name in loaded)
    incomplete = {name: value for name, value in state.items() if not name.endswith("mlp.0.bias")}
    incomplete.pop("avgpool.projection.bias", None)
    torch.save(incomplete, tmp_path / "part.pt")
    with pytest.raises(ValueError, match="tensors missing, 0 unknown"):
        _small(backbone, path=tmp_path / "part.pt")


def _torchvision_densenet(name: str) -> str:
    return (
        name.replace("layers.norm", "norm.").replace("layers.conv", "conv.").replace("class_layers.out", "classifier")
    )


def _ported_efficientnet(name: str) -> str:
    parts = name.split(".")
    return ".".join([parts[0], *parts[2:]]) if parts[0] == "_blocks" else name


def _published_senet(name: str) -> str:
    for number in "123":
        name = name.replace(f".conv{number}.conv.", f".conv{number}.").replace(f".conv{number}.adn.N.", f".bn{number}.")
    name = name.replace(".project.conv.", ".downsample.0.").replace(".project.adn.N.", ".downsample.1.")
    return name.replace("se_layer.fc.0", "se_module.fc1").replace("se_layer.fc.2", "se_module.fc2")


@pytest.mark.parametrize(
    ("backbone", "theirs", "example"),
    [
        ("densenet121", _torchvision_densenet, "features.denseblock3.denselayer24.conv.2.weight"),
        ("efficientnet_b0", _ported_efficientnet, "_blocks.15._se_expand.bias"),
        ("se_resnet50", _published_senet, "layer4.0.downsample.1.running_mean"),
    ],
)
def test_weights_under_their_published_names(
    backbone: str, theirs: Callable[[str], str], example: str, tmp_path: Path
) -> None:
    own = _small(backbone, num_classes=4).state_dict()
    state = {theirs(name): value for name, value in own.items()}
    assert example in state
    # SE-ResNet-50 was published with 1 x 1 convolutions in place of linear layers.
    state = {name: v[:, :, None, None] if ".se_module." in name and v.ndim == 2 else v for name, v in state.items()}
    torch.save(state, tmp_path / "w.pt")
    loaded = _small(backbone, seed=1, num_classes=4, path=tmp_path / "w.pt").state_dict()
    assert all(torch.equal(loaded[name], own[name]) for name in own)


def test_errors_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 heads, and width 8 is not a multiple"):
        create_network("swin_t", width=8)
    with pytest.raises(ValueError, match="width 5 is odd"):
        create_network("densenet121", width=5)
    with pytest.raises(ValueError, match="20 channels are no multiple of 8 heads"):
        create_network("resnet50_transformer", width=5)
    with pytest.raises(ValueError, match="has no layer 'layer4', so it is no resnet50"):
        feature_layer(_small("vgg16"), "resnet50")
    with pytest.raises(ValueError, match="no classifier 'resnet5': did you mean 'resnet50'?"):
        feature_layer(_small("vgg16"), "resnet5")
    torch.save(_small("resnet18").state_dict(), tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"of another shape \(for example .*\); is it another backbone"):
        load_pretrained(create_network("resnet18", width=8), tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"does not fit VGG16: \d+ tensors missing, \d+ unknown"):
        load_pretrained(create_network("vgg16", width=4), tmp_path / "w.pt")


def test_cbam_with_zero_weights_quarters() -> None:
    attention = CBAM(32)
    for parameter in attention.parameters():
        nn.init.zeros_(parameter)
    features = torch.rand(2, 32, 3, 5)
    torch.testing.assert_close(attention(features), 0.25 * features)


def test_positions_are_told_apart() -> None:
    codes = sine_positions(7, 5, 16, torch.device("cpu"))
    assert codes.shape == (35, 16)
    assert torch.cdist(codes, codes).fill_diagonal_(1).min() > 0.1
    # Row 1, column 2: sines and cosines of the row, then of the column; the first of the four frequencies is 1.
    wanted = [math.sin(1), math.cos(1), math.sin(2), math.cos(2)]
    assert codes[5 + 2][[0, 4, 8, 12]].tolist() == pytest.approx(wanted)


def test_the_transformer_sees_where_features_are() -> None:
    torch.manual_seed(0)
    pooling = TransformerPooling(8, 16).eval()
    features = torch.rand(1, 8, 4, 4)
    assert not torch.allclose(pooling(features), pooling(features.flip(2)), atol=1e-4)


def _reach(attention: WindowAttention, image: torch.Tensor, row: int, column: int) -> tuple[list[int], list[int]]:
    """Rows and columns of the input that one position of the output depends on."""
    image = image.clone().requires_grad_()
    attention(image)[0, row, column].sum().backward()
    assert image.grad is not None
    used = image.grad[0].abs().sum(-1) > 1e-12
    return used.any(1).nonzero().flatten().tolist(), used.any(0).nonzero().flatten().tolist()


def test_windows_reach_as_far_as_they_should() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 14, 21, 6)
    plain, shifted = (WindowAttention(6, heads=3, shift=shift) for shift in (0, 3))
    assert _reach(plain, image, 0, 8) == (list(range(7)), list(range(7, 14)))
    assert _reach(shifted, image, 5, 12) == (list(range(3, 10)), list(range(10, 17)))
    # The cyclic shift puts the first rows and the last ones into one window; the mask parts them.
    assert _reach(shifted, image, 0, 20) == ([0, 1, 2], [17, 18, 19, 20])
    # Along an axis that one window covers there is no shift.
    assert _reach(shifted, image[:, :7], 0, 20) == (list(range(7)), [17, 18, 19, 20])


def test_one_window_is_common_self_attention() -> None:
    torch.manual_seed(0)
    ours = WindowAttention(6, heads=3)
    nn.init.zeros_(ours.relative_position_bias_table)
    common = nn.MultiheadAttention(6, 3, batch_first=True)
    with torch.no_grad():
        common.in_proj_weight.copy_(ours.qkv.weight)
        common.in_proj_bias.copy_(ours.qkv.bias)
        common.out_proj.load_state_dict(ours.proj.state_dict())
    image = torch.rand(2, 7, 7, 6)
    tokens = image.flatten(1, 2)
    wanted = common(tokens, tokens, tokens, need_weights=False)[0].view_as(image)
    torch.testing.assert_close(ours(image), wanted)


def test_relative_positions_and_the_order_of_merging() -> None:
    index = WindowAttention(3, heads=3, side=2).relative_position_index.view(4, 4)
    # Positions (0, 0), (0, 1), (1, 0), (1, 1); row 3 (dy + 1) + (dx + 1) of the table.
    assert index.tolist() == [[4, 3, 1, 0], [5, 4, 2, 1], [7, 6, 4, 3], [8, 7, 5, 4]]
    merging = PatchMerging(1)
    merging.norm = nn.Identity()  # type: ignore[assignment]
    merging.reduction = nn.Identity()  # type: ignore[assignment]
    assert merging(torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, :, :, None]).flatten().tolist() == [1, 3, 2, 4]

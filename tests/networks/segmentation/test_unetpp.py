# SPDX-License-Identifier: Apache-2.0
"""v19U-Net++: counts on the meta device, heads, weights of VGG-19."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from mammozoo.networks import load_pretrained
from mammozoo.networks.blocks import average_of_sigmoids
from mammozoo.networks.segmentation.unetpp import VGG19UNetPlusPlus

# Positions of the convolutions in torchvision's `vgg19().features`.
CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _network(**options: object) -> VGG19UNetPlusPlus:
    torch.manual_seed(0)
    return VGG19UNetPlusPlus(**{"width": 2, **options})  # type: ignore[arg-type]


def _vgg19_state(width: int = 2, in_channels: int = 3) -> dict[str, torch.Tensor]:
    """Tensors named and shaped as torchvision's, of fewer channels."""
    generator = torch.Generator().manual_seed(7)
    state, inputs = {}, in_channels
    channels = [width * factor for factor, count in ((1, 2), (2, 2), (4, 4), (8, 4), (8, 4)) for _ in range(count)]
    for position, outputs in zip(CONVOLUTIONS, channels, strict=True):
        state[f"features.{position}.weight"] = torch.randn(outputs, inputs, 3, 3, generator=generator)
        state[f"features.{position}.bias"] = torch.randn(outputs, generator=generator)
        inputs = outputs
    return {**state, "classifier.0.weight": torch.zeros(4, 4), "classifier.0.bias": torch.zeros(4)}


@pytest.mark.parametrize(("deep_supervision", "count"), [(True, 35_440_452), (False, 35_440_257)])
def test_counts(deep_supervision: bool, count: int) -> None:
    with torch.device("meta"):
        network = VGG19UNetPlusPlus(deep_supervision=deep_supervision)
    assert _count(network) == count
    assert _count(network.features) == 20_024_384
    assert len(network.nodes) == 10
    assert len(network.heads) == (4 if deep_supervision else 1)


def test_rows_and_columns() -> None:
    with torch.device("meta"):
        network = VGG19UNetPlusPlus()
    first = {name: (node[0].in_channels, node[0].out_channels) for name, node in network.nodes.items()}
    assert first == {
        "0_1": (192, 64), "1_1": (384, 128), "2_1": (768, 256), "3_1": (1024, 512),
        "0_2": (256, 64), "1_2": (512, 128), "2_2": (1024, 256),
        "0_3": (320, 64), "1_3": (640, 128),
        "0_4": (384, 64),
    }  # fmt: skip


def test_shapes_at_256() -> None:
    with torch.device("meta"):
        network = VGG19UNetPlusPlus()
        image = torch.empty(4, 3, 256, 256)
        assert [tuple(level.shape[1:]) for level in network._encode(image)] == [
            (64, 256, 256), (128, 128, 128), (256, 64, 64), (512, 32, 32), (512, 16, 16),
        ]  # fmt: skip
        assert [tuple(logits.shape) for logits in network(image)] == [(4, 1, 256, 256)] * 4
        assert network.eval()(image).shape == (4, 1, 256, 256)


def test_one_head_gives_one_tensor_in_both_modes() -> None:
    network = _network(deep_supervision=False)
    assert network(torch.rand(2, 3, 16, 32)).shape == network.eval()(torch.rand(2, 3, 16, 32)).shape == (2, 1, 16, 32)


def test_evaluation_is_the_mean_of_the_four_probabilities() -> None:
    network = _network().eval()
    image = torch.rand(2, 3, 32, 16)
    together = network(image)
    apart = []
    for column in range(1, 5):
        heads, network.heads = network.heads, nn.ModuleDict({f"0_{column}": network.heads[f"0_{column}"]})
        apart.append(network(image).sigmoid())
        network.heads = heads
    torch.testing.assert_close(together.sigmoid(), torch.stack(apart).mean(0))
    assert (apart[0] - apart[3]).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("logits", "wanted"),
    [([2.5], 2.5), ([0.0, 0.0, 0.0, 0.0], 0.0), ([-300.0, 300.0], 0.0), ([-300.0, -300.0], -300.0)],
)
def test_average_by_hand(logits: list[float], wanted: float) -> None:
    assert average_of_sigmoids(torch.tensor(logits)).item() == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("scale", [1.0, 20.0, 1e4])
def test_average_is_finite_and_exact(scale: float) -> None:
    logits = [scale * torch.randn(500, generator=torch.Generator().manual_seed(i)) for i in range(4)]
    for parameter in logits:
        parameter.requires_grad_()
    average = average_of_sigmoids(torch.stack(logits))
    average.sum().backward()
    assert average.isfinite().all()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in logits)
    wanted = torch.stack([parameter.detach().double().sigmoid() for parameter in logits]).mean(0)
    torch.testing.assert_close(average.detach().double().sigmoid(), wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("prefix", ["features.", ""])
def test_weights_of_vgg19(prefix: str, tmp_path: Path) -> None:
    state = {name.replace("features.", prefix): value for name, value in _vgg19_state().items()}
    torch.save(state, tmp_path / "vgg19.pt")
    network = _network()
    load_pretrained(network, tmp_path / "vgg19.pt")
    own = network.features.state_dict()
    assert set(own) == {f"{position}.{kind}" for position in CONVOLUTIONS for kind in ("weight", "bias")}
    for name, value in own.items():
        theirs = state[f"{prefix}{name}"]
        assert torch.equal(value, theirs.transpose(2, 3) if theirs.ndim == 4 else theirs)


def test_the_encoder_computes_what_vgg19_does_on_height_by_width(tmp_path: Path) -> None:
    torch.save(_vgg19_state(), tmp_path / "vgg19.pt")
    network = _network(normalise=True).eval()
    load_pretrained(network, tmp_path / "vgg19.pt")
    state = {name.removeprefix("features."): v for name, v in _vgg19_state().items() if "classifier" not in name}
    theirs = _network().features
    theirs.load_state_dict(state)
    image = torch.rand(2, 3, 48, 32)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    seen = (image.transpose(2, 3) - mean.view(1, 3, 1, 1)) / deviation.view(1, 3, 1, 1)
    with torch.no_grad():
        ours = network._encode(image)[-1].transpose(2, 3)
        torch.testing.assert_close(ours, theirs(seen), rtol=1e-4, atol=1e-2 * float(ours.abs().mean()))


def test_normalisation_is_an_option_and_no_tensor_of_the_file() -> None:
    plain, normalised = (_network(normalise=on, in_channels=1).eval() for on in (False, True))
    assert list(plain.state_dict()) == list(normalised.state_dict())
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(normalised(image), plain((image - 0.449) / 0.226), atol=1e-4, rtol=1e-4)


def test_gray_takes_the_sum_of_the_first_kernels(tmp_path: Path) -> None:
    state = _vgg19_state()
    torch.save(state, tmp_path / "vgg19.pt")
    network = _network(in_channels=1)
    load_pretrained(network, tmp_path / "vgg19.pt")
    own = network.features.state_dict()
    torch.testing.assert_close(own["0.weight"], state["features.0.weight"].sum(1, keepdim=True).transpose(2, 3))
    assert torch.equal(own["34.weight"], state["features.34.weight"].transpose(2, 3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 4}, "0 tensors missing, 0 unknown, 32 of another shape"),
        ({"drop": "features.34.bias"}, "1 tensors missing"),
        ({"add": "features.36.weight"}, "1 unknown"),
    ],
)
def test_weights_that_do_not_fit(change: dict[str, str], message: str, tmp_path: Path) -> None:
    state = _vgg19_state()
    state.pop(change.get("drop", ""), None)
    if "add" in change:
        state[change["add"]] = torch.zeros(1)
    torch.save(state, tmp_path / "vgg19.pt")
    with pytest.raises(ValueError, match=message):
        load_pretrained(_network(width=change.get("width", 2)), tmp_path / "vgg19.pt")


def test_a_fresh_encoder_does_not_fade_out() -> None:
    torch.manual_seed(0)
    levels = VGG19UNetPlusPlus(width=8).eval()._encode(torch.randn(1, 3, 64, 64))
    assert levels[-1].std() > 0.1 * levels[0].std()

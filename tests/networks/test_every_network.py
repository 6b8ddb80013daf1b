# SPDX-License-Identifier: Apache-2.0
"""One contract for every network that `create_network` builds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from monai.networks.utils import convert_to_torchscript
from torch import nn

from mammozoo.networks import create_network, load_pretrained, load_state
from mammozoo.networks.create import _NETWORKS

# Small forms, and the trainable parameters of the full ones.
SMALL: dict[str, dict[str, Any]] = {
    "abnormal_unet": {"width": 4},
    "aunet": {"width": 4, "reduction": 4},
    "unet": {"width": 4},
    "fusionnet": {"width": 4},
    "fcdensenet103": {"width": 8, "layers": (1, 2, 1, 1, 1), "bottleneck": 2},
    "efficientnet_unet": {"width": 8},
    "v19unetpp": {"width": 4},
    "pix2pix_generator": {"width": 4, "depth": 5},
    "cascaded_unet": {"width": 4},
    "yolov3": {"width": 2},
    "vgg16": {"width": 4},
    "resnet18": {"width": 4},
    "resnet50": {"width": 4},
    "densenet121": {"width": 4},
    "efficientnet_b0": {},
    "se_resnet50": {},
    "cbam_resnet50": {"width": 4},
    "convnext_tiny": {"width": 4},
    "resnet50_transformer": {"width": 4},
    "swin_t": {"width": 6},
    "nyu_resnet22": {"width": 4},
    "efficientnet_lite0": {},
}
COUNTS = {
    "abnormal_unet": 7_701_825,
    "aunet": 75_495_162,
    "unet": 34_527_106,
    "fusionnet": 78_532_354,
    "fcdensenet103": 13_916_258,
    "efficientnet_unet": 3_825_188,
    "v19unetpp": 35_440_452,
    "pix2pix_generator": 54_410_433,
    "cascaded_unet": 69_054_658,
    "yolov3": 61_523_734,
    "vgg16": 134_264_641,
    "resnet18": 11_177_025,
    "resnet50": 23_510_081,
    "densenet121": 6_954_881,
    "efficientnet_b0": 4_008_829,
    "se_resnet50": 26_041_073,
    "cbam_resnet50": 26_042_641,
    "convnext_tiny": 27_820_897,
    "resnet50_transformer": 25_612_865,
    "swin_t": 27_520_123,
    "nyu_resnet22": 2_801_361,
    "efficientnet_lite0": 3_372_289,
}
SEGMENTERS = list(SMALL)[:9]
# Sides must be multiples of these.
MULTIPLES = {
    "abnormal_unet": 8, "aunet": 16, "unet": 16, "fusionnet": 16, "fcdensenet103": 32, "efficientnet_unet": 32,
    "v19unetpp": 16, "pix2pix_generator": 16, "cascaded_unet": 32, "yolov3": 32,
}  # fmt: skip
GRAY = ("abnormal_unet", "efficientnet_unet")
EVERY = pytest.mark.parametrize("name", SMALL)
# Of what takes seconds a network, the bundles' own are tried at once and the others in the slow tests.
OF_BUNDLES = ("abnormal_unet", "aunet", "efficientnet_unet", "v19unetpp", "yolov3", "resnet50", "efficientnet_lite0")
EVERY_IN_TIME = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in OF_BUNDLES else pytest.mark.slow) for name in SMALL]
)


def small(name: str, *, seed: int = 0, **options: Any) -> nn.Module:
    torch.manual_seed(seed)
    return create_network(name, **{**SMALL[name], **options})


def _image(name: str, count: int = 2, channels: int | None = None) -> torch.Tensor:
    return torch.rand(count, channels or (1 if name in GRAY else 3), 64, 96)


def _tensors(output: torch.Tensor | list[torch.Tensor]) -> list[torch.Tensor]:
    return output if isinstance(output, list) else [output]


def _assert_same(first: Any, second: Any, **tolerances: float) -> None:
    for a, b in zip(_tensors(first), _tensors(second), strict=True):
        torch.testing.assert_close(a, b, **tolerances)


def test_every_name_is_here() -> None:
    assert list(SMALL) == list(COUNTS) == list(_NETWORKS)


@EVERY
def test_counts(name: str) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in create_network(name).parameters()) == COUNTS[name]


@EVERY
def test_shapes_in_evaluation(name: str) -> None:
    with torch.no_grad():
        output = small(name).eval()(_image(name))
    if name == "yolov3":
        assert [tuple(raw.shape) for raw in output] == [(2, 3, 64 // s, 96 // s, 6) for s in (32, 16, 8)]
    elif name in SEGMENTERS:
        channels = 2 if name in ("aunet", "unet", "fusionnet", "fcdensenet103") else 1
        assert output.shape == (2, channels, 64, 96)
    else:
        assert output.shape == (2, 1)


@EVERY
def test_channels_are_as_asked_for(name: str) -> None:
    outputs = "out_channels" if name in SEGMENTERS else "num_classes"
    with torch.no_grad():
        output = small(name, in_channels=2, **{outputs: 3}).eval()(_image(name, channels=2))
    assert {o.shape[-1 if name == "yolov3" else 1] for o in _tensors(output)} == {8 if name == "yolov3" else 3}


@EVERY
def test_every_parameter_gets_a_gradient(name: str) -> None:
    network = small(name).train()
    sum(output.square().mean() for output in _tensors(network(_image(name)))).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@EVERY
def test_images_of_a_batch_do_not_mix_and_evaluation_draws_nothing(name: str) -> None:
    network, images = small(name).eval(), _image(name, 3)
    with torch.no_grad():
        together, alone = network(images), network(images[1:2])
    _assert_same([o[1:2] for o in _tensors(together)], _tensors(alone), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", MULTIPLES)
def test_wrong_sides_name_the_next_that_works(name: str) -> None:
    multiple = MULTIPLES[name]
    with pytest.raises(ValueError, match=f"multiples of {multiple}, .* pad or resize to {2 * multiple} x {multiple}"):
        small(name)(torch.zeros(1, 1 if name in GRAY else 3, multiple + 1, multiple))


@EVERY
def test_its_own_weights_are_loaded_unchanged(name: str, tmp_path: Path) -> None:
    network = small(name)
    torch.save(network.state_dict(), tmp_path / "model.pt")
    for load in (load_state, load_pretrained):
        again = small(name, seed=1)
        load(again, tmp_path / "model.pt")
        own, theirs = again.state_dict(), network.state_dict()
        assert all(torch.equal(own[key], theirs[key]) for key in theirs)


@pytest.mark.filterwarnings("ignore:'norm' was found in ScriptModule constants")  # torch's own TransformerEncoder
@EVERY_IN_TIME
def test_torchscript_gives_the_same_numbers(name: str) -> None:
    """As ``python -m monai.bundle ckpt_export`` makes it."""
    network, image = small(name).eval(), _image(name, 1)
    with torch.no_grad():
        _assert_same(convert_to_torchscript(network)(image), network(image), atol=1e-5, rtol=1e-4)


@EVERY_IN_TIME
def test_export_gives_the_same_numbers(name: str) -> None:
    network, image = small(name).eval(), _image(name, 1)
    with torch.no_grad():
        exported = torch.export.export(network, (image,)).module()
        _assert_same(exported(image), network(image), atol=1e-5, rtol=1e-4)


@EVERY
def test_an_ensemble_answers_with_the_mean_probability(name: str) -> None:
    ensemble, image = small(name, members=2).eval(), _image(name, 1)
    several = name in ("aunet", "unet", "fusionnet", "fcdensenet103")
    with torch.no_grad():
        answers = [_tensors(member(image)) for member in ensemble.members]
        means = [o.softmax(1) if several else o.sigmoid() for o in _tensors(ensemble(image))]
    for mean, *given in zip(means, *answers, strict=True):
        wanted = torch.stack([o.softmax(1) if several else o.sigmoid() for o in given]).mean(0)
        torch.testing.assert_close(mean, wanted)
    assert any((a - b).abs().max() > 0 for a, b in zip(*answers, strict=True))


@pytest.mark.parametrize("name", ["abnormal_unet", "unet", "v19unetpp", "resnet18"])
def test_torchscript_of_an_ensemble(name: str) -> None:
    ensemble, image = small(name, members=2).eval(), _image(name, 1)
    with torch.no_grad():
        _assert_same(convert_to_torchscript(ensemble)(image), ensemble(image), atol=1e-5, rtol=1e-4)

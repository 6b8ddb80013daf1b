# SPDX-License-Identifier: Apache-2.0
"""The CPU routes compute what the network computes: masks of a trained network change by a Dice of at most 0.001."""

from __future__ import annotations

import copy

import pytest
import torch

from mammozoo.engines.training.inferers import AutocastInferer
from mammozoo.networks.cpu_route import ROUTES, best_route, set_cpu_route
from mammozoo.networks.segmentation.abnormal_unet import AbnormalUNet

Pair = tuple[torch.Tensor, torch.Tensor]


def _disks(count: int, seed: int, size: int = 48) -> Pair:
    """Soft bright disks of several sizes in a breast-like gradient with noise, and the disks."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    place = torch.rand(2, count, 1, 1, generator=generator) - 0.5
    radius = 0.25 + 0.25 * torch.rand(count, 1, 1, generator=generator)
    inside = radius - ((x - place[0]) ** 2 + (y - place[1]) ** 2).sqrt()
    image = 0.5 * (1 - x**2 - y**2).clip(0) + 0.4 * torch.sigmoid(12 * inside)
    noise = 0.05 * torch.randn(count, size, size, generator=generator)
    return (image + noise)[:, None], (inside > 0).float()[:, None]


def _dice(mask: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    return 2 * (mask * truth).sum((1, 2, 3)) / (mask + truth).sum((1, 2, 3)).clip(1)


@pytest.fixture(scope="module")
def trained() -> torch.nn.Module:
    """A small U-Net that finds the disks."""
    torch.manual_seed(0)
    network = AbnormalUNet(width=4)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for step in range(120):
        image, truth = _disks(4, step)
        logits = network(image)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
        optimizer.zero_grad()
        (loss + 1 - _dice(logits.sigmoid(), truth).mean()).backward()
        optimizer.step()
    return network.eval()


@pytest.mark.parametrize("route", [route for route in ROUTES if route != "eager"])
def test_masks_of_a_trained_network_stay(route: str, trained: torch.nn.Module) -> None:
    if route == "openvino":
        pytest.importorskip("openvino")
    image, truth = _disks(48, 1000)
    inferer = AutocastInferer()
    with torch.inference_mode():
        before = inferer(image, trained)
        after = inferer(image, set_cpu_route(copy.deepcopy(trained), route=route))
    assert after.dtype == torch.float32
    first, second = (_dice((logits > 0).float(), truth) for logits in (before, after))
    assert float(first.mean()) > 0.8
    assert abs(float(first.mean() - second.mean())) <= 0.001
    assert float((before.sigmoid() - after.sigmoid()).abs().max()) < 0.03


def test_eager_changes_nothing(trained: torch.nn.Module) -> None:
    before = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    assert set_cpu_route(trained) is trained
    assert all(torch.equal(tensor, before[name]) for name, tensor in trained.state_dict().items())


def test_the_first_and_last_convolution_and_normalisation_stay_in_float32(trained: torch.nn.Module) -> None:
    network = set_cpu_route(copy.deepcopy(trained), route="bfloat16")
    types = [module.weight.dtype for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    assert types[0] == types[-1] == torch.float32
    assert set(types[1:-1]) == {torch.bfloat16}
    norms = [module.weight.dtype for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert set(norms) == {torch.float32}


def test_lists_come_back_in_float32() -> None:
    class Heads(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.heads = torch.nn.ModuleList([torch.nn.Conv2d(1, 1, 1), torch.nn.Conv2d(1, 2, 1)])

        def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
            return [head(image) for head in self.heads]

    outputs = set_cpu_route(Heads(), route="bfloat16")(torch.zeros(1, 1, 4, 4))
    assert [item.dtype for item in outputs] == [torch.float32] * 2


def test_auto_avoids_emulated_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    for able, wanted in ((True, "bfloat16"), (False, "channels_last")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: {"amx_bf16": able}, raising=False)
        assert best_route() == wanted


def test_wrong_routes_are_said() -> None:
    with pytest.raises(ValueError, match="did you mean 'bfloat16'"):
        set_cpu_route(torch.nn.Conv2d(1, 1, 1), route="bfloat_16")
    with pytest.raises(ValueError, match="no inner layers"):
        set_cpu_route(torch.nn.Conv2d(1, 1, 1), route="openvino", inner_layers=True)

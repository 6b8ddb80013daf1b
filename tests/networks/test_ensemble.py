# SPDX-License-Identifier: Apache-2.0
"""The mean of several networks' probabilities as one network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mammozoo.networks import MeanEnsemble, create_network, feature_layer, load_pretrained
from mammozoo.networks.ensemble import ensemble_state


def test_probabilities_are_averaged_exactly_and_far_out_too() -> None:
    class Constant(torch.nn.Module):
        def __init__(self, value: float) -> None:
            super().__init__()
            self.value = value

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.full((len(image), 1), self.value)

    image = torch.zeros(2, 1, 4, 4)
    logits = MeanEnsemble([Constant(-1.0), Constant(0.5), Constant(3.0)])(image)
    wanted = torch.tensor([-1.0, 0.5, 3.0]).sigmoid().mean()
    torch.testing.assert_close(logits.sigmoid(), wanted.expand(2, 1))
    far = MeanEnsemble([Constant(300.0), Constant(300.0)])(image)
    torch.testing.assert_close(far, torch.full((2, 1), 300.0))


def test_a_softmax_is_shared_by_the_channels() -> None:
    class Channels(torch.nn.Module):
        def __init__(self, *logits: float) -> None:
            super().__init__()
            self.logits = torch.tensor(logits).view(1, -1, 1)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.logits.expand(len(image), -1, 5)

    members = [Channels(0.0, 2.0, -1.0), Channels(400.0, 0.0, 0.0)]
    logits = MeanEnsemble(members, softmax=True)(torch.zeros(2, 1))
    wanted = (torch.tensor([0.0, 2.0, -1.0]).softmax(0) + torch.tensor([1.0, 0.0, 0.0])) / 2
    torch.testing.assert_close(logits.exp()[0, :, 0], wanted)
    torch.testing.assert_close(logits.softmax(1), logits.exp())


@pytest.mark.parametrize(("name", "options"), [("resnet18", {"width": 4}), ("efficientnet_unet", {"width": 4})])
def test_state_dicts_of_the_members_make_the_ensembles(name: str, options: dict[str, int]) -> None:
    members = [create_network(name, **options).eval() for _ in range(3)]
    ensemble = create_network(name, **options, members=3).eval()
    ensemble.load_state_dict(ensemble_state([member.state_dict() for member in members]))
    image = torch.rand(2, 3 if name == "resnet18" else 1, 64, 64)
    with torch.inference_mode():
        wanted = torch.stack([member(image).sigmoid() for member in members]).mean(dim=0)
        torch.testing.assert_close(ensemble(image).sigmoid(), wanted)


def test_heads_of_a_training_are_averaged_one_by_one() -> None:
    ensemble = create_network("v19unetpp", width=2, members=2)
    assert [tuple(head.shape) for head in ensemble(torch.rand(2, 3, 32, 32))] == [(2, 1, 32, 32)] * 4


def test_every_member_begins_with_the_same_weights(tmp_path: Path) -> None:
    source = create_network("resnet18", width=4, num_classes=7)
    torch.save(source.state_dict(), tmp_path / "w.pt")
    ensemble = create_network("resnet18", width=4, members=2)
    load_pretrained(ensemble, tmp_path / "w.pt")
    assert all(torch.equal(member.layer4[0].conv1.weight, source.layer4[0].conv1.weight) for member in ensemble.members)
    assert not torch.equal(ensemble.members[0].fc.weight, ensemble.members[1].fc.weight)
    assert feature_layer(ensemble, "resnet18") == "members.0.layer4"


def test_an_ensemble_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one network"):
        MeanEnsemble([])

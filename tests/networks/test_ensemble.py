# SPDX-License-Identifier: Apache-2.0
"""The mean of several networks' probabilities as one network."""

from __future__ import annotations

import pytest
import torch

from mammozoo.networks.classification.create import classification_network, feature_layer
from mammozoo.networks.ensemble import MeanEnsemble, ensemble_state


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


def test_state_dicts_of_the_members_make_the_ensembles() -> None:
    members = [classification_network("resnet18", width=4).eval() for _ in range(3)]
    ensemble = classification_network("resnet18", width=4, members=3).eval()
    ensemble.load_state_dict(ensemble_state([member.state_dict() for member in members]))
    image = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        wanted = torch.stack([member(image).sigmoid() for member in members]).mean(dim=0)
        torch.testing.assert_close(ensemble(image).sigmoid(), wanted)
    assert feature_layer(ensemble, "resnet18") == "members.0.layer4"


def test_an_ensemble_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one network"):
        classification_network("resnet18", width=4, members=0)

# SPDX-License-Identifier: Apache-2.0
"""Trained networks stacked into one file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mammozoo._errors import UserError
from mammozoo.engines.experiments.ensemble import save_ensemble
from mammozoo.networks import create_network


@pytest.fixture
def members(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"fold_{fold}" / "models" / "model.pt" for fold in range(2)]
    for path in paths:
        path.parent.mkdir(parents=True)
        torch.save(create_network("resnet18", width=4).state_dict(), path)
    return paths


def test_one_network_answers_with_the_mean_of_the_probabilities(members: list[Path], tmp_path: Path) -> None:
    model = save_ensemble(members, tmp_path / "one")
    assert model == tmp_path / "one" / "model.pt"
    network = create_network("resnet18", width=4, members=2).eval()
    network.load_state_dict(torch.load(model, weights_only=True))
    image, each = torch.rand(2, 3, 64, 64), []
    with torch.inference_mode():
        for path in members:
            member = create_network("resnet18", width=4).eval()
            member.load_state_dict(torch.load(path, weights_only=True))
            each.append(member(image).sigmoid())
        torch.testing.assert_close(network(image).sigmoid(), torch.stack(each).mean(dim=0))


def test_members_of_another_network_or_none_are_refused(members: list[Path], tmp_path: Path) -> None:
    torch.save(create_network("resnet18", width=8).state_dict(), members[1])
    with pytest.raises(UserError, match=r"fold_1.* is another network than .*fold_0.*: an ensemble's"):
        save_ensemble(members, tmp_path / "one")
    with pytest.raises(UserError, match="at least one"):
        save_ensemble([], tmp_path / "one")
    with pytest.raises(FileNotFoundError):
        save_ensemble([tmp_path / "absent.pt"], tmp_path / "one")
    assert not (tmp_path / "one").exists()

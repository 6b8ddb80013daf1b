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
    paths = [tmp_path / f"fold_{fold}.pt" for fold in range(2)]
    for path in paths:
        torch.save(create_network("resnet18", width=4).state_dict(), path)
    return paths


def test_the_mean_of_the_members_is_one_network(members: list[Path], tmp_path: Path) -> None:
    network = create_network("resnet18", width=4, members=2).eval()
    network.load_state_dict(torch.load(save_ensemble(members, tmp_path / "one"), weights_only=True))
    single = create_network("resnet18", width=4).eval()
    image, probabilities = torch.rand(1, 3, 32, 32), []
    with torch.no_grad():
        for path in members:
            single.load_state_dict(torch.load(path, weights_only=True))
            probabilities.append(single(image).sigmoid())
        torch.testing.assert_close(network(image).sigmoid(), torch.stack(probabilities).mean(0))


def test_other_networks_and_none_are_refused(members: list[Path], tmp_path: Path) -> None:
    torch.save(create_network("resnet18", width=8).state_dict(), members[1])
    with pytest.raises(UserError, match="another network"):
        save_ensemble(members, tmp_path / "one")
    with pytest.raises(UserError, match="at least one"):
        save_ensemble([], tmp_path / "one")
    with pytest.raises(FileNotFoundError):
        save_ensemble([tmp_path / "absent.pt"], tmp_path / "one")
    assert not (tmp_path / "one").exists()

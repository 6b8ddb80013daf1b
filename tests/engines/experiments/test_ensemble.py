# SPDX-License-Identifier: Apache-2.0
"""Trained networks stacked into one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mammozoo.engines.experiments.ensemble import save_ensemble
from mammozoo.networks import create_network

_NETWORK = {"_target_": "mammozoo.networks.create_network", "name": "resnet18", "width": 4}


@pytest.fixture
def members(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"fold_{fold}" / "model.pt" for fold in range(2)]
    for path in paths:
        path.parent.mkdir()
        torch.save(create_network("resnet18", width=4).state_dict(), path)
        keys = {"spatial_size": [64, 64], "network_def": {**_NETWORK, "members": 1}}
        path.with_suffix(".json").write_text(json.dumps(keys))
        path.with_name("threshold.json").write_text('{"threshold": 0.4}')
    return paths


def test_one_network_with_keys_and_threshold(members: list[Path], tmp_path: Path) -> None:
    model = save_ensemble(members, tmp_path / "one")
    keys = json.loads(model.with_suffix(".json").read_text())
    assert keys == {"spatial_size": [64, 64], "network_def": {**_NETWORK, "members": 2}}
    assert json.loads(model.with_name("threshold.json").read_text()) == {"threshold": 0.4}
    network = create_network("resnet18", width=4, members=2)
    network.load_state_dict(torch.load(model, weights_only=True))


def test_members_of_other_keys_or_none_are_refused(members: list[Path], tmp_path: Path) -> None:
    members[1].with_suffix(".json").write_text('{"spatial_size": [32, 32]}')
    with pytest.raises(ValueError, match="trained with other keys"):
        save_ensemble(members, tmp_path / "one")
    with pytest.raises(ValueError, match="at least one"):
        save_ensemble([], tmp_path / "one")
    with pytest.raises(FileNotFoundError):
        save_ensemble([tmp_path / "absent.pt"], tmp_path / "one")
    assert not (tmp_path / "one").exists()

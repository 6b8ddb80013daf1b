# SPDX-License-Identifier: Apache-2.0
"""Weights into a network, and an encoder from the stage before: silent when they fit, one clear line when not."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from mammozoo._errors import UserError
from mammozoo.engines import load_weights, transfer_encoder
from mammozoo.io.weights import file_sha256
from mammozoo.networks import AbnormalUNet


def _network() -> Any:
    return torch.nn.ModuleDict({"encoder": torch.nn.Linear(1, 1), "decoder": torch.nn.Linear(1, 1)})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder after its first stage."""
    (tmp_path / "models").mkdir()
    torch.save(_network().state_dict(), tmp_path / "models" / "pretraining.pt")
    return tmp_path


def test_transfer_copies_the_encoder_only(run: Path) -> None:
    second = _network()
    decoder = second["decoder"].weight.clone()
    transfer_encoder(second, run_dir=run, prefixes=["encoder"])
    first = torch.load(run / "models" / "pretraining.pt", weights_only=True)
    assert torch.equal(first["encoder.weight"], second["encoder"].weight)
    assert torch.equal(second["decoder"].weight, decoder)


def test_a_second_stage_that_continues_keeps_its_own(run: Path) -> None:
    second = _network()
    before = second["encoder"].weight.clone()
    (run / "models" / "checkpoint.pt").touch()
    transfer_encoder(second, run_dir=run, prefixes=["encoder"], resume=True)
    assert torch.equal(second["encoder"].weight, before)
    (run / "models" / "checkpoint.pt").unlink()
    transfer_encoder(second, run_dir=run, prefixes=["encoder"], resume=True)
    assert not torch.equal(second["encoder"].weight, before)


def test_what_is_not_there_is_named(run: Path) -> None:
    with pytest.raises(UserError, match="the network has no 'encodr' to transfer to: it has decoder, encoder"):
        transfer_encoder(_network(), run_dir=run, prefixes=["encodr"])
    (run / "models" / "pretraining.pt").unlink()
    with pytest.raises(UserError, match=r"pretraining.pt is absent: run the first stage \(`run pretraining`\)"):
        transfer_encoder(_network(), run_dir=run, prefixes=["encoder"])
    with pytest.raises(UserError, match=r"no weights at .*run training.*--weights"):
        load_weights(_network(), path=run / "models" / "model.pt")


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A bundle's weights in both forms, whose hashes its metadata record."""
    for folder in ("models", "configs"):
        (tmp_path / folder).mkdir()
    torch.manual_seed(0)
    state = AbnormalUNet(1, 1, width=4).state_dict()
    torch.save(state, tmp_path / "models" / "model.pt")
    save_file(state, tmp_path / "models" / "model.safetensors")
    entries = {path.name: {"sha256": file_sha256(path)} for path in (tmp_path / "models").iterdir()}
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps({"weights": entries}))
    return tmp_path / "models" / "model.pt"


def _loaded(path: Path, caplog: pytest.LogCaptureFixture) -> tuple[torch.nn.Module, list[str]]:
    network = AbnormalUNet(1, 1, width=4)
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="mammozoo"):
        load_weights(network, path=path)
    return network, [record.getMessage() for record in caplog.records if record.name.startswith("mammozoo")]


@pytest.mark.parametrize("form", ["both", "safetensors alone"])
def test_released_weights_load_in_silence(form: str, released: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A clone holds the safetensors file alone."""
    saved = torch.load(released, weights_only=True)
    if form != "both":
        released.unlink()
    network, messages = _loaded(released, caplog)
    assert messages == []
    assert all(torch.equal(tensor, saved[name]) for name, tensor in network.state_dict().items())


def test_other_weights_are_said(released: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    state = {name: tensor + 1 for name, tensor in torch.load(released, weights_only=True).items()}
    torch.save(state, tmp_path / "mine.pt")
    assert _loaded(tmp_path / "mine.pt", caplog)[1] == [], "a file elsewhere is the user's own"
    torch.save(state, released)
    (message,) = _loaded(released, caplog)[1]
    assert "is not the file that metadata.json records" in message


def test_weights_of_another_width_are_refused(released: Path) -> None:
    with pytest.raises(ValueError, match="does not fit the network"):
        load_weights(AbnormalUNet(1, 1, width=8), path=released)

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from mammozoo.networks import load_pretrained, load_state, read_state
from mammozoo.networks.transfer import transfer_weights


def _network(width: int = 2) -> nn.Module:
    return nn.ModuleDict({"encoder": nn.Linear(1, width), "encoders": nn.Linear(1, 1)})


def test_a_prefix_ends_at_a_dot() -> None:
    target, source = _network(), _network()
    assert transfer_weights(target, source.state_dict(), prefixes=["encoder"]) == ["encoder.weight", "encoder.bias"]
    assert not torch.equal(target["encoders"].weight, source["encoders"].weight)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="no tensor of the network begins with 'decoder'"):
        transfer_weights(_network(), {}, prefixes=["decoder"])
    with pytest.raises(ValueError, match="2 of 2 tensors are missing or of another shape"):
        transfer_weights(_network(), _network(3).state_dict(), prefixes=["encoder"])


@pytest.mark.parametrize("load", [load_pretrained, load_state])
@pytest.mark.parametrize("key", [None, "model", "network"])
def test_a_file_that_fits(tmp_path: Path, key: str | None, load: Callable[[nn.Module, Path], None]) -> None:
    source, target = _network(), _network()
    state = {name: tensor.half() for name, tensor in source.state_dict().items()}
    torch.save(state if key is None else {key: state}, tmp_path / "w.pt")
    load(target, tmp_path / "w.pt")
    assert target["encoder"].weight.dtype == torch.float32
    torch.testing.assert_close(target["encoder"].weight, source["encoder"].weight, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("path", [None, ""])
def test_no_path_changes_nothing(path: str | None) -> None:
    network = _network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    load_pretrained(network, path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


class _Adapting(nn.Module):
    """A user's own network, which takes another's encoder under another name."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head = nn.Linear(1, 2), nn.Linear(2, 1)

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name.replace("backbone", "encoder"): v for name, v in state.items() if name.startswith("backbone")}


def test_a_network_of_ones_own_joins_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    network, other = _Adapting(), nn.Linear(1, 2)
    fresh = network.head.weight.clone()
    state = {f"backbone.{name}": value for name, value in other.state_dict().items()}
    torch.save({**state, "classifier": torch.zeros(1)}, tmp_path / "w.pt")
    with caplog.at_level(logging.INFO, logger="mammozoo"):
        load_pretrained(network, tmp_path / "w.pt")
    assert "w.pt: 2 of the network's 4 tensors are taken from it" in caplog.text
    assert torch.equal(network.encoder.weight, other.weight)
    assert torch.equal(network.head.weight, fresh)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"other.weight": torch.zeros(2)}, "none of its tensors is the network's"),
        ({"backbone.weight": torch.zeros(3, 1)}, "1 of another shape .for example encoder.weight"),
        ({"backbone.extra": torch.zeros(1)}, "1 unknown, 0 of another shape .for example encoder.extra"),
    ],
)
def test_too_little_is_refused_in_one_line(tmp_path: Path, state: dict[str, torch.Tensor], message: str) -> None:
    network = _Adapting()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=f"w.pt does not fit _Adapting: .*{message}") as error:
        load_pretrained(network, tmp_path / "w.pt")
    assert "\n" not in str(error.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_errors_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights file .*absent.pt"):
        read_state(tmp_path / "absent.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="holds no state dict"):
        read_state(tmp_path / "list.pt")
    torch.save(_network(3).state_dict(), tmp_path / "wide.pt")
    for load in (load_pretrained, load_state):
        with pytest.raises(ValueError, match=r"0 tensors missing, 0 unknown, 2 of another shape.*width"):
            load(_network(), tmp_path / "wide.pt")
    # Half a network is not the network, and weights of another one begin nothing.
    torch.save({"encoder.weight": torch.zeros(2, 1)}, tmp_path / "part.pt")
    for load in (load_pretrained, load_state):
        with pytest.raises(ValueError, match="3 tensors missing"):
            load(_network(), tmp_path / "part.pt")

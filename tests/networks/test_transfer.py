# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from mammozoo.networks.transfer import load_pretrained, read_state, transfer_weights


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


@pytest.mark.parametrize("key", [None, "model", "network"])
def test_load_pretrained(tmp_path: Path, key: str | None) -> None:
    source, target = _network(), _network()
    state = {name: tensor.half() for name, tensor in source.state_dict().items()}
    torch.save(state if key is None else {key: state}, tmp_path / "w.pt")
    load_pretrained(target, tmp_path / "w.pt")
    assert target["encoder"].weight.dtype == torch.float32
    torch.testing.assert_close(target["encoder"].weight, source["encoder"].weight, atol=1e-3, rtol=1e-3)


def test_errors_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights file .*absent.pt"):
        read_state(tmp_path / "absent.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="holds no state dict"):
        read_state(tmp_path / "list.pt")
    torch.save(_network(3).state_dict(), tmp_path / "wide.pt")
    with pytest.raises(ValueError, match=r"0 tensors missing, 0 unknown, 2 of another shape.*width"):
        load_pretrained(_network(), tmp_path / "wide.pt")

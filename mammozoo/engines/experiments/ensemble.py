# SPDX-License-Identifier: Apache-2.0
"""Several trained networks as one file of weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..._errors import UserError
from ..._typing import PathLike
from ...networks.ensemble import ensemble_state
from ...networks.transfer import read_state
from ..training.handlers import save_atomically


def save_ensemble(members: Sequence[PathLike], folder: PathLike) -> Path:
    """Write trained networks as one whose answer is the mean of their probabilities."""
    states = [read_state(path) for path in members]
    if not states:
        raise UserError("an ensemble needs at least one network")
    for path, state in zip(members, states, strict=True):
        if {name: tensor.shape for name, tensor in state.items()} != {n: t.shape for n, t in states[0].items()}:
            raise UserError(f"{path} is another network than {members[0]}: an ensemble's networks are alike")
    return save_atomically(ensemble_state(states), Path(folder) / "model.pt")

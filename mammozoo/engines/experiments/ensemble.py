# SPDX-License-Identifier: Apache-2.0
"""Several trained networks as one file of weights."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ..._typing import PathLike
from ...io.model_keys import read_model_keys
from ...io.write import write_json
from ...networks.ensemble import ensemble_state
from ...networks.transfer import read_state
from ..training.handlers import save_atomically

__all__ = ["save_ensemble"]


def save_ensemble(members: Sequence[PathLike], folder: PathLike) -> Path:
    """Write trained networks as one whose answer is the mean of their probabilities.

    Parameters
    ----------
    members : sequence of paths
        State dicts of the same kind of network, each as a training left it.
    folder : path
        Receives ``model.pt``; ``model.json`` with the first member's keys and their number, if it has keys; and the
        first member's ``threshold.json``, if it has one.

    Returns
    -------
    pathlib.Path
        ``model.pt``.

    Raises
    ------
    ValueError
        If there is no member, or members were trained with different keys.
    FileNotFoundError
        If a file is not there.
    """
    paths, folder = [Path(path) for path in members], Path(folder)
    if not paths:
        msg = "an ensemble needs at least one network"
        raise ValueError(msg)
    keys = read_model_keys(paths[0])
    for path in paths[1:]:
        if read_model_keys(path) != keys:
            msg = f"{path} was trained with other keys than {paths[0]}; an ensemble's networks see the same input"
            raise ValueError(msg)
    model = save_atomically(ensemble_state([read_state(path) for path in paths]), folder / "model.pt")
    if keys:
        network = {**keys["network_def"], "members": len(paths)}
        write_json(folder / "model.json", {**keys, "network_def": network})
    threshold = paths[0].with_name("threshold.json")
    if threshold.is_file():
        shutil.copyfile(threshold, folder / "threshold.json")
    return model

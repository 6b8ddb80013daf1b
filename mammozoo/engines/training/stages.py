# SPDX-License-Identifier: Apache-2.0
"""Between the stages: weights into a network, an encoder from the stage before."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

from ..._errors import UserError
from ..._typing import PathLike
from ...io.weights import released_file, weights_fault
from ...networks.transfer import load_state, read_state, transfer_weights

__all__ = ["load_weights", "transfer_encoder"]

logger = logging.getLogger(__name__)


def transfer_encoder(
    network: torch.nn.Module,
    *,
    run_dir: PathLike,
    prefixes: list[str],
    resume: bool = False,
) -> None:
    """Copy the tensors under some prefixes (the encoder) from the first stage's best network.

    Parameters
    ----------
    network : torch.nn.Module
        The second stage's network; every tensor outside the prefixes keeps its fresh values.
    run_dir : path
        The run folder, with ``models/pretraining.pt`` of the first stage.
    prefixes : list of str
        For example ``["encoder"]``.
    resume : bool
        Transfer nothing where the second stage continues from its checkpoint.

    Raises
    ------
    UserError
        If the first stage has left no network, or the network has no such tensors.
    """
    names = {name.split(".")[0] for name in _unwrapped(network).state_dict()}
    absent = [prefix for prefix in prefixes if prefix.split(".")[0] not in names]
    if absent:
        raise UserError(f"the network has no {absent[0]!r} to transfer to: it has {', '.join(sorted(names))}")
    source = Path(run_dir) / "models" / "pretraining.pt"
    if resume and source.with_name("checkpoint.pt").is_file():
        return
    if not source.is_file():
        raise UserError(f"{source} is absent: run the first stage (`run pretraining`) or both stages (`run training`)")
    copied = transfer_weights(_unwrapped(network), read_state(source), prefixes=prefixes)
    logger.info("transferred %d tensors of the first stage under %s", len(copied), ", ".join(prefixes))


def load_weights(network: torch.nn.Module, *, path: PathLike) -> None:
    """Load a bundle's weights into its network, or say how to get them.

    Parameters
    ----------
    network : torch.nn.Module
    path : path
        ``models/model.pt`` of a bundle or a run, or what ``--weights`` names. Where it is absent, the ``.safetensors``
        file beside it serves: released weights lie so in a clone.

    Raises
    ------
    UserError
        If the file is absent or does not fit.

    Notes
    -----
    A file that differs from the SHA-256 in the bundle's metadata is loaded with a warning; ``mammozoo check`` and
    ``mammozoo predict`` refuse it.
    """
    path = released_file(path)
    if not path.is_file():
        raise UserError(f"no weights at {path}: train them (`monai.bundle run training ...`) or give --weights PATH")
    fault = weights_fault(path)
    if fault is not None:
        logger.warning("%s", fault)
    load_state(_unwrapped(network), path)


def _unwrapped(item: Any) -> Any:
    """The network inside a distributed wrapper; anything else as it is."""
    return item.module if isinstance(item, torch.nn.parallel.DistributedDataParallel) else item

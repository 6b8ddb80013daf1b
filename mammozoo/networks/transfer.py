# SPDX-License-Identifier: Apache-2.0
"""Weights in and out of networks: files read without running code, loaded whole, adapted, or under some prefixes."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import nn

from .._typing import PathLike

__all__ = ["fitted", "load_pretrained", "load_state", "misfit", "read_state", "transfer_weights"]

logger = logging.getLogger(__name__)

#: Name under which `read_state` gives the numbers of a Darknet file, which holds no names.
DARKNET = "darknet"
_DARKNET_HEADER = 20  # bytes: major, minor, revision, and the images seen as 64 bits


def read_state(path: PathLike) -> dict[str, torch.Tensor]:
    """Read a state dict without executing anything.

    Parameters
    ----------
    path : path
        A PyTorch file (a plain state dict, or one under ``"model"``, ``"state_dict"`` or ``"network"``), a
        ``.safetensors`` file, or a Darknet ``.weights`` file.

    Returns
    -------
    dict of str to torch.Tensor
        On the CPU, in the file's types. Of a Darknet file one tensor ``"darknet"``, float32, all numbers in order.

    Raises
    ------
    FileNotFoundError
    ValueError
        If it holds no state dict, cannot be read, or could only be read by running code of its own.

    Examples
    --------
    >>> read_state("absent.pt")
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no weights file absent.pt
    """
    path = Path(path)
    if not path.is_file():
        msg = f"there is no weights file {path}"
        raise FileNotFoundError(msg)
    try:
        content = _content(path)
    except (pickle.UnpicklingError, safetensors.SafetensorError, RuntimeError, EOFError, ValueError) as error:
        # PyTorch's message goes on to say how to run what is in the file; that is not advice for weights of others.
        msg = f"{path} cannot be read as tensors ({type(error).__name__}): damaged, or it holds code, which is not run"
        raise ValueError(msg) from error
    for key in ("model", "state_dict", "network"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        msg = f"{path} holds no state dict (names to tensors)"
        raise ValueError(msg)
    return dict(content)


def _content(path: Path) -> Any:
    """What the file holds, tensors or not."""
    if path.suffix == ".safetensors":
        return safetensors.torch.load_file(path)
    if path.suffix == ".weights":
        return {DARKNET: torch.from_numpy(np.fromfile(path, dtype="<f4", offset=_DARKNET_HEADER).astype(np.float32))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on forms that are then refused
        return torch.load(path, map_location="cpu", weights_only=True)


def load_state(network: nn.Module, path: PathLike) -> None:
    """Load a network's own weights, every tensor; float16 files become the network's own type.

    Parameters
    ----------
    network : torch.nn.Module
    path : path
        As in `read_state`.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it does not fit; the message says how.

    Examples
    --------
    >>> load_state(nn.Linear(1, 1), "absent.pt")
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no weights file absent.pt
    """
    state = read_state(path)
    fault = misfit(state, network.state_dict())
    if fault is not None:
        msg = f"{path} does not fit the network: {fault}; is the width or the architecture another one?"
        raise ValueError(msg)
    network.load_state_dict(state)


def load_pretrained(network: nn.Module, path: PathLike | None) -> None:
    """Begin a training with the weights of a file: the network's own, or others that the network knows to adapt.

    Parameters
    ----------
    network : torch.nn.Module
        Freshly initialised; changed in place. What is not taken stays as it is.
    path : path or None
        As in `read_state`. None or ``""`` changes nothing.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If nothing of it fits, or too little: a tensor of another shape, an unknown one, a part of a network that lacks
        some of its tensors. The network is unchanged then.

    Notes
    -----
    The file is given to the network's method ``adapt_pretrained(state)``, if it has one, which returns the state dict
    of the part that it takes, under the network's names, or raises ValueError. Without that method the file must fit
    (every name, every shape). A network of one's own joins in by having that method.

    Weights that were trained elsewhere have seen images (B, C, H, W), and this project's are (B, C, W, H). Their
    kernels are turned, so that the network answers as it would have there (`mammozoo.networks.adapting`). Files of
    this project's networks are never turned.

    The log says (INFO) how many of the network's tensors were taken.

    Examples
    --------
    >>> load_pretrained(nn.Linear(1, 1), None)
    """
    if path is None or not str(path):
        return
    state = read_state(path)
    try:
        taken = fitted(network, state)
    except ValueError as error:
        msg = f"{path} does not fit {type(network).__name__}: {error}"
        raise ValueError(msg) from error
    own = network.state_dict()
    network.load_state_dict({**own, **taken})
    logger.info("%s: %d of the network's %d tensors are taken from it", path, len(taken), len(own))


def fitted(network: nn.Module, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What `load_pretrained` takes of a state dict, under the network's names; ValueError where it does not fit."""
    own = network.state_dict()
    adapt = getattr(network, "adapt_pretrained", None)
    if adapt is None:
        fault = misfit(state, own)
    else:
        state = adapt(state)
        fault = misfit(state, own, optional=own) if state else "none of its tensors is the network's"
    if fault is not None:
        msg = f"{fault}; is the width or the architecture another one?"
        raise ValueError(msg)
    return dict(state)


def transfer_weights(target: nn.Module, source: Mapping[str, torch.Tensor], *, prefixes: Sequence[str]) -> list[str]:
    """Copy the tensors whose names begin with one of the prefixes."""
    own = target.state_dict()
    chosen: list[str] = []
    for prefix in prefixes:
        names = [name for name in own if name == prefix or name.startswith(f"{prefix}.")]
        if not names:
            msg = f"no tensor of the network begins with '{prefix}'; there are {sorted({n.split('.')[0] for n in own})}"
            raise ValueError(msg)
        chosen += names
    wrong = [name for name in chosen if name not in source or source[name].shape != own[name].shape]
    if wrong:
        msg = f"{len(wrong)} of {len(chosen)} tensors are missing or of another shape, for example {wrong[0]}"
        raise ValueError(msg)
    target.load_state_dict({**own, **{name: source[name] for name in chosen}})
    return chosen


def misfit(
    state: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor], *, optional: Collection[str] = ()
) -> str | None:
    """Say in what a state dict differs from a network's own; names of `optional` may be missing. None: it fits."""
    missing = [name for name in own if name not in state and name not in optional]
    unknown = [name for name in state if name not in own]
    shapes = [name for name in own if name in state and own[name].shape != state[name].shape]
    wrong = missing + unknown + shapes
    if not wrong:
        return None
    return (
        f"{len(missing)} tensors missing, {len(unknown)} unknown, {len(shapes)} of another shape "
        f"(for example {wrong[0]})"
    )

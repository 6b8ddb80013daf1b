# SPDX-License-Identifier: Apache-2.0
"""Move weights between networks: all of them, or those under some prefixes."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from .._typing import PathLike

__all__ = ["load_pretrained", "load_state", "misfit", "read_state", "transfer_weights"]


def read_state(path: PathLike) -> dict[str, torch.Tensor]:
    """Read a state dict without executing anything.

    Parameters
    ----------
    path : path
        A PyTorch file (a plain state dict, or one under ``"model"`` or ``"state_dict"``) or a ``.safetensors`` file.

    Returns
    -------
    dict of str to torch.Tensor

    Raises
    ------
    FileNotFoundError
    ValueError
        If it holds no state dict, cannot be read, or could only be read by running code of its own.
    """
    path = Path(path)
    if not path.is_file():
        msg = f"there is no weights file {path}"
        raise FileNotFoundError(msg)
    try:
        content = _content(path)
    except (pickle.UnpicklingError, safetensors.SafetensorError, RuntimeError, EOFError, ValueError) as error:
        # PyTorch's message goes on to say how to run what is in the file; that is no advice for weights of others.
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
    if path.suffix == ".safetensors":
        return safetensors.torch.load_file(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on forms that are then refused
        return torch.load(path, map_location="cpu", weights_only=True)


def transfer_weights(target: nn.Module, source: Mapping[str, torch.Tensor], *, prefixes: Sequence[str]) -> list[str]:
    """Copy the tensors whose names begin with one of the prefixes.

    Parameters
    ----------
    target : torch.nn.Module
    source : mapping of str to torch.Tensor
    prefixes : sequence of str
        For example ``["encoder"]``; a prefix ends at a dot.

    Returns
    -------
    list of str
        The names that were copied.

    Raises
    ------
    ValueError
        If a prefix selects nothing, or a tensor is missing or has another shape.

    Examples
    --------
    >>> a, b = (nn.ModuleDict({"encoder": nn.Linear(1, 1), "head": nn.Linear(1, 1)}) for _ in range(2))
    >>> transfer_weights(a, b.state_dict(), prefixes=["encoder"])
    ['encoder.weight', 'encoder.bias']
    """
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


def load_pretrained(network: nn.Module, path: PathLike) -> None:
    """Load a whole network's weights; float16 files become the network's own type.

    Parameters
    ----------
    network : torch.nn.Module
    path : path
        As in `read_state`.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it does not fit; the message says how.
    """
    state = read_state(path)
    fault = misfit(state, network.state_dict())
    if fault is not None:
        msg = f"{path} does not fit the network: {fault}; is the width or the architecture another one?"
        raise ValueError(msg)
    network.load_state_dict(state)


def misfit(
    state: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor], *, optional: Collection[str] = ()
) -> str | None:
    """Say in what a state dict differs from a network's own.

    Parameters
    ----------
    state, own : mapping of str to torch.Tensor
    optional : collection of str
        Names that `state` may lack.

    Returns
    -------
    str or None
        Numbers of missing, unknown and differently shaped tensors with an example; None where all fits.

    Examples
    --------
    >>> misfit({"a": torch.zeros(2)}, {"a": torch.zeros(3)})
    '0 tensors missing, 0 unknown, 1 of another shape (for example a)'
    """
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


load_state = load_pretrained

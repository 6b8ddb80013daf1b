# SPDX-License-Identifier: Apache-2.0
"""Begin a classifier with weights that were trained for other classes or other input channels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import torch
from torch import nn

from ..._typing import PathLike
from ..transfer import misfit, read_state

__all__ = ["fit_stem", "load_classifier"]

logger = logging.getLogger(__name__)


def fit_stem(weight: torch.Tensor, *, in_channels: int) -> torch.Tensor:
    """Adapt the kernels of a first convolution to another number of input channels.

    Parameters
    ----------
    weight : torch.Tensor
        Shape (out, in, kW, kH).
    in_channels : int
        The number that is wanted.

    Returns
    -------
    torch.Tensor
        Shape (out, in_channels, kW, kH): each channel is the sum over the channels of `weight`, divided by
        `in_channels`; `weight` itself where the number is right already.

    Notes
    -----
    One gray channel so gives the response of three equal ones exactly.

    Examples
    --------
    >>> fit_stem(torch.tensor([1.0, 2.0, 6.0]).view(1, 3, 1, 1), in_channels=2).flatten().tolist()
    [4.5, 4.5]
    """
    if weight.shape[1] == in_channels:
        return weight
    return (weight.sum(dim=1, keepdim=True) / in_channels).expand(-1, in_channels, -1, -1).clone()


def load_classifier(
    network: nn.Module,
    path: PathLike,
    *,
    stem: str,
    head: str,
    added: str | None = None,
    rename: Callable[[str], str] | None = None,
) -> None:
    """Load the weights of the same network; a head of other classes stays behind, the first convolution is adapted.

    Parameters
    ----------
    network : torch.nn.Module
        Freshly initialised; what is not loaded stays so.
    path : path
        As in `mammozoo.networks.transfer.read_state`.
    stem, head : str
        Names of the first convolution and of the last linear layer.
    added : str, optional
        A part of the names of what the network adds to a published one (for example ``"attention"``): the file may
        lack all of it.
    rename : callable, optional
        Gives the network's name of a tensor for the file's.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it does not fit; the message says how.

    Notes
    -----
    The head is skipped where the file has none or one of another shape, and a line of the log says so. The first
    convolution is adapted by `fit_stem`. Counters of batches, which old files lack, may be missing.

    Examples
    --------
    >>> load_classifier(nn.Linear(1, 1), "absent.pt", stem="conv1", head="fc")
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no weights file absent.pt
    """
    state = {rename(name) if rename else name: value for name, value in read_state(path).items()}
    own = network.state_dict()
    state = {name: _reshaped(value, own.get(name)) for name, value in state.items()}
    _adapt_stem(state, own, stem=stem, path=path)
    _drop_head(state, own, head=head, path=path)
    counters = {name for name in own if name.endswith("num_batches_tracked")}
    missing = own.keys() - state.keys() - counters
    expected = {name for name in missing if name.rpartition(".")[0] == head}
    new = {name for name in own.keys() - counters if added is not None and added in name.split(".")}
    if new and new <= missing:
        expected |= new
        logger.info("%s has none of the network's %d tensors of '%s': freshly initialised", path, len(new), added)
    fault = misfit(state, own, optional=expected | counters)
    if fault is not None:
        msg = f"{path} does not fit the network: {fault}; is it another backbone or another width?"
        raise ValueError(msg)
    network.load_state_dict({**own, **state})


def _reshaped(value: torch.Tensor, own: torch.Tensor | None) -> torch.Tensor:
    """Take the kernel of a 1 x 1 convolution for the matrix of a linear layer."""
    matrix = own is not None and own.ndim == 2 and value.ndim == 4 and value.shape[2:] == (1, 1)
    return value.flatten(1) if matrix else value


def _adapt_stem(state: dict[str, torch.Tensor], own: Mapping[str, torch.Tensor], *, stem: str, path: PathLike) -> None:
    """Replace the first convolution's kernels by those of the network's number of channels."""
    name = f"{stem}.weight"
    wanted = own[name].shape[1]
    if name in state and state[name].ndim == 4 and state[name].shape[1] != wanted:
        logger.info("%s: %s has %d input channels, wanted %d: their mean", path, stem, state[name].shape[1], wanted)
        state[name] = fit_stem(state[name], in_channels=wanted)


def _drop_head(state: dict[str, torch.Tensor], own: Mapping[str, torch.Tensor], *, head: str, path: PathLike) -> None:
    """Remove a head of another shape, weight and bias together."""
    names = [f"{head}.weight", f"{head}.bias"]
    if all(name in state and state[name].shape == own[name].shape for name in names):
        return
    found = [tuple(state.pop(name).shape) for name in names if name in state]
    logger.info(
        "%s: the head '%s' is left out (%s, wanted %s) and freshly initialised",
        path, head, found[0] if found else "absent", tuple(own[names[0]].shape),
    )  # fmt: skip

# SPDX-License-Identifier: Apache-2.0
"""How networks take weights of others: kernels turned, the first convolution and the head fitted.

One rule for all loaders: files of others were trained on images (B, C, H, W), and this project's are (B, C, W, H). The
last two axes of their kernels are exchanged (`turned`), so that a network computes on ``image.transpose(2, 3)`` the
transposed feature maps of theirs. Files of this project's own networks are never turned.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import torch
from torch import nn

from .transfer import misfit

logger = logging.getLogger(__name__)

State = Mapping[str, torch.Tensor]
# ImageNet's; no network of this project has as many.
_CLASSES_ELSEWHERE = 1000


def from_elsewhere(state: State, *, head: str) -> bool:
    """Whether a classifier was trained elsewhere: it has no head, or one of ImageNet's 1000 classes or more."""
    weight = state.get(f"{head}.weight")
    return weight is None or len(weight) >= _CLASSES_ELSEWHERE


def turned(state: State) -> dict[str, torch.Tensor]:
    """Exchange the two spatial axes of every convolution's kernel (the tensors of four axes)."""
    logger.info("trained elsewhere, on images (B, C, H, W): the kernels are turned")
    return {name: value.transpose(2, 3).contiguous() if value.ndim == 4 else value for name, value in state.items()}


def fit_stem(weight: torch.Tensor, *, in_channels: int) -> torch.Tensor:
    """Adapt the kernels of a first convolution to another number of input channels."""
    if weight.shape[1] == in_channels:
        return weight
    return (weight.sum(dim=1, keepdim=True) / in_channels).expand(-1, in_channels, -1, -1).clone()


def adapt_classifier(
    network: nn.Module,
    state: State,
    *,
    stem: str,
    head: str,
    added: tuple[str, ...] = (),
    rename: Callable[[str], str] | None = None,
    turn: Callable[[State], dict[str, torch.Tensor]] = turned,
) -> dict[str, torch.Tensor]:
    """Fit the weights of the same classifier."""
    given = {rename(name) if rename else name: value for name, value in state.items()}
    own = network.state_dict()
    if from_elsewhere(given, head=head):
        given = turn(given)
    given = {name: _reshaped(value, own.get(name)) for name, value in given.items()}
    _adapt_stem(given, own, stem=stem)
    _drop_head(given, own, head=head)
    counters = {name for name in own if name.endswith("num_batches_tracked")}
    missing = own.keys() - given.keys() - counters
    expected = {name for name in missing if name.rpartition(".")[0] == head}
    new = {name for name in own.keys() - counters if any(part in name.split(".") for part in added)}
    if new and new <= missing:
        expected |= new
        logger.info("%d tensors of '%s' are not there: freshly initialised", len(new), "', '".join(added))
    fault = misfit(given, own, optional=expected | counters)
    if fault is not None:
        msg = f"{fault}; is it another backbone or another width?"
        raise ValueError(msg)
    return given


def _reshaped(value: torch.Tensor, own: torch.Tensor | None) -> torch.Tensor:
    """Take the kernel of a 1 x 1 convolution for the matrix of a linear layer."""
    matrix = own is not None and own.ndim == 2 and value.ndim == 4 and value.shape[2:] == (1, 1)
    return value.flatten(1) if matrix else value


def _adapt_stem(given: dict[str, torch.Tensor], own: State, *, stem: str) -> None:
    """Replace the first convolution's kernels by those of the network's number of channels."""
    name = f"{stem}.weight"
    wanted = own[name].shape[1]
    if name in given and given[name].ndim == 4 and given[name].shape[1] != wanted:
        logger.info("%s has %d input channels, expected %d: their mean", stem, given[name].shape[1], wanted)
        given[name] = fit_stem(given[name], in_channels=wanted)


def _drop_head(given: dict[str, torch.Tensor], own: State, *, head: str) -> None:
    """Remove a head of another shape, weight and bias together."""
    names = [f"{head}.weight", f"{head}.bias"]
    if all(name in given and given[name].shape == own[name].shape for name in names):
        return
    found = [tuple(given.pop(name).shape) for name in names if name in given]
    logger.info(
        "the head '%s' is left out (%s, expected %s) and freshly initialised",
        head, found[0] if found else "absent", tuple(own[names[0]].shape),
    )  # fmt: skip

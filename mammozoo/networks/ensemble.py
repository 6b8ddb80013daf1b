# SPDX-License-Identifier: Apache-2.0
"""Several networks that answer as one, by the mean of their probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional

from .blocks import average_of_sigmoids
from .transfer import fitted, misfit

__all__ = ["MeanEnsemble", "ensemble_state"]


class MeanEnsemble(nn.Module):
    """The logits of the mean of the members' probabilities.

    Parameters
    ----------
    members : sequence of torch.nn.Module
        Each gives logits of the same shape for the same input, or lists of such logits.
    softmax : bool
        Whether the channels (axis 1) share one softmax. Otherwise every logit has a sigmoid of its own.

    Raises
    ------
    ValueError
        If there is no member.

    Notes
    -----
    With a softmax the logits are logarithms of probabilities. Lists are averaged entry by entry: heads of a training
    with deep supervision, or a detector's maps, whose values are all averaged through the sigmoid.
    `mammozoo.networks.load_pretrained` gives every member the same weights.

    Examples
    --------
    >>> ensemble = MeanEnsemble([nn.Identity(), nn.Hardtanh(-1e9, 0.0)])
    >>> round(torch.sigmoid(ensemble(torch.tensor([100.0]))).item(), 4)  # (1 + 0.5) / 2
    0.75
    """

    def __init__(self, members: Sequence[nn.Module], *, softmax: bool = False) -> None:
        super().__init__()
        if not members:
            msg = "an ensemble needs at least one network"
            raise ValueError(msg)
        self.members = nn.ModuleList(members)
        self.softmax = softmax

    def forward(self, image: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Compute logits of the members' shape."""
        tensors: list[torch.Tensor] = []
        lists: list[list[torch.Tensor]] = []
        for member in self.members:
            answer = member(image)
            if isinstance(answer, torch.Tensor):
                tensors.append(answer)
            else:
                lists.append(answer)
        if len(lists) == 0:
            return self._mean(torch.stack(tensors))
        return [self._mean(torch.stack([maps[i] for maps in lists])) for i in range(len(lists[0]))]

    def _mean(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits (members, B, C, ...) to logits (B, C, ...)."""
        if self.softmax:
            return torch.logsumexp(functional.log_softmax(logits, dim=2), dim=0) - math.log(len(self.members))
        return average_of_sigmoids(logits)

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fit one network's weights to every member, or those of the whole ensemble."""
        if misfit(state, self.state_dict()) is None:
            return dict(state)
        return ensemble_state([fitted(member, state) for member in self.members])


def ensemble_state(states: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """State dict of a `MeanEnsemble` from its members' state dicts."""
    return {f"members.{number}.{name}": value for number, state in enumerate(states) for name, value in state.items()}

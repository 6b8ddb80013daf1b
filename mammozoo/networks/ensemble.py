# SPDX-License-Identifier: Apache-2.0
"""Several networks that answer as one, by the mean of their probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional

from .transfer import fitted

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
    >>> torch.sigmoid(ensemble(torch.tensor([100.0]))).item()  # (1 + 0.5) / 2
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
        answers = [member(image) for member in self.members]
        if isinstance(answers[0], list):
            return [self._mean(torch.stack(logits)) for logits in zip(*answers, strict=True)]
        return self._mean(torch.stack(answers))

    def _mean(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits (members, B, C, ...) to logits (B, C, ...), without a probability that could round to 0 or 1."""
        if self.softmax:
            return torch.logsumexp(functional.log_softmax(logits, dim=2), dim=0) - math.log(len(self.members))
        positive = torch.logsumexp(functional.logsigmoid(logits), dim=0)
        return positive - torch.logsumexp(functional.logsigmoid(-logits), dim=0)

    def adapt_pretrained(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fit one network's weights to every member."""
        return ensemble_state([fitted(member, state) for member in self.members])


def ensemble_state(states: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """State dict of a `MeanEnsemble` from its members' state dicts.

    Parameters
    ----------
    states : sequence of mapping

    Examples
    --------
    >>> list(ensemble_state([{"fc.bias": torch.zeros(1)}, {"fc.bias": torch.ones(1)}]))
    ['members.0.fc.bias', 'members.1.fc.bias']
    """
    return {f"members.{number}.{name}": value for number, state in enumerate(states) for name, value in state.items()}

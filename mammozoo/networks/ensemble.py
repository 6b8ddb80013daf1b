# SPDX-License-Identifier: Apache-2.0
"""Several networks that answer as one, by the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional

__all__ = ["MeanEnsemble", "ensemble_state"]


class MeanEnsemble(nn.Module):
    """The logit of the mean of the members' probabilities.

    Parameters
    ----------
    members : sequence of torch.nn.Module
        Each gives logits of the same shape for the same input.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> ensemble = MeanEnsemble([nn.Identity(), nn.Hardtanh(-1e9, 0.0)])
    >>> torch.sigmoid(ensemble(torch.tensor([100.0]))).item()  # (1 + 0.5) / 2
    0.75
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        if not members:
            msg = "an ensemble needs at least one network"
            raise ValueError(msg)
        self.members = nn.ModuleList(members)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute logits of the members' shape."""
        logits = torch.stack([member(image) for member in self.members])
        positive = torch.logsumexp(functional.logsigmoid(logits), dim=0)
        return positive - torch.logsumexp(functional.logsigmoid(-logits), dim=0)


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

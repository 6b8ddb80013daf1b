# SPDX-License-Identifier: Apache-2.0
"""Learning rates as functions of the epoch, so that a resumed run may have more epochs than it had."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from ..._errors import UserError

__all__ = ["cosine", "set_rates", "steps"]


def cosine(epochs: int) -> Callable[[int], float]:
    """Factor of the first rate: half a cosine from 1 to 0.

    Parameters
    ----------
    epochs : int
        At least 1; from this epoch on the factor is 0.

    Returns
    -------
    callable
        Of the epoch, from 0; for `torch.optim.lr_scheduler.LambdaLR`.

    References
    ----------
    Loshchilov and Hutter, ICLR 2017, arXiv:1608.03983, equation 5, without restarts.

    Examples
    --------
    >>> [round(cosine(4)(epoch), 3) for epoch in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """
    return lambda epoch: (1 + math.cos(math.pi * min(epoch, epochs) / epochs)) / 2


def set_rates(scheduler: object) -> None:
    """Give the optimiser the rates of the epoch that its schedule has reached; other schedules than LambdaLR stay."""
    if isinstance(scheduler, torch.optim.lr_scheduler.LambdaLR):
        factors = [function(scheduler.last_epoch) for function in scheduler.lr_lambdas]
        for group, first, factor in zip(scheduler.optimizer.param_groups, scheduler.base_lrs, factors, strict=True):
            group["lr"] = first * factor


def steps(milestones: Sequence[int], factors: Sequence[float]) -> Callable[[int], float]:
    """Factor of the first rate: the next of ``factors`` from each of the ``milestones`` on.

    Parameters
    ----------
    milestones : sequence of int
        Epochs, counted from 0, in ascending order.
    factors : sequence of float
        One more than there are milestones.

    Returns
    -------
    callable
        Of the epoch, from 0; for `torch.optim.lr_scheduler.LambdaLR`.

    References
    ----------
    Sun et al., Phys Med Biol 65 055005, 2020, Section 3.1 (1e-4, then 5e-5, 1e-5 and 1e-6).

    Examples
    --------
    >>> [steps([2, 3], [1.0, 0.5, 0.1])(epoch) for epoch in range(4)]
    [1.0, 1.0, 0.5, 0.1]
    """
    if len(factors) != len(milestones) + 1:
        raise UserError(
            f"{len(milestones)} milestones need {len(milestones) + 1} factors, got {len(factors)}: "
            "give --lr_milestones and --lr_factors together"
        )
    return lambda epoch: factors[sum(epoch >= milestone for milestone in milestones)]

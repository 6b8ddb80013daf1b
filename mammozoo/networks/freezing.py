# SPDX-License-Identifier: Apache-2.0
"""Train the last part of a network and leave the first as it is."""

from __future__ import annotations

import math

from torch import nn

__all__ = ["trainable_parameters"]


def trainable_parameters(network: nn.Module, *, share: float = 1.0) -> list[nn.Parameter]:
    """Freeze all but the last parameters; return those that are left, for an optimiser.

    Parameters
    ----------
    network : torch.nn.Module
        Its parameters in the order of definition, which runs from input to output. Those before the cut get
        ``requires_grad = False``.
    share : float
        Of the parameter tensors, from the end; 1 trains everything, a small share little more than the head.

    Returns
    -------
    list of torch.nn.Parameter

    Raises
    ------
    ValueError
        If the share is not above 0 and at most 1.

    Notes
    -----
    At least the last two tensors (the head's weight and bias) are trained. Running statistics of batch normalisation
    follow the data everywhere. Under several processes only ``share=1`` works: every tensor must get a gradient.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    >>> [tuple(parameter.shape) for parameter in trainable_parameters(network, share=0.5)]
    [(1, 3), (1,)]
    """
    if not 0 < share <= 1:
        msg = f"the share of trained parameters is {share!r}; expected above 0 and at most 1"
        raise ValueError(msg)
    parameters = list(network.parameters())
    kept = max(min(2, len(parameters)), math.ceil(share * len(parameters)))
    frozen = parameters[: len(parameters) - kept]
    for parameter in frozen:
        parameter.requires_grad_(False)
    return parameters[len(frozen) :]

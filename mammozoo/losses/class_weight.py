# SPDX-License-Identifier: Apache-2.0
"""Weight of the positive class in binary cross-entropy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["positive_weight"]


def positive_weight(items: Iterable[Mapping[str, Any]], *, device: torch.device | str = "cpu") -> Tensor:
    """Negatives a positive of a training list, so that both classes weigh the same.

    Parameters
    ----------
    items : iterable of mapping
        The training part; ``label`` is 0 or 1.
    device : torch.device

    Returns
    -------
    torch.Tensor
        Shape (1,), float32: ``pos_weight`` of `torch.nn.BCEWithLogitsLoss`.

    Notes
    -----
    With one class only, or none, the weight is 1.

    Examples
    --------
    >>> positive_weight([{"label": 0}, {"label": 0}, {"label": 1}])
    tensor([2.])
    """
    labels = [int(item["label"]) for item in items]
    positives = sum(labels)
    negatives = len(labels) - positives
    return torch.tensor([negatives / positives if positives and negatives else 1.0], device=device)

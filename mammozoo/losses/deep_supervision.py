# SPDX-License-Identifier: Apache-2.0
"""Dice loss of a network with several heads.

References
----------
.. [1] Yan et al., 2020, arXiv:2002.12079, Section 4.2; the expression printed there is the coefficient, the loss is 1
   minus it (docs/explanation/paper_discrepancies.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .region import soft_dice_loss

__all__ = ["DeepSupervisionDiceLoss", "deep_supervision_dice_loss"]


def deep_supervision_dice_loss(
    logits: torch.Tensor | Sequence[torch.Tensor], label: torch.Tensor, *, smooth: float = 1.0
) -> torch.Tensor:
    """Mean over heads of the soft Dice loss of sigmoid outputs [1]_.

    Parameters
    ----------
    logits : torch.Tensor or sequence of torch.Tensor
        Shape (B, 1, ...) each; one tensor is one head.
    label : torch.Tensor
        Shape (B, 1, ...), 0 or 1, any type.
    smooth : float
        Added to numerator and denominator.

    Returns
    -------
    torch.Tensor
        Scalar, float32: ``1 - (2 sum(p y) + smooth) / (sum(p) + sum(y) + smooth)`` of each image and head, averaged.

    Raises
    ------
    ValueError
        If there is no head, or one has another shape than the label.

    Notes
    -----
    Without lesion the loss of an image is ``sum(p) / (sum(p) + smooth)``.

    Examples
    --------
    >>> y = torch.tensor([[[1, 1, 0, 0]]])
    >>> p = torch.tensor([[[0.9, 0.2, 0.6, 0.1]]])
    >>> round(deep_supervision_dice_loss([torch.logit(p), torch.zeros(1, 1, 4)], y).item(), 6)
    0.366667
    """
    heads = [logits] if isinstance(logits, torch.Tensor) else list(logits)
    shapes = [tuple(head.shape) for head in heads]
    if not heads or any(shape != tuple(label.shape) for shape in shapes):
        msg = f"heads of the label's shape {tuple(label.shape)} are needed, at least one; got {shapes}"
        raise ValueError(msg)
    return torch.stack([soft_dice_loss(torch.sigmoid(head.float()), label, smooth=smooth) for head in heads]).mean()


class DeepSupervisionDiceLoss(nn.Module):
    """`deep_supervision_dice_loss` as a module [1]_.

    Parameters
    ----------
    smooth : float
        Added to numerator and denominator.

    Examples
    --------
    >>> DeepSupervisionDiceLoss()([torch.zeros(2, 1, 4, 4)] * 4, torch.ones(2, 1, 4, 4)).ndim
    0
    """

    def __init__(self, *, smooth: float = 1.0) -> None:
        super().__init__()
        self.smooth = smooth

    def forward(self, logits: torch.Tensor | Sequence[torch.Tensor], label: torch.Tensor) -> torch.Tensor:
        """Compute the loss of one or several logits (B, 1, W, H) against a label (B, 1, W, H)."""
        return deep_supervision_dice_loss(logits, label, smooth=self.smooth)

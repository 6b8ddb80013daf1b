# SPDX-License-Identifier: Apache-2.0
"""Region losses: focal and Tversky with their sum, Dice with cross-entropy.

References
----------
.. [1] Lin et al., Focal loss for dense object detection, ICCV 2017, arXiv:1708.02002, eq. 5.
.. [2] Salehi et al., Tversky loss function for image segmentation, MLMI 2017, arXiv:1706.05721, eq. 4.
.. [4] Sun et al., Phys Med Biol 65, 055005, 2020, eq. 7-9 (eq. 7 is printed without its logarithms: the standard
   cross-entropy is meant, see docs/explanation/paper_discrepancies.md).
.. [3] Huang et al., Cureus 18(3) e105360, 2026, Methods; the constants are choices, see docs/explanation/choices.md.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

__all__ = ["DiceCrossEntropyLoss", "FocalTverskyLoss", "focal_loss", "soft_dice_loss", "tversky_loss"]


def focal_loss(
    logits: torch.Tensor, label: torch.Tensor, *, alpha: float | None = 0.25, gamma: float = 2.0
) -> torch.Tensor:
    """Mean binary focal loss [1]_.

    Parameters
    ----------
    logits, label : torch.Tensor
        Same shape; the label is 0 or 1, any type.
    alpha : float or None
        Weight of positives; negatives weigh ``1 - alpha``. None weighs both 1.
    gamma : float
        How much well-classified pixels count less.

    Returns
    -------
    torch.Tensor
        Scalar, float32.

    Examples
    --------
    >>> p, y = torch.tensor([0.9, 0.2, 0.6, 0.1]), torch.tensor([1, 1, 0, 0])
    >>> round(focal_loss(torch.logit(p), y).item(), 6)
    0.126491
    """
    logits, label = logits.float(), label.float()
    entropy = F.binary_cross_entropy_with_logits(logits, label, reduction="none")
    wrong = 1 - torch.exp(-entropy)  # 1 minus the probability of the true class
    loss = wrong**gamma * entropy
    if alpha is not None:
        loss = loss * (alpha * label + (1 - alpha) * (1 - label))
    return loss.mean()


def tversky_loss(
    logits: torch.Tensor, label: torch.Tensor, *, fp_weight: float = 0.3, fn_weight: float = 0.7, smooth: float = 1e-6
) -> torch.Tensor:
    """1 minus the Tversky index of each image, then the mean over the batch [2]_.

    Parameters
    ----------
    logits, label : torch.Tensor
        Shape (B, 1, ...).
    fp_weight, fn_weight : float
        Weights of false positives and false negatives; 0.5 and 0.5 is the Dice loss.
    smooth : float
        Added to numerator and denominator.

    Returns
    -------
    torch.Tensor
        Scalar, float32.

    Notes
    -----
    Without lesion the index is ``smooth / (fp_weight * sum(p) + smooth)``: near 0 unless the prediction is empty.

    Examples
    --------
    >>> p, y = torch.tensor([[[0.9, 0.2, 0.6, 0.1]]]), torch.tensor([[[1, 1, 0, 0]]])
    >>> round(tversky_loss(torch.logit(p), y).item(), 5)
    0.43299
    """
    probability = torch.sigmoid(logits.float()).flatten(1)
    truth = label.float().flatten(1)
    tp = (probability * truth).sum(1)
    fp = (probability * (1 - truth)).sum(1)
    fn = ((1 - probability) * truth).sum(1)
    index = (tp + smooth) / (tp + fp_weight * fp + fn_weight * fn + smooth)
    return (1 - index).mean()


class FocalTverskyLoss(nn.Module):
    """Weighted sum of focal and Tversky loss [3]_.

    Parameters
    ----------
    focal_weight, tversky_weight : float
        0.5 each.
    alpha, gamma : float
        As in `focal_loss`.
    fp_weight, fn_weight, smooth : float
        As in `tversky_loss`.

    Examples
    --------
    >>> FocalTverskyLoss()(torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4)).ndim
    0
    """

    def __init__(
        self,
        *,
        focal_weight: float = 0.5,
        tversky_weight: float = 0.5,
        alpha: float | None = 0.25,
        gamma: float = 2.0,
        fp_weight: float = 0.3,
        fn_weight: float = 0.7,
        smooth: float = 1e-6,
    ) -> None:
        super().__init__()
        self.focal_weight = focal_weight
        self.tversky_weight = tversky_weight
        self.alpha = alpha
        self.gamma = gamma
        self.fp_weight = fp_weight
        self.fn_weight = fn_weight
        self.smooth = smooth

    def forward(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Compute the loss of logits (B, 1, W, H) against a label (B, 1, W, H)."""
        focal = focal_loss(logits, label, alpha=self.alpha, gamma=self.gamma)
        tversky = tversky_loss(logits, label, fp_weight=self.fp_weight, fn_weight=self.fn_weight, smooth=self.smooth)
        return self.focal_weight * focal + self.tversky_weight * tversky


def soft_dice_loss(probability: torch.Tensor, label: torch.Tensor, *, smooth: float = 1.0) -> torch.Tensor:
    """1 minus the soft Dice coefficient of each image, then the mean over the batch [4]_.

    Parameters
    ----------
    probability, label : torch.Tensor
        Shape (B, 1, ...); lesion only.
    smooth : float
        Added to numerator and denominator; the paper's 1.

    Returns
    -------
    torch.Tensor
        Scalar, float32.

    Examples
    --------
    >>> p, y = torch.tensor([[[0.9, 0.2, 0.6, 0.1]]]), torch.tensor([[[1, 1, 0, 0]]])
    >>> round(soft_dice_loss(p, y).item(), 6)
    0.333333
    """
    p, y = probability.float().flatten(1), label.float().flatten(1)
    overlap = (2 * (p * y).sum(1) + smooth) / (p.sum(1) + y.sum(1) + smooth)
    return (1 - overlap).mean()


class DiceCrossEntropyLoss(nn.Module):
    """Dice loss of the lesion plus `alpha` times the mean cross-entropy [4]_.

    Parameters
    ----------
    alpha : float
        Weight of the cross-entropy; 1 in the paper, 0.5 and 2 in its supplement.
    smooth : float
        Of the Dice term.

    Notes
    -----
    Takes logits of two channels (softmax; channel 1 is lesion) or of one (sigmoid).

    Examples
    --------
    >>> DiceCrossEntropyLoss()(torch.zeros(2, 2, 4, 4), torch.ones(2, 1, 4, 4)).ndim
    0
    """

    def __init__(self, *, alpha: float = 1.0, smooth: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha
        self.smooth = smooth

    def forward(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Compute the loss of logits (B, 1 or 2, W, H) against a label (B, 1, W, H)."""
        logits = logits.float()
        if logits.shape[1] == 1:
            entropy = F.binary_cross_entropy_with_logits(logits, label.float())
            probability = torch.sigmoid(logits)
        elif logits.shape[1] == 2:
            entropy = F.cross_entropy(logits, label[:, 0].long())
            probability = torch.softmax(logits, dim=1)[:, 1:]
        else:
            msg = f"logits of 1 or 2 channels are needed, got {logits.shape[1]}"
            raise ValueError(msg)
        return soft_dice_loss(probability, label, smooth=self.smooth) + self.alpha * entropy

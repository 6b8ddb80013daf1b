# SPDX-License-Identifier: Apache-2.0
"""Losses of the conditional GAN that segments: adversarial cross-entropy, and Dice for the generator.

References
----------
.. [1] Goodfellow et al., Generative adversarial nets, NeurIPS 2014, arXiv:1406.2661, Section 3 and Algorithm 1.
.. [2] Isola et al., Image-to-image translation with conditional adversarial networks, CVPR 2017, arXiv:1611.07004,
   Sections 3.1 and 3.3.
.. [3] Yan et al., 2020, arXiv:2002.12079, Section 4.2: binary cross-entropy and Dice, without weights.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from .deep_supervision import deep_supervision_dice_loss

__all__ = ["discriminator_loss", "generator_loss"]


def generator_loss(
    logits: torch.Tensor,
    label: torch.Tensor,
    fake_scores: torch.Tensor,
    *,
    dice_weight: float = 100.0,
    smooth: float = 1.0,
) -> torch.Tensor:
    """Cross-entropy of having the discriminator call the masks true, plus the weighted Dice loss [3]_.

    Parameters
    ----------
    logits, label : torch.Tensor
        The generator's logits and the truth, shape (B, 1, ...).
    fake_scores : torch.Tensor
        The discriminator's logits, of any shape, for the image and ``sigmoid(logits)``.
    dice_weight : float
        100, the weight of the pixel-wise term in [2]_; [3]_ gives none, see docs/explanation/choices.md.
    smooth : float
        Of the Dice term.

    Returns
    -------
    torch.Tensor
        Scalar, float32.

    Notes
    -----
    The non-saturating form: ``-log D`` in place of ``log(1 - D)`` [1]_.

    Examples
    --------
    >>> y = torch.ones(1, 1, 4, 4)
    >>> round(generator_loss(torch.full((1, 1, 4, 4), 50.0), y, torch.zeros(1, 1, 2, 2)).item(), 6)
    0.693147
    """
    scores = fake_scores.float()
    adversarial = F.binary_cross_entropy_with_logits(scores, torch.ones_like(scores))
    return adversarial + dice_weight * deep_supervision_dice_loss(logits, label, smooth=smooth)


def discriminator_loss(real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of telling true masks from the generator's [1]_.

    Parameters
    ----------
    real_scores, fake_scores : torch.Tensor
        The discriminator's logits, of any shape, for the label and for the generator's probability. The latter must
        have been detached from the generator.

    Returns
    -------
    torch.Tensor
        Scalar, float32: half the sum of both terms, as in Section 3.3 of [2]_.

    Examples
    --------
    >>> round(discriminator_loss(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)).item(), 6)
    0.693147
    """
    real, fake = real_scores.float(), fake_scores.float()
    of_real = F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
    of_fake = F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    return (of_real + of_fake) / 2

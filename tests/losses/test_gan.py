# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch

from mammozoo.losses.deep_supervision import deep_supervision_dice_loss
from mammozoo.losses.gan import discriminator_loss, generator_loss
from mammozoo.networks.segmentation.cgan import PatchDiscriminator, Pix2PixGenerator

LOGITS = torch.logit(torch.tensor([0.9, 0.2, 0.6, 0.1])).reshape(1, 1, 2, 2)
LABEL = torch.tensor([1, 1, 0, 0]).reshape(1, 1, 2, 2)


@pytest.mark.parametrize("weight", [0.0, 1.0, 100.0])
def test_generator_by_hand(weight: float) -> None:
    scores = torch.logit(torch.tensor([0.25, 0.5]))
    wanted = -(math.log(0.25) + math.log(0.5)) / 2 + weight * (1 - 3.2 / 4.8)
    assert generator_loss(LOGITS, LABEL, scores, dice_weight=weight).item() == pytest.approx(wanted, rel=1e-5)


def test_smoothing_reaches_the_dice_term() -> None:
    zero = torch.zeros(1)
    got = generator_loss(LOGITS, LABEL, zero, dice_weight=1.0, smooth=0.0).item()
    assert got == pytest.approx(math.log(2) + deep_supervision_dice_loss(LOGITS, LABEL, smooth=0.0).item(), rel=1e-6)


def test_discriminator_by_hand() -> None:
    real, fake = torch.logit(torch.tensor([0.8, 0.9])), torch.logit(torch.tensor([0.3]))
    wanted = (-(math.log(0.8) + math.log(0.9)) / 2 - math.log(0.7)) / 2
    assert discriminator_loss(real, fake).item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("score", [-1e4, 1e4])
def test_sure_scores_stay_finite(score: float) -> None:
    scores = torch.full((1, 1, 3, 3), score, dtype=torch.bfloat16)
    assert generator_loss(LOGITS, LABEL, scores).isfinite()
    assert discriminator_loss(scores, scores).item() == pytest.approx(5e3, rel=0.01)


def test_losses_pull_in_opposite_directions() -> None:
    fake = torch.zeros(4, requires_grad=True)
    generator_loss(LOGITS, LABEL, fake).backward()
    pull = fake.grad
    other = torch.zeros(4, requires_grad=True)
    discriminator_loss(torch.zeros(4), other).backward()
    assert pull is not None
    assert other.grad is not None
    assert (pull < 0).all()
    assert (other.grad > 0).all()


def test_both_networks_learn() -> None:
    torch.manual_seed(0)
    generator, discriminator = Pix2PixGenerator(1, width=4, depth=4), PatchDiscriminator(1, width=4)
    of_generator = torch.optim.Adam(generator.parameters(), lr=1e-2)
    of_discriminator = torch.optim.Adam(discriminator.parameters(), lr=1e-3)
    image = torch.rand(2, 1, 32, 48)
    label = (image > 0.5).float()
    dice = []
    for _ in range(8):
        logits = generator(image)
        mask = torch.sigmoid(logits)
        of_discriminator.zero_grad()
        discriminator_loss(discriminator(image, label), discriminator(image, mask.detach())).backward()
        of_discriminator.step()
        of_generator.zero_grad()
        generator_loss(logits, label, discriminator(image, mask)).backward()
        of_generator.step()
        dice.append(deep_supervision_dice_loss(logits.detach(), label).item())
    assert dice[-1] < dice[0] - 0.05

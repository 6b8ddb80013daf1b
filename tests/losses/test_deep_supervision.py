# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from mammozoo.losses.deep_supervision import DeepSupervisionDiceLoss, deep_supervision_dice_loss
from mammozoo.losses.region import soft_dice_loss

P = torch.tensor([0.9, 0.2, 0.6, 0.1]).reshape(1, 1, 2, 2)
Y = torch.tensor([1, 1, 0, 0]).reshape(1, 1, 2, 2)


def test_one_tensor_by_hand() -> None:
    # sum(p y) = 1.1, sum(p) = 1.8, sum(y) = 2: 1 - 3.2 / 4.8
    assert deep_supervision_dice_loss(torch.logit(P), Y).item() == pytest.approx(1 - 3.2 / 4.8, abs=1e-6)


def test_heads_are_averaged() -> None:
    heads = [torch.logit(P), torch.zeros_like(P), torch.full_like(P, 30.0)]
    # sigmoid 0.5: 1 - 3 / 5; sigmoid 1: 1 - 5 / 7
    wanted = ((1 - 3.2 / 4.8) + (1 - 3 / 5) + (1 - 5 / 7)) / 3
    assert DeepSupervisionDiceLoss()(heads, Y).item() == pytest.approx(wanted, abs=1e-6)
    assert DeepSupervisionDiceLoss()(tuple(heads), Y).item() == pytest.approx(wanted, abs=1e-6)


def test_each_image_counts_alike() -> None:
    logits = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    label = torch.zeros(3, 1, 8, 8)
    label[0, 0, :2, :2] = label[1] = 1
    apart = torch.stack([deep_supervision_dice_loss(logits[i : i + 1], label[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(deep_supervision_dice_loss(logits, label), apart.mean())
    torch.testing.assert_close(deep_supervision_dice_loss(logits, label), soft_dice_loss(logits.sigmoid(), label))


@pytest.mark.parametrize(("logit", "wanted"), [(-100.0, 0.0), (100.0, 64 / 65)])
def test_without_lesion(logit: float, wanted: float) -> None:
    loss = deep_supervision_dice_loss([torch.full((2, 1, 8, 8), logit)] * 4, torch.zeros(2, 1, 8, 8))
    assert loss.item() == pytest.approx(wanted, abs=1e-6)


def test_every_head_gets_a_gradient_and_half_precision_is_safe() -> None:
    heads = [torch.zeros(1, 1, 256, 256, dtype=torch.bfloat16, requires_grad=True) for _ in range(4)]
    loss = deep_supervision_dice_loss(heads, torch.ones(1, 1, 256, 256, dtype=torch.uint8))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(1 / 3, abs=1e-4)
    assert all(head.grad is not None and (head.grad < 0).all() for head in heads)


def test_smoothing() -> None:
    assert DeepSupervisionDiceLoss(smooth=0.0)(torch.logit(P), Y).item() == pytest.approx(1 - 2.2 / 3.8, abs=1e-6)


@pytest.mark.parametrize("logits", [[], [torch.zeros(1, 2, 2, 2)], [torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 4, 4)]])
def test_heads_that_do_not_fit(logits: list[torch.Tensor]) -> None:
    with pytest.raises(ValueError, match=r"heads of the label's shape \(1, 1, 2, 2\)"):
        deep_supervision_dice_loss(logits, Y)

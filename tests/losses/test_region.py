# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from monai.losses import FocalLoss, TverskyLoss

from mammozoo.losses.region import DiceCrossEntropyLoss, FocalTverskyLoss, focal_loss, soft_dice_loss, tversky_loss

P = torch.tensor([0.9, 0.2, 0.6, 0.1])
Y = torch.tensor([1, 1, 0, 0])
LOGITS, LABEL = torch.logit(P).reshape(1, 1, 2, 2), Y.reshape(1, 1, 2, 2)


@pytest.mark.parametrize(("alpha", "value"), [(0.25, 0.126491), (None, 0.340503)])
def test_focal_worked_values(alpha: float | None, value: float) -> None:
    ours = focal_loss(LOGITS, LABEL, alpha=alpha)
    assert ours.item() == pytest.approx(value, abs=1e-6)
    assert ours.item() == pytest.approx(FocalLoss(gamma=2.0, alpha=alpha)(LOGITS, LABEL.float()).item(), abs=1e-6)


def test_focal_terms() -> None:
    terms = [focal_loss(LOGITS.flatten()[i], LABEL.flatten()[i]).item() for i in range(4)]
    assert terms == pytest.approx([0.000263, 0.257510, 0.247399, 0.000790], abs=1e-6)


def test_gamma_zero_is_cross_entropy() -> None:
    assert focal_loss(LOGITS, LABEL, alpha=None, gamma=0).item() == pytest.approx(0.684112, abs=1e-6)


@pytest.mark.parametrize(
    ("fp", "fn", "smooth", "value"),
    [
        (0.5, 0.5, 1e-6, 0.421053),
        (0.3, 0.7, 1e-6, 0.432990),
        (0.7, 0.3, 1e-6, 0.408602),
        (0.3, 0.7, 1.0, 0.285714),
    ],
)
def test_tversky_worked_values(fp: float, fn: float, smooth: float, value: float) -> None:
    loss = tversky_loss(LOGITS, LABEL, fp_weight=fp, fn_weight=fn, smooth=smooth)
    assert loss.item() == pytest.approx(value, abs=1e-6)


def test_tversky_agrees_with_monai() -> None:
    monai = TverskyLoss(alpha=0.3, beta=0.7, smooth_nr=1e-6, smooth_dr=1e-6)(P.reshape(1, 1, 2, 2), LABEL)
    assert tversky_loss(LOGITS, LABEL).item() == pytest.approx(monai.item(), abs=1e-6)


def test_tversky_is_per_image() -> None:
    both = torch.cat([LOGITS, -LOGITS]), torch.cat([LABEL, LABEL])
    single = [tversky_loss(logits, LABEL).item() for logits in (LOGITS, -LOGITS)]
    assert tversky_loss(*both).item() == pytest.approx(sum(single) / 2)


def test_sum_and_weights() -> None:
    expected = 0.5 * 0.126491 + 0.5 * 0.432990
    assert FocalTverskyLoss()(LOGITS, LABEL).item() == pytest.approx(expected, abs=1e-6)
    only = FocalTverskyLoss(focal_weight=0, tversky_weight=1)
    assert only(LOGITS, LABEL).item() == pytest.approx(0.432990, abs=1e-6)


def test_empty_truth_and_extreme_logits_stay_finite() -> None:
    logits = torch.tensor([-200.0, 200.0]).reshape(2, 1, 1, 1).requires_grad_()
    loss = FocalTverskyLoss()(logits, torch.zeros(2, 1, 1, 1, dtype=torch.uint8))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_bfloat16_input_is_computed_in_float32() -> None:
    assert FocalTverskyLoss()(LOGITS.bfloat16(), LABEL).dtype == torch.float32


def test_dice_and_cross_entropy_worked_values() -> None:
    """Dice term 1/3, cross-entropy 0.684112, sum 1.017446; one sigmoid channel equals two softmax channels."""
    assert soft_dice_loss(P.reshape(1, 1, 2, 2), LABEL).item() == pytest.approx(1 / 3, abs=1e-6)
    two = torch.cat([torch.zeros_like(LOGITS), LOGITS], dim=1)
    for logits in (LOGITS, two):
        assert DiceCrossEntropyLoss()(logits, LABEL).item() == pytest.approx(1.017446, abs=1e-6)
        half = DiceCrossEntropyLoss(alpha=0.5)(logits, LABEL).item()
        assert half == pytest.approx(1 / 3 + 0.5 * 0.684112, abs=1e-6)


def test_dice_and_cross_entropy_gradients_in_bfloat16_follow_float32() -> None:
    torch.manual_seed(0)
    network = torch.nn.Conv2d(1, 2, 3, padding=1)
    image, label = torch.rand(2, 1, 8, 8), (torch.rand(2, 1, 8, 8) > 0.7).float()
    gradients = []
    for amp in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=amp):
            logits = network(image)
        DiceCrossEntropyLoss()(logits, label).backward()
        gradients.append(network.weight.grad.clone())
    torch.testing.assert_close(gradients[0], gradients[1], atol=2e-2, rtol=5e-2)


def test_three_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="1 or 2 channels"):
        DiceCrossEntropyLoss()(torch.zeros(1, 3, 2, 2), LABEL)

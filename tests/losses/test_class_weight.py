# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from mammozoo.losses.class_weight import positive_weight


@pytest.mark.parametrize(("labels", "weight"), [([0, 0, 0, 1], 3.0), ([1, 1, 0], 0.5), ([1, 1], 1.0), ([], 1.0)])
def test_negatives_a_positive(labels: list[int], weight: float) -> None:
    assert positive_weight({"label": label} for label in labels).tolist() == [weight]


def test_both_classes_weigh_the_same() -> None:
    labels = torch.tensor([0.0, 0.0, 0.0, 1.0])
    weight = positive_weight({"label": int(label)} for label in labels)
    logits = torch.zeros(4, requires_grad=True)
    torch.nn.BCEWithLogitsLoss(pos_weight=weight)(logits, labels).backward()
    assert logits.grad is not None
    assert float(logits.grad.sum()) == pytest.approx(0, abs=1e-7)

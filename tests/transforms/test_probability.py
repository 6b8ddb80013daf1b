# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor

from mammozoo.transforms.probability import LesionProbability, LesionProbabilityd


def test_one_sigmoid_channel_equals_two_softmax_channels() -> None:
    logits = torch.randn(1, 4, 5)
    two = torch.cat([torch.zeros_like(logits), logits])
    torch.testing.assert_close(LesionProbability()(logits), LesionProbability()(two))
    assert isinstance(LesionProbabilityd("pred")({"pred": two})["pred"], MetaTensor)
    with pytest.raises(ValueError, match="1 or 2 channels"):
        LesionProbability()(torch.zeros(3, 2, 2))

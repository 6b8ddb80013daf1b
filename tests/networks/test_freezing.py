# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from torch import nn

from mammozoo.networks import create_network
from mammozoo.networks.freezing import trainable_parameters


@pytest.mark.parametrize(("share", "kept"), [(1.0, 62), (0.5, 31), (0.01, 2)])
def test_the_last_share_is_trained(share: float, kept: int) -> None:
    network = create_network("resnet18", width=4)
    chosen = trainable_parameters(network, share=share)
    parameters = list(network.parameters())
    assert len(parameters) == 62
    assert [p is q for p, q in zip(chosen, parameters[-kept:], strict=True)] == [True] * kept
    assert [p.requires_grad for p in parameters] == [False] * (62 - kept) + [True] * kept


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
def test_other_shares_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share of trained parameters"):
        trainable_parameters(nn.Linear(1, 1), share=share)

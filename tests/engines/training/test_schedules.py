# SPDX-License-Identifier: Apache-2.0
"""Learning rates as functions of the epoch."""

from __future__ import annotations

import pytest
import torch

from mammozoo._errors import UserError
from mammozoo.engines import cosine, steps
from mammozoo.engines.training.schedules import set_rates


def test_half_a_cosine_falls_from_one_to_zero_and_stays() -> None:
    rate = cosine(10)
    factors = [rate(epoch) for epoch in range(13)]
    assert factors == sorted(factors, reverse=True)
    assert [factors[epoch] for epoch in (0, 5, 10, 12)] == pytest.approx([1.0, 0.5, 0.0, 0.0])
    assert cosine(1)(0) == 1.0


def test_steps_hold_until_the_next_milestone() -> None:
    rate = steps([2, 4], [1.0, 0.5, 0.1])
    assert [rate(epoch) for epoch in range(6)] == [1.0, 1.0, 0.5, 0.5, 0.1, 0.1]
    assert steps([], [0.3])(7) == 0.3


@pytest.mark.parametrize(("milestones", "factors"), [([2], [1.0]), ([2, 3], [1.0, 0.5]), ([], [1.0, 0.5])])
def test_milestones_and_factors_belong_together(milestones: list[int], factors: list[float]) -> None:
    with pytest.raises(UserError, match=rf"{len(milestones)} milestones need {len(milestones) + 1} factors"):
        steps(milestones, factors)


def test_rates_are_those_of_the_epoch_that_was_reached() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=8.0)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 2.0})
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, steps([1, 2], [1.0, 0.5, 0.25]))
    for _ in range(2):
        optimizer.step()
        schedule.step()
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    set_rates(schedule)
    assert [group["lr"] for group in optimizer.param_groups] == [2.0, 0.5]


def test_other_schedules_keep_what_they_have() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=8.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    optimizer.param_groups[0]["lr"] = 1.0
    set_rates(plateau)
    set_rates(optimizer)
    assert optimizer.param_groups[0]["lr"] == 1.0

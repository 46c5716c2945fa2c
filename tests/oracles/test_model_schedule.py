"""The learning rate's course against that of transformers."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler
from transformers import get_cosine_schedule_with_warmup

from tune_polar.model.optimizer import cosine_with_warmup


def sgd() -> torch.optim.Optimizer:
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (1.0, 0.25)]
    return torch.optim.SGD(groups)


def course(optimizer: torch.optim.Optimizer, schedule: LRScheduler, steps: int) -> list[list[float]]:
    rates = []
    for _ in range(steps):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize(
    ("total", "share", "warmup"),
    [(30, 0.1, 3), (30, 0.0, 0), (100, 0.07, 7), (10, 1.0, 10), (1, 0.1, 0), (3000, 0.1, 300)],
)
def test_course_is_that_of_transformers(total: int, share: float, warmup: int) -> None:
    ours, theirs = sgd(), sgd()
    actual = course(ours, cosine_with_warmup(ours, total, share), total + 1)
    expected = course(theirs, get_cosine_schedule_with_warmup(theirs, warmup, total), total + 1)
    torch.testing.assert_close(torch.tensor(actual), torch.tensor(expected))


def test_the_rate_stays_zero_after_the_last_step() -> None:
    optimizer = sgd()
    rates = course(optimizer, cosine_with_warmup(optimizer, 10, 0.2), 15)
    assert rates[2] == [1.0, 0.25]
    assert all(rate == [0.0, 0.0] for rate in rates[10:])

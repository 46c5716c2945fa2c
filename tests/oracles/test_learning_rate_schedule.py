"""The learning rate's courses against those of transformers."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

from tune_polar.errors import ModelError
from tune_polar.model.schedule import learning_rate_schedule

THEIRS = {
    "cosine": get_cosine_schedule_with_warmup,
    "linear": get_linear_schedule_with_warmup,
    "constant": lambda optimizer, warmup, total: get_constant_schedule_with_warmup(optimizer, warmup),
}


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


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize(
    ("total", "share", "warmup"),
    [(30, 0.1, 3), (30, 0.0, 0), (100, 0.07, 7), (10, 1.0, 10), (1, 0.1, 0), (3000, 0.1, 300)],
)
def test_course_is_that_of_transformers(name: str, total: int, share: float, warmup: int) -> None:
    ours, theirs = sgd(), sgd()
    actual = course(ours, learning_rate_schedule(name, ours, total, share), total + 1)
    expected = course(theirs, THEIRS[name](theirs, warmup, total), total + 1)
    last = total if name == "linear" and warmup == total else total + 1  # nothing is left to fall in
    torch.testing.assert_close(torch.tensor(actual[:last]), torch.tensor(expected[:last]))


@pytest.mark.parametrize(("name", "end"), [("cosine", 0.0), ("linear", 0.0), ("constant", 1.0)])
def test_the_rate_stays_where_it_is_after_the_last_step(name: str, end: float) -> None:
    optimizer = sgd()
    rates = course(optimizer, learning_rate_schedule(name, optimizer, 10, 0.2), 15)
    assert rates[2] == [1.0, 0.25]
    assert all(rate == [end, 0.25 * end] for rate in rates[10:])


@pytest.mark.parametrize(
    ("name", "steps", "share", "message"),
    [
        ("cosine", 0, 0.1, "got 0 and 0.1"),
        ("linear", 10, -0.1, "got 10 and -0.1"),
        ("constant", 10, 1.1, "got 10 and 1.1"),
        ("step", 10, 0.1, "must be one of cosine, linear, constant, got 'step'"),
    ],
)
def test_courses_out_of_range_are_refused(name: str, steps: int, share: float, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        learning_rate_schedule(name, sgd(), steps, share)

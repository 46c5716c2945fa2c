"""The learning rate's course: a warm-up, then down along half a cosine, down a straight line, or level."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from tune_polar.errors import ModelError

# Share of the way after the warm-up, 0 to 1 → factor of the learning rate
_COURSES: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {
        "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
        "linear": lambda progress: 1.0 - progress,
        "constant": lambda progress: 1.0,  # noqa: ARG005
    }
)


def learning_rate_schedule(name: str, optimizer: Optimizer, total_steps: int, warmup_share: float) -> LambdaLR:
    """Rise linearly from 0 over the first share of the steps, then follow the course called ``name``.

    With w = round(warmup_share · total_steps), each group's rate at step t is multiplied by t / w for t < w, then, with
    p = (t − w) / (total_steps − w), by (1 + cos(π p)) / 2 (cosine), 1 − p (linear) or 1 (constant). After the last step
    p stays 1.

    Args:
        name: "cosine", "linear" or "constant".
        optimizer: whose groups' rates are those at the top.
        total_steps: at least 1.
        warmup_share: w's, 0 to 1.

    Raises:
        ModelError: there is no such course, or a number is out of its range.
    """
    if name not in _COURSES:
        raise ModelError(
            f"the schedule must be one of {', '.join(_COURSES)}, got {name!r}", "The published runs use cosine."
        )
    if total_steps < 1 or not 0.0 <= warmup_share <= 1.0:
        raise ModelError(
            f"total_steps must be at least 1, warmup_share in [0, 1], got {total_steps} and {warmup_share}",
            "The published runs warm up over 0.1 of 3000 steps.",
        )
    course = _COURSES[name]
    warmup_steps = round(warmup_share * total_steps)
    falling_steps = max(1, total_steps - warmup_steps)

    def factor(step: int) -> float:
        if step < warmup_steps:
            return step / warmup_steps
        return course(min(1.0, (step - warmup_steps) / falling_steps))

    return LambdaLR(optimizer, factor)

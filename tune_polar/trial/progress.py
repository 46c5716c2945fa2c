"""What a running fold trial says of itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Progress:
    """After one optimizer step. ``value`` and what follows are set only where the stage was evaluated."""

    stage: str
    number: int  # of the stage in the recipe's order, from 0
    fold: int
    step: int
    total_steps: int
    value: float | None = None
    best_value: float | None = None
    training_loss: float | None = None  # mean since the evaluation before


def progress_to_text(told: Sequence[Progress]) -> str:
    """As a worker sends it."""
    return json.dumps([asdict(each) for each in told])


def progress_from_text(text: str | None) -> list[Progress]:
    """What ``progress_to_text`` wrote; None: nothing was said."""
    return [Progress(**each) for each in json.loads(text or "[]")]

"""What a running fold trial says of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """After one optimizer step. ``value`` is set only where the stage was evaluated."""

    stage: str
    number: int  # of the stage in the recipe's order, from 0
    fold: int
    step: int
    total_steps: int
    value: float | None = None
    best_value: float | None = None

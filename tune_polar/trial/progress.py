"""What a running fold trial says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from tune_polar.store.record import StageName


@dataclass(frozen=True)
class Progress:
    """After one optimizer step. ``value`` is set only where the stage was evaluated."""

    stage: StageName
    fold: int
    step: int
    total_steps: int
    value: float | None = None
    best_value: float | None = None

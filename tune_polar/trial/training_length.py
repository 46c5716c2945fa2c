"""How long a stage trains and how often it is evaluated: by counts alone, the same on every machine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tune_polar.recipe.sections import DEFAULT_STEPS, Optimizer

CLOSEST_STEPS = 50  # between two evaluations that nobody has set
MOST_AN_EPOCH = 4


@dataclass(frozen=True)
class TrainingLength:
    """Of one stage.

    Args:
        settings: its optimizer.
        rows: that it learns from.
        batch_rows: of one optimizer step.

    Example:
        >>> TrainingLength(Optimizer(max_epochs=3), rows=58_945, batch_rows=16).steps
        11055
    """

    settings: Optimizer
    rows: int
    batch_rows: int

    @property
    def epoch_steps(self) -> int:
        """Optimizer steps of one pass over the rows."""
        return math.ceil(self.rows / self.batch_rows)

    @property
    def epochs_steps(self) -> int | None:
        """Those that ``max_epochs`` takes; None: no epochs are asked for."""
        return steps_of_epochs(self.settings, self.epoch_steps)

    @property
    def steps(self) -> int:
        """All that are taken where patience ends none: those of the bound that comes first."""
        bounds = [each for each in (self.settings.max_steps, self.epochs_steps) if each is not None]
        return min(bounds, default=DEFAULT_STEPS)

    @property
    def is_cut(self) -> bool:
        """Whether ``max_steps`` ends training before the epochs that are asked for."""
        return self.epochs_steps is not None and self.steps < self.epochs_steps

    def steps_between_evaluations(self, evaluated_rows: int) -> int:
        """``eval_every_steps``; where it is null, decision 43: as many as three bounds all allow.

        At least 50, at least a quarter of an epoch, and no more rows evaluated than trained.

        Args:
            evaluated_rows: that one evaluation passes through the model.
        """
        if self.settings.eval_every_steps is not None:
            return self.settings.eval_every_steps
        as_trained = math.ceil(evaluated_rows / self.batch_rows)
        return max(CLOSEST_STEPS, math.ceil(self.epoch_steps / MOST_AN_EPOCH), as_trained)


def steps_of_epochs(settings: Optimizer, epoch_steps: int) -> int | None:
    """Steps that ``max_epochs`` takes where an epoch has so many; None: no epochs are asked for."""
    return None if settings.max_epochs is None else max(1, math.ceil(settings.max_epochs * epoch_steps))

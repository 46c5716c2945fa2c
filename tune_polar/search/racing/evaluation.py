"""An evaluation of a running cell, as far as a race looks at it."""

from __future__ import annotations

from dataclasses import dataclass

from tune_polar.recipe.cells import Cell
from tune_polar.trial.checkpoint_metric import evaluated_metric, larger_is_better
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.progress import Progress


@dataclass(frozen=True)
class Evaluation:
    """Of a cell's last stage, whose curve is what cells are compared by."""

    cell: Cell
    stage: str
    step: int
    share: float  # of the stage's steps that are done
    value: float  # the best of its checkpoint metric so far, turned round where smaller is better


def evaluation_of(trial: FoldTrial, told: Progress) -> Evaluation | None:
    """What a fold trial has told, where it is an evaluation of the last stage of its own cell; else None."""
    *_, last = trial.recipe.stages
    if told.best_value is None or told.value is None or (told.stage, told.fold) != (last, trial.cell.fold):
        return None
    stage = trial.recipe.stages[last]
    metric = evaluated_metric(stage.keep, stage.task.gold, stage.predicts)
    value = told.best_value if larger_is_better(metric) else -told.best_value
    return Evaluation(trial.cell, last, told.step, told.step / told.total_steps, value)

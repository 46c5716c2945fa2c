"""Which cell a model of all rows is: its stages' settings, what it reads and the keys of its stages.

A stage takes the median of its folds' best steps, on the schedule of the folds (as long as theirs, and left where it is
at that step). It begins from the stage of all rows that its recipe names. Its key follows from all of this, and its
cell is one of its own: the fold behind the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import digest
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Stage, Start
from tune_polar.trial.checkpoint_metric import LAST
from tune_polar.trial.fold_trial import FoldTrial, Inputs


@dataclass(frozen=True)
class StepsFound:
    """How long a stage is trained."""

    at: int  # the last step
    of: int  # where its schedule would end


def all_rows_trial(recipe: Recipe, seed: int, inputs: Inputs, steps: Mapping[str, StepsFound]) -> FoldTrial:
    """The cell of a configuration that holds nothing out.

    Args:
        recipe: of the configuration.
        seed: to train with.
        inputs: of its fold trials.
        steps: by stage.
    """
    stages = {name: _stage(stage, steps[name]) for name, stage in recipe.stages.items()}
    read = {}
    for name, about in inputs.stages.items():
        rows = digest({"all": list(about.folds), "at": steps[name].at}, 64)
        read[name] = replace(about, folds=(*about.folds, rows))
    fold = max(len(about.folds) for about in inputs.stages.values())
    return FoldTrial(recipe.model_copy(update={"stages": stages}), Cell(fold, seed), Inputs(read))


def all_rows_keys(trial: FoldTrial) -> dict[str, str]:
    """The keys of the stages of ``all_rows_trial``."""
    keys: dict[str, str] = {}
    for name, stage in trial.recipe.stages.items():
        keys[name] = trial.stage_key(name, None if stage.start is None else keys[stage.start.stage])
    return keys


def _stage(stage: Stage, steps: StepsFound) -> Stage:
    optimizer = stage.optimizer.model_copy(
        update={"max_epochs": None, "max_steps": steps.of, "eval_every_steps": steps.of}
    )
    start = None if stage.start is None else Start(stage=stage.start.stage, fold="same")
    return stage.model_copy(update={"optimizer": optimizer, "keep": LAST, "start": start})

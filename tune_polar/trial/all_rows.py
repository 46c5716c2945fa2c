"""A model of all rows: every stage trained on all that any fold trains on or validates, for the steps the folds found.

Nothing is held out, so nothing says when to stop or what the model scores. A stage takes the median of its folds' best
steps, on the schedule of the folds (as long as theirs, and left where it is at that step). It begins from the stage of
all rows that its recipe names. Its key follows from all of this, and its cell is one of its own: the fold behind the
last one.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.errors import StoreError
from tune_polar.model.changing_weights import TensorArrays
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import digest
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Stage, Start
from tune_polar.store.store import Store
from tune_polar.trial.checkpoint_metric import LAST
from tune_polar.trial.checkpoints import Checkpoints
from tune_polar.trial.fold_trial import FoldTrial, Inputs
from tune_polar.trial.progress import Progress
from tune_polar.trial.stage_build import build_stage
from tune_polar.trial.stage_plan import StartingPoint
from tune_polar.trial.stage_rows import Rows
from tune_polar.trial.stage_training import train_stage
from tune_polar.trial.training_loop import shown
from tune_polar.trial.worker_context import TrialContext


@dataclass(frozen=True)
class StepsFound:
    """How long a stage is trained."""

    at: int  # the last step
    of: int  # where its schedule would end


@dataclass(frozen=True, eq=False)
class AllRows:
    """The folds of a plan, and behind them one that trains on all rows and validates none."""

    folds: FoldPlan

    @property
    def count(self) -> int:
        """How many folds there are."""
        return self.folds.count + 1

    def training_rows(self, fold: int) -> Rows:
        """Ascending; of the last fold all that take part in any."""
        if fold < self.folds.count:
            return self.folds.training_rows(fold)
        return np.flatnonzero((self.folds.training | self.folds.validation).any(axis=0)).astype(np.int64)

    def validation_rows(self, fold: int) -> Rows:
        """Ascending; of the last fold none."""
        return self.folds.validation_rows(fold) if fold < self.folds.count else np.zeros(0, dtype=np.int64)


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


def all_rows_steps(
    trial: FoldTrial, context: TrialContext, store: Store, steps: Mapping[str, StepsFound]
) -> Generator[Progress, None, dict[str, str]]:
    """Train the stages of ``all_rows_trial`` whose weights are not there, step by step.

    Args:
        trial: the cell.
        context: of the search's fold trials; its plans are ``FoldPlan``s.
        store: where the weights are left.
        steps: as ``trial`` was made with.

    Returns:
        The keys of its stages.

    Raises:
        TrainingDivergedError: the loss is no longer finite.
    """
    plans = {name: AllRows(plan) for name, plan in context.plans.items() if isinstance(plan, FoldPlan)}
    there, keys = replace(context, plans=plans), all_rows_keys(trial)
    for name, stage in trial.recipe.stages.items():
        if not store.has_weights(keys[name]):
            origin = None if stage.start is None else keys[stage.start.stage]
            yield from _train(trial, name, there, store, origin, steps[name].at)
    return keys


def all_rows_keys(trial: FoldTrial) -> dict[str, str]:
    """The keys of the stages of ``all_rows_trial``."""
    keys: dict[str, str] = {}
    for name, stage in trial.recipe.stages.items():
        keys[name] = trial.stage_key(name, None if stage.start is None else keys[stage.start.stage])
    return keys


def _train(
    trial: FoldTrial, name: str, context: TrialContext, store: Store, origin: str | None, last: int
) -> Generator[Progress, None, None]:
    start = None if origin is None else _starting_point(trial, name, store, origin)
    built = build_stage(trial, name, context, start)
    plan = replace(built.plan, evaluate=_nothing)
    yield from train_stage(plan, Checkpoints(store, plan.key, context.checkpoint_seconds), last)
    done = Progress(plan.stage.name, plan.stage.number, plan.stage.fold, last, last)
    beside = yield from shown(built.work.beside(), done)
    store.put_weights(plan.key, TensorArrays(plan.model.kept(), beside))
    store.remove_checkpoint(plan.key)
    del built, plan
    context.release()


def _starting_point(trial: FoldTrial, name: str, store: Store, origin: str) -> StartingPoint:
    weights, start = store.weights(origin), trial.recipe.stages[name].start
    if weights is None or start is None:
        raise StoreError(
            f"the weights that stage {name} starts from, just written, must be there, but they are gone",
            "Free space where the store lies, and run the command again.",
        )
    return StartingPoint(origin, weights, trial.recipe.stages[start.stage].encoder.frozen_layers)


def _stage(stage: Stage, steps: StepsFound) -> Stage:
    optimizer = stage.optimizer.model_copy(
        update={"max_epochs": None, "max_steps": steps.of, "eval_every_steps": steps.of}
    )
    start = None if stage.start is None else Start(stage=stage.start.stage, fold="same")
    return stage.model_copy(update={"optimizer": optimizer, "keep": LAST, "start": start})


def _nothing() -> Generator[None, None, float]:
    """The checkpoint metric of no rows."""
    yield from ()
    return 0.0

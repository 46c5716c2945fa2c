"""A model of all rows: every stage trained on all that any fold trains on or validates, for the steps the folds found.

Nothing is held out, so nothing says when to stop or what the model scores. ``all_rows_trial`` says which cell that is.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.errors import StoreError
from tune_polar.model.changing_weights import TensorArrays
from tune_polar.store.store import Store
from tune_polar.trial.all_rows_trial import StepsFound, all_rows_keys
from tune_polar.trial.checkpoints import Checkpoints
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.progress import Progress
from tune_polar.trial.stage_build import build_stage
from tune_polar.trial.stage_plan import StartingPoint
from tune_polar.trial.stage_rows import Rows
from tune_polar.trial.stage_training import train_stage
from tune_polar.trial.training_loop import shown
from tune_polar.trial.worker_context import TrialContext


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


def _train(
    trial: FoldTrial, name: str, context: TrialContext, store: Store, origin: str | None, last: int
) -> Generator[Progress, None, None]:
    start = None if origin is None else _starting_point(trial, name, store, origin)
    built = build_stage(trial, name, context, start)
    plan = replace(built.plan, evaluate=_nothing)
    yield from train_stage(plan, Checkpoints(store, plan.key, context.checkpoint_seconds), last)
    done = Progress(plan.stage.name, plan.stage.number, plan.stage.fold, last, last)
    beside = yield from shown(context.memory.evaluating(built.work.beside()), done)
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


def _nothing() -> Generator[None, None, float]:
    """The checkpoint metric of no rows."""
    yield from ()
    return 0.0

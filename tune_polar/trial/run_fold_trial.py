"""A fold trial from start to record: the stages of a recipe in order, each trained once and then found again."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Generator

from tune_polar.errors import StoreError
from tune_polar.store.records import FoldRecord, StageRecord
from tune_polar.trial.cell_scores import fold_scores, racing_curve
from tune_polar.trial.checkpoint_metric import evaluated_metric, larger_is_better
from tune_polar.trial.cost import provenance
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.progress import Progress
from tune_polar.trial.stage_build import build_stage
from tune_polar.trial.stage_plan import StartingPoint
from tune_polar.trial.stage_training import run_stage
from tune_polar.trial.worker_context import TrialContext

log = logging.getLogger(__name__)

Place = tuple[str, int]  # stage and fold


class GivenUpError(Exception):
    """Thrown into ``fold_trial_steps`` to stop it for good: no checkpoint is left."""


def fold_trial_steps(trial: FoldTrial, context: TrialContext) -> Generator[Progress, None, FoldRecord]:
    """Run one fold trial step by step; closing the generator between two steps stops it, leaving whole stages only.

    Args:
        trial: what is to be run.
        context: what the worker has.

    Returns:
        The record, whose stages are in ``context.stages`` by then.

    Raises:
        TrainingDivergedError: a stage cannot be trained as it is set.
        DataError, ModelError: a stage cannot be built.
    """
    started = time.perf_counter()
    record_of_run = provenance(context.device)
    graph = _Graph(trial, context)
    records: dict[str, StageRecord] = {}
    for name in trial.recipe.stages:
        records[name] = yield from graph.record(name, trial.cell.fold)
    return FoldRecord(
        configuration_id=trial.configuration_id,
        fold=trial.cell.fold,
        seed=trial.cell.seed,
        stages={name: record.key for name, record in records.items()},
        reused=tuple(name for name in records if (name, trial.cell.fold) not in graph.trained),
        scores=fold_scores(trial, context, records),
        seconds=time.perf_counter() - started,
        provenance=record_of_run,
        memory={name: record.memory for name, record in records.items() if record.memory},
        curve=racing_curve(trial, list(records.values())[-1]),
    )


def run_fold_trial(trial: FoldTrial, context: TrialContext) -> FoldRecord:
    """Run one fold trial to its end; see ``fold_trial_steps``."""
    steps = fold_trial_steps(trial, context)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            record: FoldRecord = stop.value
            return record


def weights_steps(trial: FoldTrial, context: TrialContext, stages: Collection[str]) -> Generator[Progress, None, None]:
    """Train those of the ``stages`` of a finished fold trial again whose weights are gone, step by step.

    Raises:
        TrainingDivergedError, DataError, ModelError: as ``fold_trial_steps``.
    """
    graph = _Graph(trial, context)
    for name in trial.recipe.stages:
        if name in stages:
            yield from graph.have_weights(name, trial.cell.fold)


class _Graph:
    """The stages of one fold trial, and those of other folds that they start from."""

    def __init__(self, trial: FoldTrial, context: TrialContext) -> None:
        self._trial = trial
        self._context = context
        self._records: dict[Place, StageRecord] = {}
        self.trained: set[Place] = set()

    def record(self, name: str, fold: int) -> Generator[Progress, None, StageRecord]:
        """A stage, found in the store or trained."""
        if (name, fold) not in self._records:
            origin = yield from self._origin(name, fold)
            key = self._trial.on(fold).stage_key(name, None if origin is None else self._records[origin].key)
            found = self._context.stages.stage(key)
            if found is None:
                yield from self._train(name, fold, origin)
            else:
                self._take(name, fold, found)
        return self._records[name, fold]

    def have_weights(self, name: str, fold: int) -> Generator[Progress, None, None]:
        """A stage is recorded and has weights afterwards."""
        record = yield from self.record(name, fold)
        if not self._context.stages.has_weights(record.key):
            yield from self._train(name, fold, (yield from self._origin(name, fold)))

    def _origin(self, name: str, fold: int) -> Generator[Progress, None, Place | None]:
        """The stage and fold that a stage starts from, which has a record by then."""
        start = self._trial.recipe.stages[name].start
        if start is None:
            return None
        if start.fold == "same":
            yield from self.record(start.stage, fold)
            return start.stage, fold
        return (yield from self._best(start.stage))

    def _best(self, name: str) -> Generator[Progress, None, Place]:
        """The fold whose stage has the best value on its own validation rows; ties to the lower fold.

        Its encoder has seen the validation texts of all other folds: this reproduces published systems and is not
        honest.
        """
        stage = self._trial.recipe.stages[name]
        larger = larger_is_better(evaluated_metric(stage.keep, stage.task.gold, stage.predicts))
        best: tuple[float, int] | None = None
        for fold in range(self._context.plans[name].count):
            record = yield from self.record(name, fold)
            value = record.best_value if larger else -record.best_value
            if best is None or value > best[0]:
                best = value, fold
        return name, 0 if best is None else best[1]

    def _train(self, name: str, fold: int, origin: Place | None) -> Generator[Progress, None, None]:
        trial, context = self._trial.on(fold), self._context
        start = None if origin is None else (yield from self._starting_point(origin))
        record, weights = yield from run_stage(lambda: build_stage(trial, name, context, start), context)
        context.stages.put_stage(record, weights)
        del weights  # and with them the model
        self.trained.add((name, fold))
        self._take(name, fold, record)
        context.release()

    def _starting_point(self, origin: Place) -> Generator[Progress, None, StartingPoint]:
        """A stage with its weights; one whose weights are gone is trained again, and its record stays as it was."""
        name, fold = origin
        recorded, frozen = self._records[origin], self._trial.recipe.stages[name].encoder.frozen_layers
        weights = self._context.stages.weights(recorded.key)
        if weights is None:
            log.warning(
                "the weights of stage %s of fold %d are gone, and another stage starts from them: it is trained again",
                name,
                fold,
            )
            yield from self._train(name, fold, (yield from self._origin(name, fold)))
            again, self._records[origin] = self._records[origin], recorded
            if again.curve != recorded.curve:
                log.warning("stage %s of fold %d came out differently; its first record stays", name, fold)
            weights = self._context.stages.weights(recorded.key)
        if weights is None:
            raise StoreError(
                f"the weights of stage {name}, just written, must be there for the next stage, but they are gone",
                "Free space where the store lies, or give a larger --disk-gb.",
            )
        return StartingPoint(recorded.key, weights, frozen)

    def _take(self, name: str, fold: int, record: StageRecord) -> None:
        """What a stage took corrects what is predicted for the next one."""
        self._records[name, fold] = record
        settings, device = self._trial.recipe.stages[name], provenance(self._context.device).device
        fgm = settings.optimizer.fgm_epsilon > 0
        self._context.memory.learn_from(record, settings.encoder.name, fgm, device)

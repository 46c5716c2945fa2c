"""The thin adapter between the search core and Ray Tune's ``Searcher``: hands fold trials to Tune."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ray.tune.search import Searcher

from tune_polar.errors import SearchError, StoreError
from tune_polar.search.fold_dispatch import FoldDispatch
from tune_polar.search.ray.worker_setup import (
    ATTEMPT_KEY,
    ERROR_KEY,
    EVALUATIONS_KEY,
    FAILURE_KEY,
    MEMORY_KEY,
    PROGRESS_KEY,
    RECORD_KEY,
    TRIAL_KEY,
)
from tune_polar.search.resources.fair_sharing import Watched
from tune_polar.search.watch import Watcher
from tune_polar.store.failures import WORKER_LOST, FailureRecord, Reached
from tune_polar.store.records import FoldRecord, Provenance
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.progress import progress_from_text


class FoldSearcher(Searcher):  # type: ignore[misc]  # Ray ships no types
    """Asks the core what to run next and tells it what came of it."""

    def __init__(
        self,
        core: FoldDispatch,
        slots: Callable[[], int],
        watcher: Watcher,
        driver: Provenance,
        sharing: Watched | None = None,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        """``sharing`` decides how many of the ``slots`` are used; None: all of them. ``watcher`` must not raise.

        ``after`` is called after each ended fold trial.
        """
        super().__init__(metric=None, mode=None)
        self._core = core
        self._slots = slots
        self._watcher = watcher
        self._driver = driver
        self._sharing = sharing
        self._after = after
        self._running: dict[str, FoldTrial] = {}  # by Tune's trial id
        self._reached: dict[str, Reached] = {}  # by fold trial
        self._told: dict[str, str] = {}  # failures of workers that end themselves, by Tune's trial id
        self.error: Exception | None = None  # what ended the search; Tune would log it and wait forever

    def set_search_properties(self, *_: object, **__: object) -> bool:
        """Accept; the core knows its own objective."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next fold trial; None while all slots are busy or nothing waits; FINISHED when the search is over."""
        finished: str = Searcher.FINISHED
        if self.error is not None:
            return finished
        offered = self._slots()
        if len(self._running) >= (offered if self._sharing is None else self._sharing.slots(offered)):
            return None
        trial = self._core.next_trial()
        if trial is None:
            return finished if self._core.done else None
        self._running[trial_id] = trial
        self._mixture_changed()
        self._watcher.started(trial)
        tried = {stage: [used.micro_rows, used.recompute] for stage, used in self._core.memory_tried(trial).items()}
        return {
            TRIAL_KEY: json.dumps(trial.to_json()),
            ATTEMPT_KEY: self._core.attempt(trial),
            MEMORY_KEY: json.dumps(tried),
            EVALUATIONS_KEY: json.dumps(self._core.evaluations_tried(trial)),
        }

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Pass progress on to whoever watches."""
        trial, told = self._running.get(trial_id), progress_from_text(result.get(PROGRESS_KEY))
        if trial is not None and FAILURE_KEY in result:  # of a worker that ends now, to be replaced
            self._told[trial_id] = result[FAILURE_KEY]
        if trial is not None and told:
            last = told[-1]
            self._reached[trial.id] = Reached(last.stage, last.number, last.step)
            if self._sharing is not None:
                self._sharing.progressed(trial_id, _kind_of_work(trial, last.stage), last.step)
            for progress in told:
                self._watcher.progressed(trial, progress)

    def look_at_curve(self, trial_id: str, result: dict[str, Any]) -> None:
        """Let racing look at a running trial's evaluation, before Tune lets it go on."""
        trial, told = self._running.get(trial_id), progress_from_text(result.get(PROGRESS_KEY))
        if trial is not None and told:
            try:
                self._core.fold_evaluated(trial, told[-1])
            except Exception as problem:  # noqa: BLE001 (the boundary to Tune: raised again when Tune has ended)
                self.error = self.error or problem

    def is_abandoned(self, trial_id: str) -> bool:
        """Whether racing has given up the configuration of a running trial."""
        trial = self._running.get(trial_id)
        return trial is not None and self._core.is_abandoned(trial)

    # Tune passes these by name: the names are part of its interface.
    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A fold trial ended: finished, failed, lost with its worker, or stopped from outside."""
        trial, told = self._running.pop(trial_id, None), self._told.pop(trial_id, None)
        if trial is None:
            return
        self._mixture_changed()
        if told is not None:
            result, error = {FAILURE_KEY: told}, False
        try:
            self._take_in(trial, result or {}, error)
        except Exception as problem:  # noqa: BLE001 (the boundary to Tune: raised again when Tune has ended)
            self.error = self.error or problem

    def _take_in(self, trial: FoldTrial, result: dict[str, Any], error: bool) -> None:
        if RECORD_KEY in result and not error:
            for progress in progress_from_text(result.get(PROGRESS_KEY)):  # since the worker was last heard of
                self._watcher.progressed(trial, progress)
            self._core.fold_finished(FoldRecord.from_json(json.loads(result[RECORD_KEY])))
        elif ERROR_KEY in result and not error:
            self._core.fold_returned(trial)
            name, problem, remedy = json.loads(result[ERROR_KEY])
            raise {StoreError.__name__: StoreError}.get(name, SearchError)(problem, remedy)
        elif FAILURE_KEY in result and not error:
            self._core.fold_failed(FailureRecord.from_json(json.loads(result[FAILURE_KEY])))
        elif error:
            self._core.fold_failed(self._lost(trial))
        else:
            self._core.fold_returned(trial)
        self._after()
        self._watcher.ended(trial, self._core)

    def _mixture_changed(self) -> None:
        if self._sharing is not None:
            self._sharing.changed(len(self._running))

    def _lost(self, trial: FoldTrial) -> FailureRecord:
        return FailureRecord(
            configuration_id=trial.configuration_id,
            fold=trial.cell.fold,
            seed=trial.cell.seed,
            attempt=self._core.attempt(trial),
            kind=WORKER_LOST,
            message="the worker process ended without an answer",
            traceback="",
            provenance=self._driver,
            reached=self._reached.get(trial.id),
        )

    # Tune would pickle the searcher, at the start and every ten seconds; our records are what lasts.
    def __getstate__(self) -> dict[str, Any]:
        """Leave nothing."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Leave nothing."""

    def restore(self, checkpoint_path: str) -> None:
        """Take nothing."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Leave nothing."""

    def restore_from_dir(self, checkpoint_dir: str) -> None:
        """Take nothing."""


def _kind_of_work(trial: FoldTrial, stage: str) -> str:
    """Steps of one stage and batch size take about the same time."""
    return f"{stage} {trial.recipe.stages[stage].batches.size}"

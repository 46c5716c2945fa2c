"""The search itself, without Ray: which fold trial next, what a finished one means, when it is over.

Configurations are opened as slots need them; among the open ones the fold trial of the one with the fewest cells
handed out comes next (breadth first), each configuration running its cells in an order of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.recipe import Recipe
from tune_polar.search.cell_order import cell_order
from tune_polar.search.configuration_progress import ConfigurationProgress, State, cell_of
from tune_polar.search.racing.evaluation import evaluation_of
from tune_polar.search.racing.pruner import NoRacing, Pruner
from tune_polar.search.stopping.stop_rule import Stop, StopRule
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.failures import FailureRecord, given_up, tried_evaluations, tried_memory
from tune_polar.store.records import FoldRecord, MemoryUse
from tune_polar.trial.fold_trial import FoldTrial, Inputs
from tune_polar.trial.progress import Progress


class Proposals(Protocol):
    """Where new configurations come from: a sampler, or a fixed list."""

    def next(self, number: int, known: Container[str]) -> Configuration | None:
        """Configuration ``number``, with an id that is not ``known``; None: there are no more."""


class Ledger(Protocol):
    """Where the core leaves what must not be lost."""

    def put_configuration(self, configuration: Configuration) -> bool:
        """Record a configuration before its first cell is handed out."""

    def put_fold(self, record: FoldRecord) -> bool:
        """Record a finished cell."""

    def put_failure(self, record: FailureRecord) -> bool:
        """Record a fold trial that failed."""

    def put_abandonment(self, record: Abandonment) -> bool:
        """Record that a configuration is given up."""


class Listener(Protocol):
    """Hears what configurations come to: scores them and tells the sampler."""

    def on_finished(self, progress: ConfigurationProgress) -> float | None:
        """One has finished, failed or been given up; its score as the metric measures it, None: it has none."""

    def on_expected(self, progress: ConfigurationProgress, score: float) -> None:
        """Of one in training, so much is expected."""


@dataclass(frozen=True)
class Budget:
    """When to stop opening configurations."""

    configurations: int
    cells: tuple[Cell, ...]  # that each of them runs
    open_at_once: int  # configurations in training at the same time


class FoldDispatch:
    """Hands out fold trials and takes their records. Everything it decides follows from records and seed."""

    def __init__(
        self,
        proposals: Proposals,
        ledger: Ledger,
        budget: Budget,
        inputs: Callable[[Recipe], Inputs],
        listener: Listener,
        *,
        racing: Pruner | None = None,
        rules: Sequence[StopRule] = (),
    ) -> None:
        """``inputs``: what a configuration's stages read; ``racing`` None: nothing is given up."""
        self._proposals = proposals
        self._ledger = ledger
        self._budget = budget
        self._inputs = inputs
        self._listener = listener
        self._racing: Pruner = NoRacing() if racing is None else racing
        self._exhausted = False
        self.rules = list(rules)
        self.stopped: Stop | None = None  # what withheld the rest of the search when it was last asked for more
        self.progress: dict[str, ConfigurationProgress] = {}  # by configuration id, in order of proposal

    # -- what was recorded before ------------------------------------------------------------------------------

    def restore(
        self,
        configurations: Sequence[Configuration],
        folds: Sequence[FoldRecord],
        failures: Sequence[FailureRecord],
        abandonments: Sequence[Abandonment] = (),
    ) -> None:
        """Take up recorded work; half-done configurations are open again and come first."""
        for configuration in configurations:
            self._open(configuration)
        for record in folds:
            progress = self.progress.get(record.configuration_id)
            if progress is not None and cell_of(record) in progress.waiting:
                progress.waiting.remove(cell_of(record))
                self._take(progress, record)
        given_up_ids = {each.configuration_id for each in abandonments}  # its last cells may have failed after that
        for failure in failures:
            progress, cell = self.progress.get(failure.configuration_id), cell_of(failure)
            if progress is not None and cell in progress.order and cell not in progress.finished:
                told = progress.failures.setdefault(cell, [])
                told.append(failure)
                if given_up(told) is not None and failure.configuration_id not in given_up_ids:
                    self._end_infeasible(progress, failure)
        for progress in self.progress.values():
            self._finish_if_done(progress)
        for abandonment in abandonments:
            progress = self.progress.get(abandonment.configuration_id)
            if progress is not None and progress.state == "open":
                self._end_abandoned(progress, abandonment)
        self._race()  # a kill may have fallen between a cell and what followed from it

    # -- handing out -------------------------------------------------------------------------------------------

    def next_trial(self) -> FoldTrial | None:
        """The next fold trial, or None while there is nothing to hand out."""
        self._look_at_rules()
        if self.stopped is not None and self.stopped.holds_folds:
            return None
        candidate = self._chosen() if self._racing.chooses else self._in_turn()
        if candidate is None:
            return None
        cell = candidate.waiting.pop(0)
        candidate.running.add(cell)
        return self.trial(candidate, cell)

    def trial(self, progress: ConfigurationProgress, cell: Cell) -> FoldTrial:
        """The fold trial of a configuration on one of its cells."""
        recipe = progress.configuration.recipe
        return FoldTrial(recipe, cell, self._inputs(recipe))

    @property
    def expected(self) -> Mapping[str, float]:
        """Final scores that racing expects of configurations, by id; none where nothing is known yet."""
        return self._racing.expected()

    @property
    def done(self) -> bool:
        """Nothing is running, nothing waits, nothing more will be proposed; or a rule withholds what waits."""
        self._look_at_rules()
        if self.stopped is not None and self.stopped.holds_folds:
            return not any(p.running for p in self.progress.values())
        return not self._may_propose and all(p.state != "open" for p in self.progress.values())

    # -- taking in ---------------------------------------------------------------------------------------------

    def fold_finished(self, record: FoldRecord) -> None:
        """A fold trial has finished; records it (again, idempotently) before anything is derived from it."""
        self._ledger.put_fold(record)
        progress, cell = self.progress.get(record.configuration_id), cell_of(record)
        if progress is None or cell in progress.finished:
            return
        progress.running.discard(cell)
        if cell in progress.waiting:
            progress.waiting.remove(cell)
        self._take(progress, record)
        self._finish_if_done(progress)
        self._race()

    def fold_failed(self, failure: FailureRecord) -> None:
        """A fold trial did not finish. A lost worker is no fault of the configuration: its cell runs again.

        Nor is memory that did not suffice: that cell runs again in smaller parts, until none is left.
        """
        progress, cell = self.progress.get(failure.configuration_id), cell_of(failure)
        if progress is None or cell in progress.finished:
            return
        self._ledger.put_failure(failure)
        progress.running.discard(cell)
        told = progress.failures.setdefault(cell, [])
        told.append(failure)
        if given_up(told) is None:
            self._wait_again(progress, cell)
        else:
            self._end_infeasible(progress, failure)

    def fold_evaluated(self, trial: FoldTrial, told: Progress) -> None:
        """A running fold trial has been evaluated: its curve may say that the rest is not worth it."""
        progress, evaluation = self.progress.get(trial.configuration_id), evaluation_of(trial, told)
        if progress is None or progress.state != "open" or evaluation is None:
            return
        abandonment = self._racing.given_up_within(trial.configuration_id, evaluation)
        if abandonment is not None:
            self._abandon(progress, abandonment)

    def is_abandoned(self, trial: FoldTrial) -> bool:
        """Whether a fold trial need not go on, its configuration being given up."""
        progress = self.progress.get(trial.configuration_id)
        return progress is not None and progress.state == "abandoned"

    def fold_returned(self, trial: FoldTrial) -> None:
        """A fold trial was stopped from outside: it waits again, first in line."""
        progress = self.progress.get(trial.configuration_id)
        if progress is not None and trial.cell in progress.running:
            progress.running.discard(trial.cell)
            self._wait_again(progress, trial.cell)

    def attempt(self, trial: FoldTrial) -> int:
        """How often this fold trial has failed so far."""
        before = self.progress[trial.configuration_id].failures.get(trial.cell, ())
        return max((failure.attempt + 1 for failure in before), default=0)

    def memory_tried(self, trial: FoldTrial) -> dict[str, MemoryUse]:
        """How stages of this configuration, in whichever cell, were computed when they ran out of memory."""
        return tried_memory(self._failures_of(trial))

    def evaluations_tried(self, trial: FoldTrial) -> dict[str, int]:
        """How many rows at once were too much in evaluations of stages of this configuration."""
        return tried_evaluations(self._failures_of(trial))

    # -- inside ------------------------------------------------------------------------------------------------

    def _failures_of(self, trial: FoldTrial) -> Iterator[FailureRecord]:
        return itertools.chain.from_iterable(self.progress[trial.configuration_id].failures.values())

    def _look_at_rules(self) -> None:
        """A search that has nothing left to do is not stopped by any rule: it has gone to its end."""
        self.stopped = None
        if self._within_budget or self._next_waiting() is not None:
            self.stopped = next((stop for rule in self.rules if (stop := rule.stop(self.progress)) is not None), None)

    @property
    def _within_budget(self) -> bool:
        return not self._exhausted and len(self.progress) < self._budget.configurations

    @property
    def _may_propose(self) -> bool:
        return self._within_budget and self.stopped is None

    def _in_turn(self) -> ConfigurationProgress | None:
        candidate = self._next_waiting()
        if candidate is None or (self._open_count() < self._budget.open_at_once and candidate.handed_out > 0):
            candidate = self._propose() or candidate
        return candidate

    def _chosen(self) -> ConfigurationProgress | None:
        """As racing says: the most promising configuration, or a new one while others wait."""
        waiting = [key for key, p in self.progress.items() if p.state == "open" and p.waiting]
        # Of one whose first cell still runs nothing is known: a second one waits for it where there is other work.
        known = [key for key in waiting if self.progress[key].finished or not self.progress[key].running]
        chosen = self._racing.next_configuration(known, may_open=self._may_propose)
        if chosen is None:
            opened = self._propose()
            if opened is not None or not waiting:
                return opened
            chosen = self._racing.next_configuration(known or waiting, may_open=False)
        return None if chosen is None else self.progress[chosen]

    def _next_waiting(self) -> ConfigurationProgress | None:
        waiting = [p for p in self.progress.values() if p.state == "open" and p.waiting]
        return min(waiting, key=lambda p: p.handed_out, default=None)

    def _open_count(self) -> int:
        return sum(p.state == "open" for p in self.progress.values())

    def _propose(self) -> ConfigurationProgress | None:
        if not self._may_propose:
            return None
        for key, score in self._racing.expected().items():
            if self.progress[key].state == "open":
                self._listener.on_expected(self.progress[key], score)
        taken = {p.configuration.number for p in self.progress.values()}
        number = next(number for number in itertools.count() if number not in taken)
        configuration = self._proposals.next(number, self.progress)
        if configuration is None:
            self._exhausted = True
            return None
        self._ledger.put_configuration(configuration)
        return self._open(configuration)

    def _open(self, configuration: Configuration) -> ConfigurationProgress:
        order = cell_order(configuration.id, self._budget.cells)
        progress = ConfigurationProgress(configuration, order, waiting=list(order))
        self.progress[configuration.id] = progress
        self._racing.opened(configuration)
        return progress

    def _take(self, progress: ConfigurationProgress, record: FoldRecord) -> None:
        progress.finished[cell_of(record)] = record
        self._racing.scored(record)

    def _finish_if_done(self, progress: ConfigurationProgress) -> None:
        # Given up with its last cells still in training, it may finish after all: then it is whole.
        if progress.state in ("open", "abandoned") and len(progress.finished) == len(progress.order):
            progress.state = "finished"
            progress.score = self._listener.on_finished(progress)
            self._racing.ended(progress.configuration.id, progress.score)

    def _race(self) -> None:
        for abandonment in self._racing.given_up():
            self._abandon(self.progress[abandonment.configuration_id], abandonment)

    def _abandon(self, progress: ConfigurationProgress, abandonment: Abandonment) -> None:
        self._ledger.put_abandonment(abandonment)
        self._end_abandoned(progress, abandonment)

    def _end_abandoned(self, progress: ConfigurationProgress, abandonment: Abandonment) -> None:
        progress.abandonment = abandonment
        self._end(progress, "abandoned")

    def _wait_again(self, progress: ConfigurationProgress, cell: Cell) -> None:
        if progress.state == "open":
            progress.waiting.insert(0, cell)

    def _end_infeasible(self, progress: ConfigurationProgress, failure: FailureRecord) -> None:
        if progress.state == "open":  # cells that were still running may fail as well
            progress.failure = failure
            self._end(progress, "infeasible")

    def _end(self, progress: ConfigurationProgress, state: State) -> None:
        """Without a score."""
        progress.state = state
        progress.waiting.clear()
        if state == "infeasible":
            self._racing.failed(progress.configuration.id)
        else:
            self._racing.ended(progress.configuration.id, None)
        self._listener.on_finished(progress)

"""What ends a search early: a time, and that nothing works; and what the core withholds then."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from simulated_search import WORKER_LOST, MemoryLedger, Simulation, cells_of, failed, finished, new_core, open_recipes

from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.fold_dispatch import Budget, FoldDispatch
from tune_polar.search.stopping.limits import FAILED_AT_FIRST, UNLIMITED, Limits, NothingWorks, TimeLimit
from tune_polar.search.stopping.stop_rule import Stop, StopRule
from tune_polar.store.failures import MAX_LOSSES


def core_with(rule: StopRule | None = None, recipes: int = 9, folds: int = 2, width: int = 2) -> FoldDispatch:
    budget = Budget(recipes, cells_of(folds), width)
    rules = [] if rule is None else [rule]
    return new_core(open_recipes(range(recipes)), budget, score=lambda progress: 0.5, rules=rules)


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_after_its_time_a_search_begins_nothing_and_ends_when_nothing_runs() -> None:
    clock = Clock()
    core = core_with(TimeLimit(60, began=clock.now, clock=clock))
    first, second = core.next_trial(), core.next_trial()
    assert first is not None
    assert second is not None
    clock.now += 60
    assert core.next_trial() is None
    assert not core.done, "two folds still run"
    core.fold_finished(finished(first.configuration_id, first.cell))
    core.fold_returned(second)
    assert core.next_trial() is None
    assert core.done
    assert core.stopped is not None
    assert core.stopped.kind == "time"
    assert "60 s" in core.stopped.message
    assert [p.state for p in core.progress.values()] == ["open", "open"]


def test_a_search_that_was_through_before_its_time_is_not_ended_by_it() -> None:
    clock = Clock()
    core = core_with(TimeLimit(60, began=clock.now, clock=clock), recipes=1, folds=1)
    trial = core.next_trial()
    assert trial is not None
    clock.now += 61
    core.fold_finished(finished(trial.configuration_id, trial.cell))
    assert core.next_trial() is None
    assert core.done
    assert core.stopped is None


class Proposed:
    """Ends proposals once so many configurations are there, as convergence does."""

    def __init__(self, enough: int) -> None:
        self._enough = enough

    def stop(self, progress: dict[str, ConfigurationProgress]) -> Stop | None:
        return Stop("converged", "enough", holds_folds=False) if len(progress) >= self._enough else None


@pytest.mark.parametrize("slots", [1, 3])
def test_without_new_proposals_open_configurations_are_finished(slots: int) -> None:
    ledger = MemoryLedger()
    budget = Budget(9, cells_of(3), slots)
    core = new_core(open_recipes(range(9)), budget, ledger, lambda progress: 0.5, rules=[Proposed(4)])
    Simulation(core, ledger, slots).run()
    assert [p.state for p in core.progress.values()] == ["finished"] * 4
    assert core.stopped is not None
    assert core.stopped.kind == "converged"


def run_failing(core: FoldDispatch, kind: str, until: int = 100) -> int:
    """Let every fold fail; how many were begun."""
    for begun in range(until):
        trial = core.next_trial()
        if trial is None:
            return begun
        core.fold_failed(failed(trial.configuration_id, trial.cell, kind, core.attempt(trial)))
    raise AssertionError("the search went on and on")


@pytest.mark.parametrize(("planned", "tried"), [(9, FAILED_AT_FIRST), (2, 2), (1, 1)])
def test_a_search_in_which_everything_fails_ends_early(planned: int, tried: int) -> None:
    core = core_with(NothingWorks(planned, {}), recipes=planned)
    assert run_failing(core, "TrainingDivergedError") == tried
    assert core.done
    assert (core.stopped is not None) == (planned > tried)


def test_workers_that_are_lost_again_and_again_end_it_too() -> None:
    core = core_with(NothingWorks(9, {}))
    assert run_failing(core, WORKER_LOST) == FAILED_AT_FIRST * MAX_LOSSES
    assert core.stopped is not None
    assert core.stopped.kind == "failures"


def test_one_finished_fold_lets_the_search_go_on() -> None:
    core = core_with(NothingWorks(9, {}))
    good = core.next_trial()
    assert good is not None
    core.fold_finished(finished(good.configuration_id, good.cell))
    assert run_failing(core, "ValueError") == 9
    assert core.stopped is None


def test_a_fold_that_finishes_after_all_lifts_the_stop() -> None:
    core = core_with(NothingWorks(9, {}), width=4)
    trials = [trial for trial in (core.next_trial() for _ in range(4)) if trial is not None]
    for trial in trials[:3]:
        core.fold_failed(failed(trial.configuration_id, trial.cell, "ValueError"))
    assert core.next_trial() is None
    assert not core.done
    core.fold_finished(finished(trials[3].configuration_id, trials[3].cell))
    assert core.next_trial() is not None
    assert core.stopped is None


def test_a_resumed_search_gets_another_chance() -> None:
    before = core_with(NothingWorks(9, {}))
    run_failing(before, "ValueError")
    again = core_with()
    again.restore(
        [p.configuration for p in before.progress.values()],
        [],
        [p.failure for p in before.progress.values() if p.failure is not None],
    )
    again.rules = [NothingWorks(9, again.progress)]
    assert run_failing(again, "ValueError") == FAILED_AT_FIRST
    assert again.done


@pytest.mark.parametrize(
    ("limits", "configurations"),
    [
        (Limits(), 8),
        (Limits(trials_given=False), 8),
        (Limits(60.0), 8),
        (Limits(60.0, trials_given=False), UNLIMITED),
        (Limits(until_converged=True, trials_given=False), UNLIMITED),
    ],
)
def test_without_a_number_only_the_other_limits_end_a_search(limits: Limits, configurations: int) -> None:
    assert limits.configurations(8) == configurations

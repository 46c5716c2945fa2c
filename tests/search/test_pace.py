"""The time that is said to be left: from the folds' own seconds, not from the time in which workers started."""

from __future__ import annotations

import pytest
from simulated_search import cells_of, finished, open_recipes
from simulated_search import new_core as core_of

from tune_polar.api.pace import Pace, clock
from tune_polar.search.fold_dispatch import Budget, FoldDispatch
from tune_polar.trial.fold_trial import FoldTrial


class Clock:
    """Stands still until it is set."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def new_core(slots: int) -> FoldDispatch:
    return core_of(open_recipes(range(4)), Budget(4, cells_of(3), slots))


def handed_out(core: FoldDispatch, pace: Pace, count: int) -> list[FoldTrial]:
    trials = [trial for _ in range(count) if (trial := core.next_trial()) is not None]
    for trial in trials:
        pace.started(trial)
    return trials


def end(core: FoldDispatch, pace: Pace, trial: FoldTrial) -> None:
    """Each fold says that it took one second."""
    core.fold_finished(finished(trial.configuration_id, trial.cell))
    pace.ended(trial, core)


@pytest.mark.parametrize(("slots", "left"), [(1, "0:11"), (2, "0:05")])  # of 12 folds, 11 are left
def test_start_up_is_not_counted_and_slots_are(slots: int, left: str) -> None:
    core, now = new_core(slots), Clock()
    pace = Pace(12, now)
    first, *_ = handed_out(core, pace, slots)
    now.seconds = 60.0
    assert pace.line(core) == "0/12 folds · elapsed 1:00 · workers are starting"
    assert pace.progressed()
    assert not pace.progressed()
    assert pace.line(core) == "0/12 folds · elapsed 1:00"
    now.seconds = 61.0
    end(core, pace, first)
    assert pace.line(core) == f"1/12 folds · elapsed 1:01 · about {left} left"


def test_nothing_is_left_at_the_end() -> None:
    core, now = new_core(2), Clock()
    pace = Pace(12, now)
    while trials := handed_out(core, pace, 2):
        for trial in trials:
            end(core, pace, trial)
    assert pace.line(core) == "12/12 folds · elapsed 0:00"


def test_an_open_end_has_no_time_left() -> None:
    core = new_core(1)
    pace = Pace(None, Clock())
    end(core, pace, handed_out(core, pace, 1)[0])
    assert pace.line(core) == "1 fold · elapsed 0:00"


@pytest.mark.parametrize(("seconds", "text"), [(0.9, "0:00"), (75, "1:15"), (3700, "1:01:40")])
def test_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text

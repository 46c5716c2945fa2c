"""What becomes of fold trials that fail, are lost with their worker, are stopped, or come back twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from simulated_search import (
    WORKER_LOST,
    MemoryLedger,
    cells_of,
    failed,
    finished,
    new_core,
    number_of,
    open_recipes,
)

from tune_polar.recipe.cells import Cell
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.fold_dispatch import Budget, FoldDispatch
from tune_polar.store.failures import MAX_LOSSES, FailureRecord, Reached
from tune_polar.store.records import MemoryUse
from tune_polar.trial.fold_trial import FoldTrial


class Told:
    """Remembers which configurations ended, and how."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, str]] = []

    def __call__(self, progress: ConfigurationProgress) -> float | None:
        self.ended.append((progress.configuration.number, progress.state))
        return 0.5


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def search(told: Told, ledger: MemoryLedger) -> Callable[..., FoldDispatch]:
    def new(recipes: int = 2, folds: int = 3, width: int = 1, seeds: tuple[int, ...] = (42,)) -> FoldDispatch:
        budget = Budget(recipes, cells_of(folds, seeds), width)
        return new_core(open_recipes(range(recipes)), budget, ledger, told)

    return new


def handed(core: FoldDispatch) -> FoldTrial:
    trial = core.next_trial()
    assert trial is not None
    return trial


def lose(core: FoldDispatch, trial: FoldTrial) -> None:
    core.fold_failed(failed(trial.configuration_id, trial.cell, WORKER_LOST, core.attempt(trial)))


def finish(core: FoldDispatch, trial: FoldTrial) -> None:
    core.fold_finished(finished(trial.configuration_id, trial.cell))


def test_an_error_of_the_trial_ends_its_configuration_and_no_other(
    search: Callable[..., FoldDispatch], told: Told, ledger: MemoryLedger
) -> None:
    core = search()
    trial = handed(core)
    core.fold_failed(failed(trial.configuration_id, trial.cell, "TrainingDivergedError"))
    assert told.ended == [(0, "infeasible")]
    assert [record.kind for record in ledger.failures] == ["TrainingDivergedError"]
    rest = [handed(core) for _ in range(3)]
    assert {number_of(each) for each in rest} == {1}
    for each in rest:
        finish(core, each)
    assert told.ended == [(0, "infeasible"), (1, "finished")]
    assert core.done


def test_a_lost_fold_runs_again_and_then_counts(search: Callable[..., FoldDispatch], told: Told) -> None:
    core = search(recipes=1)
    first = handed(core)
    lose(core, first)
    again = handed(core)
    assert again == first
    assert core.attempt(again) == 1
    for trial in (again, handed(core), handed(core)):
        finish(core, trial)
    assert told.ended == [(0, "finished")]


def test_a_fold_lost_too_often_ends_its_configuration(
    search: Callable[..., FoldDispatch], told: Told, ledger: MemoryLedger
) -> None:
    core = search(recipes=1)
    for attempt in range(MAX_LOSSES):
        assert told.ended == []
        trial = handed(core)
        assert core.attempt(trial) == attempt
        lose(core, trial)
    assert told.ended == [(0, "infeasible")]
    assert [record.attempt for record in ledger.failures] == list(range(MAX_LOSSES))
    assert core.done


def test_losses_of_one_seed_are_no_losses_of_another(search: Callable[..., FoldDispatch], told: Told) -> None:
    core = search(recipes=1, folds=1, seeds=(1, 2, 3))
    for _ in range(MAX_LOSSES - 1):
        trials = [handed(core), handed(core), handed(core)]
        for trial in trials:
            lose(core, trial)
    assert told.ended == []
    assert {core.attempt(trial) for trial in trials} == {MAX_LOSSES - 1}
    for trial in (handed(core), handed(core), handed(core)):
        finish(core, trial)
    assert told.ended == [(0, "finished")]


def test_what_ran_out_of_memory_with_one_seed_is_known_to_all_cells(search: Callable[..., FoldDispatch]) -> None:
    core = search(recipes=1, folds=2, seeds=(1, 2))
    first = handed(core)
    used = MemoryUse(batch_rows=8, micro_rows=8, recompute=False)
    about = failed(first.configuration_id, first.cell, "OutOfMemoryError")
    told = {**about.__dict__, "memory": used, "reached": Reached("finder", 0, 3)}
    core.fold_failed(FailureRecord(**told))
    again, other = handed(core), handed(core)
    assert again == first
    assert other.cell != first.cell
    assert core.memory_tried(again) == core.memory_tried(other) == {"finder": used}


def test_a_stopped_fold_is_first_in_line_and_no_failure(
    search: Callable[..., FoldDispatch], ledger: MemoryLedger
) -> None:
    core = search(recipes=1)
    first, second = handed(core), handed(core)
    core.fold_returned(first)
    assert handed(core) == first
    assert core.attempt(first) == 0
    assert ledger.failures == []
    assert handed(core).cell not in (first.cell, second.cell)


def test_a_stopped_fold_of_an_ended_configuration_stays_stopped(search: Callable[..., FoldDispatch]) -> None:
    core = search(recipes=1)
    first, second, third = handed(core), handed(core), handed(core)
    core.fold_failed(failed(first.configuration_id, first.cell, "ValueError"))
    core.fold_returned(second)
    lose(core, third)
    assert core.next_trial() is None
    assert core.progress[first.configuration_id].waiting == []
    assert core.done


def test_a_second_failure_changes_nothing_but_is_recorded(
    search: Callable[..., FoldDispatch], told: Told, ledger: MemoryLedger
) -> None:
    core = search(recipes=1)
    first, second = handed(core), handed(core)
    core.fold_failed(failed(first.configuration_id, first.cell, "ValueError"))
    core.fold_failed(failed(second.configuration_id, second.cell, "TypeError"))
    failure = core.progress[first.configuration_id].failure
    assert failure is not None
    assert failure.kind == "ValueError"
    assert told.ended == [(0, "infeasible")]
    assert len(ledger.failures) == 2


def test_a_record_that_comes_twice_counts_once(search: Callable[..., FoldDispatch], told: Told) -> None:
    core = search(recipes=1, folds=2)
    first, second = handed(core), handed(core)
    finish(core, first)
    finish(core, first)
    assert told.ended == []
    finish(core, second)
    finish(core, second)
    assert told.ended == [(0, "finished")]


def test_a_failure_after_the_record_counts_for_nothing(
    search: Callable[..., FoldDispatch], told: Told, ledger: MemoryLedger
) -> None:
    core = search(recipes=1, folds=1)
    trial = handed(core)
    finish(core, trial)
    core.fold_failed(failed(trial.configuration_id, trial.cell, "ValueError"))
    assert told.ended == [(0, "finished")]
    assert ledger.failures == []


def test_a_record_after_the_loss_saves_the_second_run(search: Callable[..., FoldDispatch], told: Told) -> None:
    core = search(recipes=1, folds=1)
    trial = handed(core)
    lose(core, trial)
    finish(core, trial)  # the machine was frozen, not dead
    assert core.next_trial() is None
    assert told.ended == [(0, "finished")]


def test_a_record_for_an_infeasible_configuration_is_kept_and_scores_nothing(
    search: Callable[..., FoldDispatch], told: Told, ledger: MemoryLedger
) -> None:
    core = search(recipes=1, folds=2)
    first, second = handed(core), handed(core)
    core.fold_failed(failed(first.configuration_id, first.cell, "ValueError"))
    finish(core, second)
    assert [record.fold for record in ledger.folds] == [second.cell.fold]
    assert told.ended == [(0, "infeasible")]
    assert core.progress[first.configuration_id].score is None


def test_records_of_a_configuration_nobody_knows_are_ignored(search: Callable[..., FoldDispatch], told: Told) -> None:
    core = search(recipes=1)
    core.fold_finished(finished("0" * 12, Cell(0, 42)))
    core.fold_failed(failed("0" * 12, Cell(0, 42), "ValueError"))
    assert told.ended == []
    assert core.progress == {}

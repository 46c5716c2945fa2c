"""A search taken up again from its records, after a kill at any moment, ends as if there had been none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from simulated_search import (
    WORKER_LOST,
    Entry,
    MemoryLedger,
    Outcome,
    Simulation,
    cells_of,
    failed,
    finished,
    id_of,
    losses,
    new_core,
    number_of,
    numbered,
    open_recipes,
    teller,
)

from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration, canonical_json
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.search.configuration_progress import ConfigurationProgress, cell_of
from tune_polar.search.fold_dispatch import Budget, FoldDispatch
from tune_polar.search.optuna.sampler import RANDOM_CONFIGURATIONS, Sampler
from tune_polar.search.proposals import SpaceProposals
from tune_polar.store.failures import MAX_LOSSES, FailureRecord
from tune_polar.store.records import FoldRecord
from tune_polar.trial.fold_trial import FoldTrial

TWO_FOLDS, TWO_SEEDS = cells_of(2), cells_of(1, (7, 8))
either = pytest.mark.parametrize("cells", [TWO_FOLDS, TWO_SEEDS], ids=["folds", "seeds"])


def mishap(ledger: MemoryLedger, trial: FoldTrial, attempt: int) -> Outcome:
    """Some workers are lost, some configurations cannot be trained; the same for the same number and cell.

    Not for the same id: what the sampler proposes differs in the last digit between processors.
    """
    number = next(c.number for c in ledger.configurations if c.id == trial.configuration_id)
    draw = hashlib.sha256(f"{number}/{trial.cell}/{attempt}".encode()).digest()[0]
    return WORKER_LOST if draw < 40 else "ValueError" if draw < 60 else None


def searched(space: LoadedSpace, cells: Sequence[Cell], entries: Sequence[Entry]) -> Simulation:
    """A search over ``space`` whose records so far are ``entries``, read back from their JSON."""
    sampler = Sampler(space, seed=3)
    ledger = MemoryLedger(list(entries))
    budget = Budget(RANDOM_CONFIGURATIONS + 5, tuple(cells), 1)
    core = new_core(SpaceProposals(sampler), budget, ledger, teller(sampler))
    stored = [Configuration.from_text(canonical_json(c.to_json())) for c in ledger.configurations]
    for configuration in stored:
        sampler.announce(configuration)
    core.restore(stored, ledger.folds, ledger.failures)
    return Simulation(core, ledger, slots=1, outcome=partial(mishap, ledger))


def pairs(ledger: MemoryLedger) -> set[tuple[str, Cell]]:
    return {(record.configuration_id, cell_of(record)) for record in ledger.folds}


@either
def test_killed_at_any_record_one_slot_proposes_and_trains_the_same(
    space: Callable[..., LoadedSpace], cells: tuple[Cell, ...]
) -> None:
    whole = searched(space(), cells, [])
    whole.run()
    entries = whole.ledger.entries
    assert len(whole.ledger.configurations) == RANDOM_CONFIGURATIONS + 5
    assert {failure.kind for failure in whole.ledger.failures} == {WORKER_LOST, "ValueError"}
    for kept in range(len(entries)):
        resumed = searched(space(), cells, entries[:kept])
        resumed.run()
        assert resumed.ledger.configurations == whole.ledger.configurations, f"killed after record {kept}"
        assert pairs(resumed.ledger) == pairs(whole.ledger), f"killed after record {kept}"


@pytest.mark.parametrize("slots", [2, 4])
@pytest.mark.parametrize("cells", [cells_of(3), cells_of(2, (7, 8))], ids=["folds", "seeds"])
def test_killed_at_any_record_many_slots_train_what_is_left_and_nothing_twice(
    slots: int, cells: tuple[Cell, ...]
) -> None:
    recipes = open_recipes(range(5))
    wanted = {(id_of(number), cell) for number in range(5) for cell in cells}

    def run(entries: Sequence[Entry]) -> Simulation:
        ledger = MemoryLedger(list(entries))
        core = new_core(recipes, Budget(5, cells, slots), ledger)
        core.restore(ledger.configurations, ledger.folds, ledger.failures)
        duration = {cell: 1.0 + place for place, cell in enumerate(cells)}
        simulation = Simulation(core, ledger, slots, duration=lambda trial: duration[trial.cell])
        simulation.run()
        return simulation

    entries = run([]).ledger.entries
    for kept in range(len(entries) + 1):
        resumed = run(entries[:kept])
        before = {(e.configuration_id, cell_of(e)) for e in entries[:kept] if isinstance(e, FoldRecord)}
        assert len(resumed.handed_out) == len(set(resumed.handed_out))
        assert set(resumed.handed_out) == wanted - before, f"killed after record {kept}"


def test_searches_copied_together_are_taken_up_whole() -> None:
    """One search trained one half of each configuration's seeds, another the other half."""
    cells = cells_of(2, (7, 8))
    own, others = (
        [finished(id_of(number), cell) for number in (0, 1) for cell in cells if cell.seed == seed] for seed in (7, 8)
    )
    core, ended = restored([*own, *others[:-1]], [], numbers=(0, 1), cells=cells)
    assert ended == ["finished"]
    trial = core.next_trial()
    assert trial is not None
    assert (number_of(trial), trial.cell) == (1, cell_of(others[-1]))


def test_records_of_cells_that_are_not_of_this_search_are_left_alone() -> None:
    core, ended = restored([finished(ID, Cell(0, 99)), finished(ID, Cell(7, 42))], [failed(ID, Cell(0, 99), "X")])
    assert ended == []
    assert core.progress[ID].finished == core.progress[ID].failures == {}


def restored(
    folds: Sequence[FoldRecord],
    failures: Sequence[FailureRecord],
    numbers: Sequence[int] = (0,),
    cells: tuple[Cell, ...] = TWO_FOLDS,
) -> tuple[FoldDispatch, list[str]]:
    ended: list[str] = []

    def score(progress: ConfigurationProgress) -> None:
        ended.append(progress.state)

    configurations = [Configuration(numbered(number), number, "test") for number in numbers]
    core = new_core(open_recipes(range(4)), Budget(4, cells, 1), score=score)
    core.restore(configurations, folds, failures)
    return core, ended


ID = id_of(0)
FIRST, SECOND = TWO_FOLDS


def test_attempts_of_a_lost_cell_are_counted_on() -> None:
    core, ended = restored([], losses(ID, FIRST, [None] * (MAX_LOSSES - 1)))
    assert ended == []
    trials = [core.next_trial(), core.next_trial()]
    assert {trial.cell: core.attempt(trial) for trial in trials if trial} == {FIRST: MAX_LOSSES - 1, SECOND: 0}


@pytest.mark.parametrize(
    "failures", [[failed(ID, FIRST, "ValueError")], losses(ID, FIRST, [None] * MAX_LOSSES)], ids=["error", "lost"]
)
def test_an_infeasible_configuration_stays_so_and_is_told(failures: list[FailureRecord]) -> None:
    core, ended = restored([finished(ID, SECOND)], failures)
    assert ended == ["infeasible"]
    trial = core.next_trial()
    assert trial is not None
    assert number_of(trial) == 1


def test_a_fold_that_finished_after_its_losses_is_no_failure() -> None:
    core, ended = restored([finished(ID, FIRST), finished(ID, SECOND)], losses(ID, FIRST, [None] * MAX_LOSSES))
    assert ended == ["finished"]
    assert core.progress[ID].state == "finished"


def test_records_of_lost_configurations_are_left_alone_and_their_number_is_used_again() -> None:
    core, _ = restored([finished("f" * 12, FIRST)], [failed("e" * 12, FIRST, "ValueError")], numbers=(0, 2))
    assert len(core.progress) == 2
    for _ in range(4):
        trial = core.next_trial()
        assert trial is not None
        core.fold_finished(finished(trial.configuration_id, trial.cell))
    trial = core.next_trial()
    assert trial is not None
    assert core.progress[trial.configuration_id].configuration.number == 1


def test_restoring_everything_is_done() -> None:
    folds = [finished(id_of(number), cell) for number in range(4) for cell in TWO_FOLDS]
    core, ended = restored(folds, [], numbers=range(4))
    assert ended == ["finished"] * 4
    assert core.done
    assert core.next_trial() is None

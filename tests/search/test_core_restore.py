"""A search taken up again from its records, after a kill at any moment, ends as if there had been none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from simulated_search import (
    INPUTS,
    WORKER_LOST,
    MemoryLedger,
    Outcome,
    Simulation,
    failed,
    finished,
    losses,
    open_recipes,
    teller,
    with_seed,
)

from tune_polar.search.core import Budget, SearchCore
from tune_polar.search.proposals import FixedProposals, SpaceProposals
from tune_polar.search.sampler import RANDOM_CONFIGURATIONS, Sampler
from tune_polar.spec.configuration import Configuration, canonical_json
from tune_polar.spec.fold_trial import FoldTrial
from tune_polar.spec.space_file import LoadedSpace
from tune_polar.store.record import MAX_LOSSES, FailureRecord, FoldRecord

Entry = Configuration | FoldRecord | FailureRecord
BUDGET = Budget(RANDOM_CONFIGURATIONS + 5, (0, 1), 1)


def mishap(ledger: MemoryLedger, trial: FoldTrial, attempt: int) -> Outcome:
    """Some workers are lost, some configurations cannot be trained; the same for the same number and fold.

    Not for the same id: what the sampler proposes differs in the last digit between processors.
    """
    number = next(c.number for c in ledger.configurations if c.id == trial.configuration_id)
    draw = hashlib.sha256(f"{number}/{trial.fold}/{attempt}".encode()).digest()[0]
    return WORKER_LOST if draw < 40 else "ValueError" if draw < 60 else None


def searched(space: LoadedSpace, entries: Sequence[Entry]) -> Simulation:
    """A search over ``space`` whose records so far are ``entries``, read back from their JSON."""
    sampler = Sampler(space, seed=3)
    ledger = MemoryLedger(list(entries))
    core = SearchCore(SpaceProposals(space, sampler), ledger, BUDGET, INPUTS, teller(sampler))
    stored = [Configuration.from_text(canonical_json(c.to_json())) for c in ledger.configurations]
    for configuration in stored:
        sampler.announce(configuration)
    core.restore(stored, ledger.folds, ledger.failures)
    return Simulation(core, ledger, BUDGET, slots=1, outcome=partial(mishap, ledger))


def pairs(ledger: MemoryLedger) -> set[tuple[str, int]]:
    return {(record.configuration_id, record.fold) for record in ledger.folds}


def test_killed_at_any_record_one_slot_proposes_and_trains_the_same(space: Callable[..., LoadedSpace]) -> None:
    whole = searched(space(), [])
    whole.run()
    entries = whole.ledger.entries
    assert len(whole.ledger.configurations) == BUDGET.configurations
    assert {failure.kind for failure in whole.ledger.failures} == {WORKER_LOST, "ValueError"}
    for kept in range(len(entries)):
        resumed = searched(space(), entries[:kept])
        resumed.run()
        assert resumed.ledger.configurations == whole.ledger.configurations, f"killed after record {kept}"
        assert pairs(resumed.ledger) == pairs(whole.ledger), f"killed after record {kept}"


@pytest.mark.parametrize("slots", [2, 4])
def test_killed_at_any_record_many_slots_train_what_is_left_and_nothing_twice(slots: int) -> None:
    budget = Budget(5, (0, 1, 2), slots)
    recipes = open_recipes(range(5))
    wanted = {(Configuration(recipe, 0, "").id, fold) for _, recipe in recipes for fold in range(3)}

    def run(entries: Sequence[Entry]) -> Simulation:
        ledger = MemoryLedger(list(entries))
        core = SearchCore(FixedProposals(recipes), ledger, budget, INPUTS, lambda progress: None)
        core.restore(ledger.configurations, ledger.folds, ledger.failures)
        simulation = Simulation(core, ledger, budget, slots, duration=lambda trial: 1 + trial.fold)
        simulation.run()
        return simulation

    entries = run([]).ledger.entries
    for kept in range(len(entries) + 1):
        resumed = run(entries[:kept])
        before = {(e.configuration_id, e.fold) for e in entries[:kept] if isinstance(e, FoldRecord)}
        assert len(resumed.handed_out) == len(set(resumed.handed_out))
        assert set(resumed.handed_out) == wanted - before, f"killed after record {kept}"


def restored(
    folds: Sequence[FoldRecord], failures: Sequence[FailureRecord], numbers: Sequence[int] = (0,)
) -> tuple[SearchCore, list[str]]:
    ended: list[str] = []
    configurations = [Configuration(with_seed(number), number, "test") for number in numbers]
    core = SearchCore(
        FixedProposals(open_recipes(range(4))),
        MemoryLedger(),
        Budget(4, (0, 1), 1),
        INPUTS,
        lambda progress: ended.append(progress.state),  # type: ignore[func-returns-value]
    )
    core.restore(configurations, folds, failures)
    return core, ended


ID = Configuration(with_seed(0), 0, "test").id


def test_attempts_of_a_lost_fold_are_counted_on() -> None:
    core, ended = restored([], losses(ID, 0, [None] * (MAX_LOSSES - 1)))
    assert ended == []
    trials = [core.next_trial(), core.next_trial()]
    assert {trial.fold: core.attempt(trial) for trial in trials if trial} == {0: MAX_LOSSES - 1, 1: 0}


@pytest.mark.parametrize(
    "failures", [[failed(ID, 0, "ValueError")], losses(ID, 0, [None] * MAX_LOSSES)], ids=["error", "lost"]
)
def test_an_infeasible_configuration_stays_so_and_is_told(failures: list[FailureRecord]) -> None:
    core, ended = restored([finished(ID, 1)], failures)
    assert ended == ["infeasible"]
    trial = core.next_trial()
    assert trial is not None
    assert trial.recipe.seed == 1


def test_a_fold_that_finished_after_its_losses_is_no_failure() -> None:
    core, ended = restored([finished(ID, 0), finished(ID, 1)], losses(ID, 0, [None] * MAX_LOSSES))
    assert ended == ["finished"]
    assert core.progress[ID].state == "finished"


def test_records_of_lost_configurations_are_left_alone_and_their_number_is_used_again() -> None:
    core, _ = restored([finished("f" * 12, 0)], [failed("e" * 12, 0, "ValueError")], numbers=(0, 2))
    assert len(core.progress) == 2
    for _ in range(4):
        trial = core.next_trial()
        assert trial is not None
        core.fold_finished(finished(trial.configuration_id, trial.fold))
    trial = core.next_trial()
    assert trial is not None
    assert core.progress[trial.configuration_id].configuration.number == 1


def test_restoring_everything_is_done() -> None:
    folds = [finished(Configuration(with_seed(n), n, "test").id, fold) for n in range(4) for fold in (0, 1)]
    core, ended = restored(folds, [], numbers=range(4))
    assert ended == ["finished"] * 4
    assert core.done
    assert core.next_trial() is None

"""What is handed out next: published first, breadth first, never more than the budget, never an idle slot."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_search import INPUTS, MemoryLedger, Simulation, finished, open_recipes, with_seed

from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.core import Budget, SearchCore, fold_order
from tune_polar.search.proposals import FixedProposals
from tune_polar.spec.configuration import configuration_id


def unscored(progress: ConfigurationProgress) -> float | None:
    return None


def new(recipes: int, folds: int = 3, width: int = 1, trials: int | None = None) -> tuple[SearchCore, MemoryLedger]:
    ledger = MemoryLedger()
    budget = Budget(recipes if trials is None else trials, tuple(range(folds)), width)
    core = SearchCore(FixedProposals(open_recipes(range(recipes))), ledger, budget, INPUTS, unscored)
    return core, ledger


def handed_out(core: SearchCore, count: int) -> list[tuple[int, int]]:
    """Seed (the number of the configuration here) and fold of the next fold trials, each finished at once."""
    pairs = []
    for _ in range(count):
        trial = core.next_trial()
        assert trial is not None
        pairs.append((trial.recipe.seed, trial.fold))
        core.fold_finished(finished(trial.configuration_id, trial.fold))
    return pairs


def order_of(seed: int, folds: int = 3) -> tuple[int, ...]:
    return fold_order(configuration_id(with_seed(seed)), range(folds))


def test_one_slot_finishes_each_configuration_before_the_next() -> None:
    core, _ = new(recipes=2, width=1)
    assert handed_out(core, 6) == [(seed, fold) for seed in (0, 1) for fold in order_of(seed)]
    assert core.next_trial() is None
    assert core.done


@pytest.mark.parametrize("width", [2, 4])
def test_open_configurations_take_turns(width: int) -> None:
    core, _ = new(recipes=width, width=width)
    expected = [(seed, order_of(seed)[turn]) for turn in range(3) for seed in range(width)]
    assert handed_out(core, 3 * width) == expected


def test_a_new_configuration_is_opened_as_soon_as_one_ends() -> None:
    core, ledger = new(recipes=3, width=2)
    handed_out(core, 5)  # the first is finished, the second has one fold to go
    assert len(ledger.configurations) == 2
    trial = core.next_trial()
    assert trial is not None
    assert trial.recipe.seed == 2


def test_no_more_configurations_than_the_budget() -> None:
    core, ledger = new(recipes=9, trials=2)
    handed_out(core, 6)
    assert core.next_trial() is None
    assert core.done
    assert len(ledger.configurations) == 2


def test_fold_order_is_a_permutation_that_differs_between_configurations() -> None:
    orders = [order_of(seed, folds=5) for seed in range(40)]
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in orders)
    assert orders == [order_of(seed, folds=5) for seed in range(40)]
    first = Counter(order[0] for order in orders)
    assert set(first) == {0, 1, 2, 3, 4}
    assert max(first.values()) < 20


def test_not_done_while_a_fold_runs() -> None:
    core, _ = new(recipes=1, folds=2)
    first, second = core.next_trial(), core.next_trial()
    assert first is not None
    assert second is not None
    assert core.next_trial() is None
    core.fold_finished(finished(first.configuration_id, first.fold))
    assert not core.done
    core.fold_finished(finished(second.configuration_id, second.fold))
    assert core.done


def test_recipes_that_say_the_same_are_trained_once() -> None:
    ledger = MemoryLedger()
    recipes = open_recipes([0, 1, 0, 1, 2])
    core = SearchCore(FixedProposals(recipes), ledger, Budget(5, (0,), 1), INPUTS, unscored)
    assert handed_out(core, 3) == [(0, 0), (1, 0), (2, 0)]
    assert core.next_trial() is None
    assert core.done
    assert [c.number for c in ledger.configurations] == [0, 1, 2]


@settings(max_examples=60, deadline=None)
@given(
    recipes=st.integers(1, 6),
    folds=st.integers(1, 5),
    slots=st.integers(1, 4),
    seconds=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    trials=st.integers(1, 8),
)
def test_every_pair_once_and_no_slot_idle(
    recipes: int, folds: int, slots: int, seconds: list[int], trials: int
) -> None:
    core, ledger = new(recipes, folds, width=slots, trials=trials)
    simulation = Simulation(
        core,
        ledger,
        Budget(trials, tuple(range(folds)), slots),
        slots,
        duration=lambda trial: seconds[len(simulation.handed_out) % len(seconds)],
    )
    simulation.run()
    wanted = {
        (configuration_id(with_seed(seed)), fold) for seed in range(min(recipes, trials)) for fold in range(folds)
    }
    assert Counter(simulation.handed_out) == Counter(dict.fromkeys(wanted, 1))

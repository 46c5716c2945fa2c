"""What is handed out next: the recipe first, breadth first, never more than the budget, never an idle slot."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_search import (
    MemoryLedger,
    Simulation,
    cells_of,
    finished,
    id_of,
    new_core,
    number_of,
    numbered,
    open_recipes,
)

from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.search.cell_order import cell_order
from tune_polar.search.fold_dispatch import Budget, FoldDispatch


def new(
    recipes: int, folds: int = 3, width: int = 1, trials: int | None = None, seeds: tuple[int, ...] = (42,)
) -> tuple[FoldDispatch, MemoryLedger]:
    ledger = MemoryLedger()
    budget = Budget(recipes if trials is None else trials, cells_of(folds, seeds), width)
    return new_core(open_recipes(range(recipes)), budget, ledger), ledger


def handed_out(core: FoldDispatch, count: int) -> list[tuple[int, Cell]]:
    """Number and cell of the next fold trials, each finished at once."""
    pairs = []
    for _ in range(count):
        trial = core.next_trial()
        assert trial is not None
        pairs.append((number_of(trial), trial.cell))
        core.fold_finished(finished(trial.configuration_id, trial.cell))
    return pairs


def order_of(number: int, folds: int = 3, seeds: tuple[int, ...] = (42,)) -> tuple[Cell, ...]:
    return cell_order(id_of(number), cells_of(folds, seeds))


def test_one_slot_finishes_each_configuration_before_the_next() -> None:
    core, _ = new(recipes=2, width=1)
    assert handed_out(core, 6) == [(number, cell) for number in (0, 1) for cell in order_of(number)]
    assert core.next_trial() is None
    assert core.done


def test_seeds_are_cells_like_folds() -> None:
    core, _ = new(recipes=2, folds=2, seeds=(7, 8, 9))
    found = handed_out(core, 12)
    assert found == [(number, cell) for number in (0, 1) for cell in order_of(number, 2, (7, 8, 9))]
    assert {cell for _, cell in found} == set(cells_of(2, (7, 8, 9)))
    assert core.done


@pytest.mark.parametrize("width", [2, 4])
def test_open_configurations_take_turns(width: int) -> None:
    core, _ = new(recipes=width, width=width)
    expected = [(number, order_of(number)[turn]) for turn in range(3) for number in range(width)]
    assert handed_out(core, 3 * width) == expected


def test_a_new_configuration_is_opened_as_soon_as_one_ends() -> None:
    core, ledger = new(recipes=3, width=2)
    handed_out(core, 5)  # the first is finished, the second has one cell to go
    assert len(ledger.configurations) == 2
    trial = core.next_trial()
    assert trial is not None
    assert number_of(trial) == 2


def test_no_more_configurations_than_the_budget() -> None:
    core, ledger = new(recipes=9, trials=2)
    handed_out(core, 6)
    assert core.next_trial() is None
    assert core.done
    assert len(ledger.configurations) == 2


def test_an_order_is_a_permutation_that_differs_between_configurations() -> None:
    orders = [order_of(number, folds=5) for number in range(40)]
    assert all(sorted(order) == list(cells_of(5)) for order in orders)
    assert orders == [order_of(number, folds=5) for number in range(40)]
    first = Counter(order[0] for order in orders)
    assert set(first) == set(cells_of(5))
    assert max(first.values()) < 20


@pytest.mark.parametrize("number", range(5))
def test_with_one_seed_folds_come_in_the_order_that_the_id_deals(number: int) -> None:
    """Numpy's permutation by the first eight bytes of the id's SHA-256, as it has been since the first search."""
    seed = int.from_bytes(hashlib.sha256(id_of(number).encode()).digest()[:8], "little")
    folds = np.random.default_rng(seed).permutation(np.array([0, 1, 2, 3, 4])).tolist()
    assert [cell.fold for cell in order_of(number, folds=5)] == folds


def test_an_id_has_no_seed_in_it() -> None:
    seeded = numbered(3).model_copy(update={"seeds": (1, 2, 3)})
    assert Configuration(seeded, 3, "").id == id_of(3)


def test_not_done_while_a_cell_runs() -> None:
    core, _ = new(recipes=1, folds=2)
    first, second = core.next_trial(), core.next_trial()
    assert first is not None
    assert second is not None
    assert core.next_trial() is None
    core.fold_finished(finished(first.configuration_id, first.cell))
    assert not core.done
    core.fold_finished(finished(second.configuration_id, second.cell))
    assert core.done


def test_recipes_that_say_the_same_are_trained_once() -> None:
    ledger = MemoryLedger()
    core = new_core(open_recipes([0, 1, 0, 1, 2]), Budget(5, cells_of(1), 1), ledger)
    (cell,) = cells_of(1)
    assert handed_out(core, 3) == [(0, cell), (1, cell), (2, cell)]
    assert core.next_trial() is None
    assert core.done
    assert [c.number for c in ledger.configurations] == [0, 1, 2]


@settings(max_examples=60, deadline=None)
@given(
    recipes=st.integers(1, 6),
    folds=st.integers(1, 5),
    seeds=st.integers(1, 3),
    slots=st.integers(1, 4),
    seconds=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    trials=st.integers(1, 8),
)
def test_every_pair_once_and_no_slot_idle(
    recipes: int, folds: int, seeds: int, slots: int, seconds: list[int], trials: int
) -> None:
    core, ledger = new(recipes, folds, slots, trials, tuple(range(seeds)))
    simulation = Simulation(
        core,
        ledger,
        slots,
        duration=lambda trial: seconds[len(simulation.handed_out) % len(seconds)],
    )
    simulation.run()
    cells = cells_of(folds, range(seeds))
    wanted = {(id_of(number), cell) for number in range(min(recipes, trials)) for cell in cells}
    assert Counter(simulation.handed_out) == Counter(dict.fromkeys(wanted, 1))

"""Which weights stay: the order of importance, what is shared, and how far the room reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_polar.recipe.cells import Cell
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.resources.weights_budget import CellKeys, Claims, claims_of, decide, largest_cell


@dataclass
class Finished:
    stages: Mapping[str, str]


@dataclass
class Standing:
    """A configuration as far as weights are concerned; stages are ``NAMEFOLD/1`` and ``NAMEFOLD/2``."""

    name: str
    state: str = "open"
    waiting: list[Cell] = field(default_factory=list)
    running: set[Cell] = field(default_factory=set)
    finished: dict[Cell, Finished] = field(default_factory=dict)
    score: float | None = None


def cell(fold: int) -> Cell:
    return Cell(fold, 0)


def keys(name: str, fold: int) -> CellKeys:
    first = f"{name}{fold}/1"
    return CellKeys(frozenset({first}), frozenset({first, f"{name}{fold}/2"}))


def standing(name: str, *, done: int, waiting: int = 0, running: int = 0, **about: Any) -> Standing:
    folds = range(done)
    found = {cell(fold): Finished(dict(enumerate(sorted(keys(name, fold).stages)))) for fold in folds}  # type: ignore[arg-type]
    left = [cell(done + running + number) for number in range(waiting)]
    return Standing(name, waiting=left, running={cell(done + n) for n in range(running)}, finished=found, **about)


def claims(*standings: Standing, best: int = 1, expected: Mapping[str, float] | None = None) -> Claims:
    progress = cast("dict[str, ConfigurationProgress]", {each.name: each for each in standings})
    return claims_of(
        progress, lambda each, at: keys(cast("Any", each).name, at.fold), best, lambda score: -score, expected or {}
    )


def test_the_best_are_kept_and_others_that_have_ended_are_not() -> None:
    found = claims(
        standing("a", done=2, state="finished", score=0.5),
        standing("b", done=2, state="finished", score=0.7),
        standing("c", done=1, state="abandoned"),
        standing("d", done=1, state="infeasible"),
        standing("e", done=2, state="finished", score=None),
    )
    assert found == Claims(frozenset(), (keys("b", 0).stages, keys("b", 1).stages), ())


def test_several_of_the_best_and_none() -> None:
    both = standing("a", done=1, state="finished", score=0.5), standing("b", done=1, state="finished", score=0.7)
    assert claims(*both, best=2).best == (keys("b", 0).stages, keys("a", 0).stages)
    assert claims(*both, best=0).best == ()


def test_what_waits_comes_before_what_is_done_and_the_more_promising_first() -> None:
    found = claims(
        standing("a", done=1, waiting=1),
        standing("b", done=1, waiting=1, running=1),
        standing("c", done=1),
        expected={"a": 0.2, "b": 0.9},
    )
    assert found.running == keys("b", 1).stages
    assert found.further == (
        keys("b", 2).starts,
        keys("a", 1).starts,
        keys("b", 2).stages - keys("b", 2).starts,  # interrupted between two stages: their records are used as they are
        keys("a", 1).stages - keys("a", 1).starts,
        keys("b", 0).stages,
        keys("a", 0).stages,
        keys("c", 0).stages,
    )


SIZES = {"x/1": 10, "x/2": 20, "y/1": 10, "y/2": 20, "z": 1}
X, Y = frozenset({"x/1", "x/2"}), frozenset({"y/1", "y/2"})


@pytest.mark.parametrize(
    ("room", "kept", "left_out"),
    [
        (None, {"x/1", "x/2", "y/1", "y/2", "z"}, 0),
        (61, {"x/1", "x/2", "y/1", "y/2", "z"}, 0),
        (60, {"x/1", "x/2", "y/1", "y/2"}, 0),
        (59, {"x/1", "x/2", "z"}, 1),
        (29, {"z"}, 2),
        (0, set(), 2),
    ],
)
def test_a_cell_is_kept_whole_or_not_at_all(room: int | None, kept: set[str], left_out: int) -> None:
    found = decide(Claims(frozenset(), (X, Y), (frozenset({"z"}),)), SIZES, room, 0)
    assert (found.kept, found.best_left_out) == (kept, left_out)


def test_what_runs_is_kept_without_room_and_what_is_shared_counts_once() -> None:
    assert decide(Claims(X, (), ()), SIZES, 0, 0).kept == X
    shared = frozenset({"x/1", "y/2"})
    assert decide(Claims(frozenset(), (X, shared), ()), SIZES, 50, 0).kept == X | shared
    assert decide(Claims(frozenset(), (X, shared), ()), SIZES, 50, 1).kept == X


def test_weights_that_are_not_there_take_no_room() -> None:
    assert decide(Claims(frozenset(), (frozenset({"gone", "z"}),), ()), SIZES, 1, 0).kept == {"z"}


@given(
    cells=st.lists(st.frozensets(st.sampled_from(sorted(SIZES)), min_size=1), max_size=6),
    room=st.integers(0, 80),
    reserved=st.integers(0, 40),
)
def test_never_more_than_there_is_room_for(cells: list[frozenset[str]], room: int, reserved: int) -> None:
    found = decide(Claims(frozenset(), tuple(cells[:2]), tuple(cells[2:])), SIZES, room, reserved)
    assert sum(SIZES[key] for key in found.kept) <= max(0, room - reserved)


def test_the_largest_cell_of_which_all_is_there() -> None:
    assert largest_cell([("x/1", "x/2"), ("y/1", "gone"), ("z",)], SIZES) == 30
    assert largest_cell([("gone",)], SIZES) == 0

"""Floors at the end of a search: once, and never at the cost of the search."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.store.made_recipes import one_vote
from tests.store.made_store import finished_store
from tune_polar.api.consoles import VisibleConsole
from tune_polar.api.display import Shown
from tune_polar.api.floors_at_end import add_floors
from tune_polar.errors import DataError
from tune_polar.trial import floor_models


def added(folder: Path, received: object = None, asked: str = "all") -> tuple[set[str], str]:
    made = finished_store(folder, one_vote())
    console = VisibleConsole(record=True, width=200)
    plan = SimpleNamespace(recipe=made.recipe, corpus=made.corpus, plans=made.plans, floors=asked)
    slots, signals = SimpleNamespace(gpu=False, address=None, slot_gb=8.0), SimpleNamespace(received=received)
    for _ in range(2):
        add_floors(plan, made.store, slots, Shown(console=console), signals)  # type: ignore[arg-type]
    return set(made.store.floors(made.recipe)), console.export_text()


def test_each_is_computed_once(tmp_path: Path) -> None:
    there, said = added(tmp_path)
    assert there == {"tfidf"}
    assert said.count("floor tfidf: computed in ") == 1


def test_none_where_none_is_wanted(tmp_path: Path) -> None:
    assert added(tmp_path, asked="none") == (set(), "")


def test_none_after_a_signal(tmp_path: Path) -> None:
    assert added(tmp_path, received="SIGINT") == (set(), "")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DataError("a column must be there, got none", "Add it."), "a column must be there, got none"),
        (MemoryError("no room\nat all"), "MemoryError: no room"),
        (RuntimeError("of a library"), "RuntimeError: of a library"),
    ],
    ids=["ours", "memory", "library"],
)
def test_what_fails_is_a_line(tmp_path: Path, monkeypatch, error: Exception, said: str) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(floor_models, "make_floor", fails)
    there, told = added(tmp_path)
    assert there == set()
    assert f"Floor tfidf is left out: {said}" in told
    assert "at all" not in told

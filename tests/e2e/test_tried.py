"""A search that begins with the best points of an earlier one, and one that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import QUICK, Command, Searched, result
from tune_polar.evaluate.summary import summarise
from tune_polar.store.store import open_store

pytestmark = pytest.mark.e2e


def test_the_best_of_an_earlier_search_come_first(command: Command, searched: Searched, tmp_path: Path) -> None:
    earlier = searched.folder / "store"
    best = next(row for row in summarise(open_store(earlier), "scores").finished if row.configuration.number > 0)
    other = ("--set", "classifier.optimizer.max_steps=5", "--racing", "none")
    command("search", "st3", *QUICK, *other, "--try", str(earlier), "--store", "store")
    _, first = open_store(tmp_path / "store").configurations()
    assert first.origin == "tried first"
    trained = {key: value for key, value in best.configuration.point.items() if not key.startswith("decide.")}
    assert {key: first.point[key] for key in trained} == trained
    assert first.id != best.configuration.id, "what the new search's recipe says otherwise holds"
    assert result(command("resume", "store", "--trials", "3", "--json"))["complete"]


def test_a_search_of_something_else_says_why(command: Command, searched: Searched) -> None:
    earlier = str(searched.folder / "store")
    refused = command("search", "st2", "--try", earlier, code=2)
    said = " ".join(refused.stderr.split())
    assert "--try must name a search with configurations in the search space st2" in said
    assert "gamma_negative.political: None" in said
    assert "nothing-here" in command("search", "st1", "--try", "nothing-here", code=2).stderr

"""What `status` says of a store made by hand: where page and winner lie, and what the recipe itself is called."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from handmade_store import StoreBuilder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    builder = StoreBuilder(tmp_path / "store")
    builder.finish(builder.configuration("as given"), 0.4)
    builder.finish(builder.configuration("sampled", lr=0.5), 0.9)
    return tmp_path / "store"


def test_page_and_winner_are_named_where_they_exist(run: Callable[..., object], store: Path) -> None:
    def said() -> tuple[object, object]:
        about = json.loads(run("status", "store", "--json").out)  # type: ignore[attr-defined]
        return about["page"], about["winner_recipe"]

    assert said() == (None, None)
    (store / "winner.yaml").write_text("recipe: x\n")
    assert said() == (None, "store/winner.yaml")
    (store / "report.html").write_text("<!doctype html>")
    assert said() == ("store/report.html", "store/winner.yaml")


def test_a_recipe_of_ones_own_is_not_called_published(run: Callable[..., object], store: Path) -> None:
    shown = run("status", "store").out  # type: ignore[attr-defined]
    assert "− as given" in shown
    assert "published" not in shown
    row = next(line for line in shown.splitlines() if " sampled " in line)
    assert row.count(" ± ") == 2, "its difference to the recipe itself"
    assert "is not the difference of the pooled scores" in " ".join(shown.split())

"""What `list` says of a recipe: every key by its own name, what a search varies, and what each key means."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tune_polar.assets import shipped_names
from tune_polar.recipe.recipe_file import load_recipe
from tune_polar.recipe.settings_table import rows_of

Run = Callable[..., Any]


def rows(out: str) -> dict[str, list[str]]:
    """The table's rows by key."""
    return {words[0]: words[1:] for line in out.splitlines() if (words := line.split())}


def test_everything_shipped_is_listed(run: Run) -> None:
    out = run("list").out
    assert all(f" {name} " in out or f"{name} " in out for name in shipped_names("trials"))
    about = json.loads(run("list", "--json").out)
    assert list(about["recipes"]) == shipped_names("trials")
    assert about["search_spaces"] == shipped_names("search_spaces")
    assert "search spaces lie in " in run("list", "--paths").out


@pytest.mark.parametrize("name", ["st3", "classifier", "regressor"])
def test_every_key_of_a_recipe_is_listed_with_its_value(run: Run, name: str) -> None:
    keys = [row.key for row in rows_of(load_recipe(name).recipe)]
    shown = rows(run("list", name).out)
    assert [key for key in keys if key not in shown] == []
    values = json.loads(run("list", name, "--json").out)
    assert list(values) == keys


def test_what_a_search_varies_is_marked(run: Run) -> None:
    shown = rows(run("list", "st3").out)
    assert shown["detector.optimizer.lr"] == ["2e-05", "yes"]
    assert shown["classifier.losses.asymmetric.gamma_negative"][-1] == "yes"
    assert shown["decide.vote.k"] == ["49", "yes"]
    assert shown["detector.optimizer.max_steps"] == ["3000"]


def test_a_recipe_of_ones_own_has_the_ranges_made_for_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "recipe: mine\ndata: {labels: [rude]}\nstages: {finder: {task: {type: binary, target: rude}}}\n"
    )
    out = run("list", "./mine.yaml").out
    assert "search space: default" in out
    assert rows(out)["finder.optimizer.lr"][-1] == "yes"
    assert rows(out)["decide.finder.rule"] == ["smoothed_max_macro_f1", "yes"]
    assert "A search without --encoder" not in out, "it is for the embedded encoder anyway"


def test_values_are_those_of_an_encoder_that_is_named(run: Run) -> None:
    out = run("list", "st1").out
    assert "Values for nghuyong/ernie-3.0-xbase-zh. A search without --encoder uses the embedded one" in out
    assert rows(out)["detector.optimizer.lr"][0] == "2e-05"
    assert rows(run("list", "st1", "--encoder", "tiny").out)["detector.optimizer.lr"][0] == "0.002"


def test_meanings_stand_beside_the_values_when_asked_for(run: Run) -> None:
    assert "Learning rate of the encoder's" in run("list", "classifier", "--meanings").out
    assert "Learning rate" not in run("list", "classifier").out


def test_a_recipe_whose_loss_reads_groups_can_be_looked_at(run: Run, tmp_path: Path) -> None:
    (tmp_path / "later.yaml").write_text(
        "recipe: later\ndata: {labels: [rude], groups: [who]}\n"
        "stages: {finder: {task: {type: binary, target: rude}, losses: {language_contrast: {}}}}\n"
    )
    assert rows(run("list", "./later.yaml").out)["finder.losses.language_contrast.weight"] == ["1.0"]
    assert run("validate", "./later.yaml").code == 0

"""Rows of docs/settings.md and of `list`: every setting is there and says what it means."""

from __future__ import annotations

import pytest

from tune_polar.recipe.fill import fill
from tune_polar.recipe.keys import known_keys
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.settings_table import SettingRow, rows_of, setting_rows

ROWS = list(setting_rows())


def row(key: str, component: str = "") -> SettingRow:
    (found,) = [each for each in ROWS if each.key == key and component in each.component]
    return found


def test_every_setting_has_a_meaning():
    assert len(ROWS) > 100
    assert [row.key for row in ROWS if len(row.meaning) < 4] == []
    assert len({(row.key, row.component) for row in ROWS}) == len(ROWS)


def test_every_section_of_a_recipe_has_rows():
    sections = {row.key.partition(".")[0] for row in ROWS}
    assert set(Recipe.model_fields) - {"stages"} | {"STAGE"} == sections


@pytest.mark.parametrize(
    ("key", "component", "kind", "values", "default"),
    [
        ("STAGE.optimizer.lr", "", "number", "0 < x ≤ 10", "2e-05"),
        ("STAGE.optimizer.head_lr", "", "number", "0 < x ≤ 10 or null", "null"),
        ("STAGE.optimizer.max_steps", "", "whole number", "1 ≤ n ≤ 1,000,000 or null", "null"),
        ("STAGE.optimizer.schedule", "", "word", "cosine, linear, constant", "cosine"),
        ("STAGE.losses.soft_triple.centers", "soft_triple", "whole number", "1 ≤ n ≤ 200", "10"),
        ("STAGE.losses.asymmetric.gamma_negative", "asymmetric", "number, or one a column", "0 ≤ x ≤ 20", "4"),
        ("STAGE.losses.triplet.positive", "triplet", "word", "text, class", "text"),
        ("STAGE.task.targets", "multilabel", "list of texts", "list of texts", "—"),
        ("STAGE.head.type", "", "word", "linear, mlp, pooler, projection", "—"),
        ("encoder.tiny.hidden", "", "whole number", "32 ≤ n ≤ 512, multiples of 32", "32"),
        ("encoder.name", "", "text", "text", "tiny"),
        ("data.labels", "", "list of texts", "list of texts", "empty"),
        ("data.classes", "", "values by name", "—", "empty"),
        ("seeds", "", "list of whole numbers", "list of 0 ≤ n ≤ 2,147,483,647", "42"),
        ("decide.NAME.at", "threshold", "number, or one a column", "0 ≤ x ≤ 1 or null", "null"),
        ("folds.share", "holdout", "number", "0 < x < 1", "0.2"),
    ],
)
def test_kind_range_and_default_are_the_models_own(key, component, kind, values, default):
    found = row(key, component)
    assert (found.kind, found.range, found.default) == (kind, values, default)


def test_what_a_search_chooses_for_nothing_is_marked():
    free = {(row.key, row.component) for row in ROWS if row.is_free}
    assert free == {
        ("decide.NAME.k", "decision knn_vote"),
        ("decide.NAME.tau", "decision knn_vote"),
        ("decide.NAME.rule", "decision threshold"),
        ("decide.NAME.method", "decision calibrate"),
    }


def test_symbols_of_the_papers_stand_beside_their_keys():
    symbols = {
        "STAGE.optimizer.xi": "ξ",
        "STAGE.optimizer.fgm_epsilon": "ε",
        "STAGE.losses.soft_triple.la": "λ",
        "STAGE.losses.soft_triple.gamma": "γ",
        "STAGE.losses.soft_triple.margin": "δ",
        "STAGE.losses.asymmetric.gamma_negative": "γ−",
        "STAGE.losses.asymmetric.clip": "m",
        "decide.NAME.tau": "τ",
    }
    for key, symbol in symbols.items():
        assert symbol in row(key).meaning, key


def test_rows_of_one_recipe_have_its_own_names(recipe):
    rows = list(rows_of(recipe))
    keys = [place.key for place in known_keys(recipe)]
    assert [row.key for row in rows] == [key for key in keys if ".encoder." not in key]
    other = fill(recipe, {"sorter.encoder.pooling": "mean"})
    assert {row.key for row in rows_of(other)} - {row.key for row in rows} == {"sorter.encoder.pooling"}
    assert [row.key for row in rows if not row.meaning] == []
    assert {row.key for row in rows if row.is_free} == {"decide.vote.k", "decide.vote.tau", "decide.kinds.rule"}
    assert {row.meaning for row in rows if row.key == "finder.optimizer.xi"} == {row("STAGE.optimizer.xi").meaning}

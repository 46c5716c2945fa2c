"""Extra rows from recipe to fold trial: what may vary, what is told before a search, and what a stage's key holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.source import parse_source
from tune_polar.data.table import Corpus
from tune_polar.errors import DataError, SpecError
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.fill import fill
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.report.sections.extra_rows import _folds
from tune_polar.search.extra_rows_check import check_extra, extra_warnings
from tune_polar.search.recipe_data import fold_plans, read_corpus
from tune_polar.search.variants import check_variant
from tune_polar.store.gold import Gold, gold_difference, gold_of
from tune_polar.store.store import open_store
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.stage_inputs import inputs_of
from tune_polar.trial.worker_context import TrialContext

TRAIN = "id,text,hate\n" + "".join(f"r{row},text {row},{row % 2}\n" for row in range(20))
RECIPE = {
    "recipe": "mine",
    "data": {"labels": ["hate"], "extra": {"file": "extra.csv", "by": "how"}},
    "folds": {"plan": "stratified", "count": 4},
    "stages": {"model": {"task": {"type": "binary", "target": "hate"}}},
}


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text(TRAIN)
    rows = "".join(f"r{row},new {row},{row % 2},{'turned' if row % 3 else 'written'}\n" for row in range(12))
    Path("extra.csv").write_text("source_id,text,hate,how\n" + rows + ",TEXT 1,1,written\n")
    return load_recipe(RECIPE, RecipeOptions(encoder="tiny")).recipe


def with_extra(recipe: Recipe, **changes: object) -> Recipe:
    return fill(recipe, {f"data.extra.{key}": value for key, value in changes.items()})


def read(recipe: Recipe) -> tuple[Corpus, dict[str, FoldPlan]]:
    corpus = read_corpus(recipe, parse_source("a.csv"))
    return corpus, fold_plans(recipe, corpus)


def test_a_fold_trains_on_the_share_and_the_way_that_a_configuration_names(recipe: Recipe) -> None:
    corpus, plans = read(recipe)
    context = TrialContext(corpus, plans, open_store(str(Path("store"))), torch.device("cpu"))

    def rows(**changes: object) -> set[int]:
        return set(context.rows_of("model", with_extra(recipe, **changes)).training_rows(0).tolist())

    own = {row for row in rows() if row < 20}
    assert len(own) == 15
    assert rows(share=0.0) == own < rows(share=0.2) < rows()
    assert {corpus.train.words("how")[row] for row in rows(only="turned") - own} == {"turned"}
    assert rows() - own == set((plans["model"].training_rows(0)[15:]).tolist())


def test_what_is_trained_on_is_in_the_key_of_a_stage_only_where_there_are_such_rows(recipe: Recipe) -> None:
    def keys(recipe: Recipe, corpus: Corpus, plans: dict[str, FoldPlan]) -> set[str]:
        variants = [with_extra(recipe, share=share) for share in (0.0, 0.3, None)]
        return {
            FoldTrial(each, Cell(0, 42), inputs_of(each, corpus, plans)).stage_key("model", None) for each in variants
        }

    assert len(keys(recipe, *read(recipe))) == 3
    alone = with_extra(recipe, file=None, by=None)
    assert len(keys(alone, *read(alone))) == 1


def test_what_is_doubtful_is_told(recipe: Recipe) -> None:
    corpus, plans = read(recipe)
    assert list(extra_warnings(recipe, corpus, plans)) == []

    Path("dev.csv").write_text("id,text,hate\nd1,new 3,1\n")
    corpus = read_corpus(recipe, parse_source("a.csv", dev="dev.csv"))
    (found,) = extra_warnings(recipe, corpus, fold_plans(recipe, corpus))
    assert found.code == "extra-rows-unused"
    assert found.message.startswith("1 of 13 extra rows train in no fold")

    alone = with_extra(recipe, file=None, by=None)
    (found,) = extra_warnings(alone, *read(alone))
    assert found.code == "no-extra-rows"
    assert "--set data.extra.file=FILE" in found.message


def test_extra_rows_of_no_group_are_told_where_folds_hold_groups_out(recipe: Recipe) -> None:
    head, *rows = TRAIN.splitlines()
    languages = "".join(f"{row},{'abc'[number // 2 % 3]}\n" for number, row in enumerate(rows))
    Path("a.csv").write_text(f"{head},language\n{languages}")
    head, *rows = Path("extra.csv").read_text().splitlines()
    Path("extra.csv").write_text(f"{head},language\n" + "".join(f"{row},\n" for row in rows))
    data = {**RECIPE["data"], "groups": ["language"]}
    folds = {"plan": "leave_groups_out", "by": "language"}
    whole = load_recipe({**RECIPE, "data": data, "folds": folds}, RecipeOptions(encoder="tiny")).recipe

    (found,) = extra_warnings(whole, *read(whole))

    assert (found.code, found.column) == ("extra-rows-without-group", "language")
    assert "got 1 of 13 with neither: they train in every fold" in found.message


def test_a_share_is_of_the_rows_that_a_stage_learns_from(recipe: Recipe) -> None:
    corpus, plans = read(recipe)
    some = fill(with_extra(recipe, share=0.3), {"model.rows": {"hate": 1}})
    context = TrialContext(corpus, plans, open_store(str(Path("store"))), torch.device("cpu"))
    taken = context.rows_of("model", some).training_rows(0)
    learned = taken[corpus.train.values("hate")[taken] == 1]
    assert len(learned) > 8
    assert int((learned >= 20).sum()) == round(0.3 / 0.7 * int((learned < 20).sum()))


def test_a_way_by_which_none_was_made_is_refused(recipe: Recipe) -> None:
    corpus, _ = read(recipe)
    check_extra([recipe, with_extra(recipe, only="written")], None, corpus)
    with pytest.raises(DataError, match=r"data.extra.only must be a value .*\['turned', 'written'\], got 'pivot'"):
        check_extra([with_extra(recipe, only="pivot")], None, corpus)


def test_variants_may_differ_in_the_share_but_not_in_the_file(recipe: Recipe) -> None:
    check_variant("share_10", with_extra(recipe, share=0.1, only="turned"), recipe)
    with pytest.raises(SpecError, match="other must leave data as the recipe has it"):
        check_variant("other", with_extra(recipe, file="b.csv"), recipe)


def test_a_store_keeps_which_row_an_extra_row_was_made_from(recipe: Recipe) -> None:
    corpus, plans = read(recipe)
    gold = gold_of(corpus, plans)

    again = Gold.from_parts(*gold.to_parts())

    assert again.sources.tolist() == [*range(12), -1]
    assert gold_difference(gold, again) == "the folds or the texts that repeat are others"
    header, arrays = gold.to_parts()
    with pytest.raises(ValueError, match="sources must be rows of train before the 13 extra ones"):
        Gold.from_parts(header, {**arrays, "sources": np.full(13, 20, dtype="<i4")})
    with pytest.raises(ValueError, match=r"gold must have one array for each thing it names, got others \['sources'\]"):
        Gold.from_parts({**header, "extra": 0}, arrays)


def test_the_page_counts_what_is_kept_out_of_each_fold(recipe: Recipe) -> None:
    corpus, plans = read(recipe)
    validated = plans["model"].validation[:, :20]
    table = _folds(gold_of(corpus, plans), plans["model"])

    for fold, row in enumerate(table.texts):
        made = int(validated[fold, :12].sum())
        near = int(validated[fold, 1])  # the last says what row 1 says
        assert row == (f"fold {fold}", "15", str(13 - made - near), str(made), str(near))

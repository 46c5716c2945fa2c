"""Settings side by side, and the winner's as a recipe that any command takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.report.outline import Answer
from tests.store.made_recipes import one_vote, recipe_of, three_classes, two_stages
from tests.store.made_store import MadeStore, finished_store, made_store
from tune_polar.evaluate.outcome import outcome_of
from tune_polar.recipe.defaults import with_defaults
from tune_polar.recipe.recipe import Recipe
from tune_polar.report.page_context import PageContext
from tune_polar.report.settings import ABSENT, differences, flat, loss_settings
from tune_polar.report.winner_recipe import AS_IT_WAS, winner_changes, winner_recipe, winner_yaml

PageOf = Callable[[str], PageContext]
LR = "sorter.optimizer.lr"


def test_equal_recipes_do_not_differ() -> None:
    recipe = two_stages()
    assert differences(recipe, recipe.model_copy(update={"description": "other words", "recipe": "another"})) == ()
    assert flat(recipe)["sorter.optimizer.lr"] == 0.001


def test_a_setting_that_differs_is_named_by_its_key() -> None:
    found = differences(two_stages(), two_stages(sorter__optimizer__lr=0.5, decide__vote__k=7))
    assert {each.key: each.values for each in found} == {
        "sorter.optimizer.lr": ("0.001", "0.5"),
        "decide.vote.k": ("5", "7"),
    }


def test_of_another_component_its_name_stands_alone() -> None:
    found = differences(two_stages(), two_stages(sorter__start=None))
    assert [(each.key, each.values) for each in found] == [("sorter.start", ("finder", "null"))]


def test_one_value_for_all_columns_is_that_of_each() -> None:
    def with_gamma(value: object) -> Recipe:
        return two_stages(sorter__losses={"asymmetric": {"gamma_negative": value}})

    assert differences(with_gamma(4.0), with_gamma({"x": 4.0, "y/z": 4.0})) == ()
    found = differences(with_gamma(4.0), with_gamma({"x": 4.0, "y/z": 2.0}))
    assert [(each.key, each.values) for each in found] == [("sorter.losses.asymmetric.gamma_negative.y/z", ("4", "2"))]


def test_what_one_recipe_does_not_have_is_absent() -> None:
    found = {each.key: each.values for each in differences(two_stages(), one_vote())}
    assert found.pop("score.of") == ("system", "vote")
    assert found["decide.system"] == ("gate", ABSENT)
    assert all(values[1] == ABSENT for values in found.values())
    assert not any(key.startswith("finder") for key in found)


def test_a_losss_settings_are_found_where_the_stage_has_it() -> None:
    recipe = two_stages(sorter__losses={"asymmetric": {}})
    assert loss_settings(recipe, "sorter", "asymmetric") is not None
    assert loss_settings(recipe, "sorter", "soft_triple") is None
    assert loss_settings(recipe, "nothing", "asymmetric") is None


# The winner


def test_the_page_shows_what_differs_with_the_range_searched(page_of: PageOf) -> None:
    page = page_of("two stages")
    rows = Answer(page, "use").table("Settings in which the winner")
    assert tuple(rows[LR].values())[1:] == ("0.001", "0.003", "0.0001 to 0.1, log scale")
    best = page.won.best.deployed
    assert rows["decide.vote.k"]["Winner"] == str(best["vote"].written()["k"])
    assert all(key == LR or key.startswith("decide.") for key in rows)
    assert rows["decide.kinds.at.x"]["Published"] == "null"
    assert float(rows["decide.kinds.at.x"]["Winner"]) == pytest.approx(best["kinds"].written()["at"]["x"], rel=1e-3)


@pytest.mark.parametrize("shape", ["two stages", "a vote", "five labels", "regression", "three classes", "two seeds"])
def test_the_yaml_is_a_recipe_that_decides_as_the_winner_does(page_of: PageOf, shape: str) -> None:
    page = page_of(shape)
    text = winner_yaml(page.summary)
    assert text is not None
    recipe = Recipe.model_validate(with_defaults(yaml.safe_load(text)))
    best = page.best
    assert best is not None
    assert best.predictions is not None
    assert recipe == winner_recipe(best)
    assert recipe.recipe.endswith("-winner")
    again = outcome_of(recipe, page.summary.gold.splits, best.predictions.cells)
    pooled = page.won.judged.scored.ladder["fold_tuned"]
    if len({seed for _, seed in page.won.judged.scored.cells}) == 1:
        assert again.proposed.score == pytest.approx(pooled.score, abs=1e-9)
    for split, ladder in page.won.judged.scored.splits.items():
        assert again.judged.scored.splits[split]["as_written"].score == pytest.approx(ladder["fold_tuned"].score)


def test_a_recipe_won_twice_is_called_so_once(tmp_path: Path) -> None:
    made = finished_store(tmp_path / "store", two_stages())
    best = made.summary().best
    assert best is not None
    again = winner_recipe(best)
    assert again.recipe == "mini-winner"
    made = finished_store(tmp_path / "again", again)
    best = made.summary().best
    assert best is not None
    assert winner_recipe(best).recipe == "mini-winner"


def test_comments_say_where_it_comes_from_and_what_a_recipe_cannot_say(page_of: PageOf) -> None:
    text = winner_yaml(page_of("per language").summary)
    assert text is not None
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert comments[0].endswith(f"configuration {page_of('per language').best.configuration.id}")  # type: ignore[union-attr]
    assert "cross-fitted over 3 folds" in comments[1]
    assert comments[2].startswith("# answer, chosen on all out-of-fold rows: deu: hate 0.")
    assert "others: hate" in comments[2]


def test_a_label_that_is_never_given_is_so_in_the_recipe(tmp_path: Path) -> None:
    made = made_store(tmp_path / "store", two_stages(decide__kinds__rule="max_f1"))
    made.finish(made.configuration("published"), 0.5)
    summary = made.summary()
    best = summary.best
    assert best is not None
    assert best.scores is not None
    own = best.scores.best
    settings = {**own.settings, "decide.kinds.at": {"x": 0.5, "y/z": "never"}}
    object.__setattr__(own, "settings", settings)
    winner = winner_recipe(best)
    assert winner.decide["kinds"].at == {"x": 0.5, "y/z": "never"}
    text = winner_yaml(summary)
    assert text is not None
    assert Recipe.model_validate(with_defaults(yaml.safe_load(text))) == winner
    again = outcome_of(winner, summary.gold.splits, made.predictions(best.configuration).cells)
    decided = again.judged.decisions["kinds"].ladder["as_written"].decided
    assert not decided[:, 1].any()
    assert decided[:, 0].any()


def test_what_the_winner_changes_is_told_for_the_terminal(page_of: PageOf, tmp_path: Path) -> None:
    text = winner_changes(page_of("two stages").summary)
    changes = yaml.safe_load(text)["changes"]
    assert changes[LR] == 0.003
    assert "# decide: chosen on all out-of-fold rows" in text
    made = finished_store(tmp_path / "store", three_classes(), skills=(0.5,))
    assert winner_changes(made.summary()) == AS_IT_WAS
    assert winner_changes(page_of("nothing").summary) == ""
    assert winner_yaml(page_of("nothing").summary) is None


def test_line_breaks_in_labels_do_not_end_a_comment(fresh: Callable[[str], MadeStore], tmp_path: Path) -> None:
    names = ["a\nseed: 7", "b\u2028c"]
    values = {
        "recipe": "odd",
        "data": {"labels": names},
        "folds": {"count": 3},
        "stages": {"model": {"task": {"type": "multilabel", "targets": names}}},
    }
    made = finished_store(tmp_path / "x\n- y", recipe_of(values))
    text = winner_yaml(made.summary())
    assert text is not None
    assert yaml.safe_load(text)["recipe"] == "odd-winner"
    assert tuple(yaml.safe_load(text)["data"]["labels"]) == tuple(names)

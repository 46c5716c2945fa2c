"""What `--target` makes of a recipe of one stage, and which columns a file may lack."""

from __future__ import annotations

import pytest

from tests.recipe.shipped import SPACES, TRIALS
from tune_polar.errors import SpecError
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.required_columns import changes_without, needed_columns
from tune_polar.recipe.space_file import load_space, space_for
from tune_polar.recipe.template import Target

CASES = [
    ("classifier", (Target("hate", "label"),), "binary", {"labels": ("hate",)}, "threshold"),
    ("classifier", (Target("a/b", "label"), Target("c", "label")), "multilabel", {"labels": ("a/b", "c")}, "threshold"),
    ("classifier", (Target("topic", "class", ("x", "y")),), "multiclass", {"classes": {"topic": ("x", "y")}}, "argmax"),
    ("classifier", (Target("label", "class", ("x", "y")),), "multiclass", {"classes": {"label": ("x", "y")}}, "argmax"),
    ("regressor", (Target("value", "number"),), "regression", {"numbers": {"value": ()}}, "clip"),
    ("regressor", (Target("grade", "number"),), "regression", {"numbers": {"grade": ()}}, "clip"),
]


@pytest.mark.parametrize("encoder", [None, "some/encoder"])
@pytest.mark.parametrize(("name", "targets", "task", "data", "decision"), CASES)
def test_the_command_line_says_columns_and_task(name, targets, task, data, decision, encoder):
    loaded = load_recipe(name, RecipeOptions(encoder=encoder, targets=targets), folder=TRIALS)
    recipe = loaded.recipe
    stage = recipe.stages["model"]
    assert (stage.task.name, stage.columns) == (task, tuple(target.column for target in targets))
    empty = {"labels": (), "classes": {}, "numbers": {}}
    assert {key: getattr(recipe.data, key) for key in empty} == {**empty, **data}
    assert recipe.decide["model"].name == decision
    assert len({*map(str, loaded.ablations)}) >= 2
    space = load_space(space_for(loaded, folder=SPACES), recipe, loaded.profile, folder=SPACES)
    point = space.published()
    assert space.fill(point) == recipe
    assert ("decide.model.rule" in point) == (decision == "threshold")


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (
            (Target("a", "label"), Target("b", "number")),
            r"--target must name one column, .* got a \(label\), b \(number",
        ),
        ((Target("a", "class", ("x", "y")), Target("b", "class", ("x", "y"))), "--target must name one column"),
        (
            (Target("a", "label"), Target("a", "label")),
            "--target must name one column, or several of 0 and 1, each once",
        ),
    ],
)
def test_columns_that_no_task_predicts_together_are_refused(targets, message):
    with pytest.raises(SpecError, match=message):
        load_recipe("classifier", RecipeOptions(targets=targets), folder=TRIALS)


def test_a_loss_that_does_not_fit_the_columns_is_named():
    with pytest.raises(SpecError, match=r"losses.mse: must be a loss of binary tasks"):
        load_recipe("regressor", RecipeOptions(targets=(Target("a", "label"),)), folder=TRIALS)


def test_a_recipe_of_several_stages_takes_no_columns():
    with pytest.raises(
        SpecError, match=r"--target must be used with a recipe of one stage, got one with \['detector', 'c"
    ):
        load_recipe("st2", RecipeOptions(targets=(Target("a", "label"),)), folder=TRIALS)


# -- columns that a file may lack -----------------------------------------------------------------------------------


def test_columns_that_only_balance_may_be_left_out():
    st1 = load_recipe("st1", folder=TRIALS).recipe
    assert needed_columns(st1) == ("polarization",)
    changes = changes_without(st1, {"political", "stereotype", "polarization"})
    assert changes["data.strata"] == ["gender/sexual", "religious", "racial/ethnic", "other"]
    assert "polarization" in changes["data.labels"]
    assert "stereotype" not in changes["data.labels"]
    recipe = load_recipe("st1", RecipeOptions(changes=changes), folder=TRIALS).recipe
    assert recipe.data.strata == ("gender/sexual", "religious", "racial/ethnic", "other")
    assert changes_without(recipe, {"political"}) == {}


def test_columns_that_are_learned_or_chosen_by_are_needed(load):
    edits = {
        "of: sorter}": "of: sorter, per: author}",
        "batches: {type: balanced,": "batches: {type: balanced, by: topic,",
    }
    recipe = load(edits).recipe
    assert set(needed_columns(recipe)) == {"hurt", "x", "y/z", "author", "topic"}
    assert changes_without(recipe, {"x", "author"}) == {}


def test_nothing_but_the_target_is_enough_for_balanced_batches():
    st1 = load_recipe("st1", folder=TRIALS).recipe
    changes = changes_without(st1, set(st1.data.labels) - {"polarization"})
    assert changes == {"data.labels": ["polarization"], "data.strata": []}
    assert (
        load_recipe("st1", RecipeOptions(changes=changes), folder=TRIALS).recipe.stages["detector"].batches.by
        == "strata"
    )

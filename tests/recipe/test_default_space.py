"""The space of a recipe for which nobody has written one."""

from __future__ import annotations

import pytest

from tests.recipe.shipped import TRIALS
from tune_polar.recipe.default_space import default_space
from tune_polar.recipe.find_files import names_in
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.recorded import space_from_json
from tune_polar.recipe.space_rules import problems_of


@pytest.mark.parametrize("encoder", ["tiny", "nghuyong/ernie-3.0-xbase-zh"])
@pytest.mark.parametrize("name", names_in(TRIALS))
def test_it_holds_the_recipe_itself_and_breaks_none_of_its_rules(name, encoder):
    recipe = load_recipe(name, RecipeOptions(encoder=encoder), folder=TRIALS).recipe
    space = default_space(recipe)
    point = space.published()
    assert point is not None
    assert space.fill(point) == recipe
    entries = space.entries
    for place, (key, parameter) in enumerate(space.parameters.items()):
        assert problems_of(key, parameter, recipe, entries[:place], entries[place:]) == []
    assert space_from_json(space.to_json(), recipe).parameters == space.parameters


def test_a_recipe_of_three_lines_has_one(mine):
    assert list(default_space(mine).parameters) == [
        "model.optimizer.lr",
        "model.optimizer.xi",
        "model.head.dropout",
        "model.batches.size",
    ]


def test_what_decisions_leave_open_is_searched_too(recipe):
    space = default_space(recipe)
    assert {"decide.vote.k", "decide.vote.tau", "decide.kinds.rule"} <= set(space.parameters)
    assert not any(key.startswith("decide.system") for key in space.parameters)

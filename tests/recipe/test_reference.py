"""Only a shipped recipe, just as shipped, is called published."""

from __future__ import annotations

import pytest

from tune_polar.assets import shipped_names
from tune_polar.recipe.configuration import AS_GIVEN, PUBLISHED
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.reference import reference_origin

ENCODERS = [None, "tiny", "some/encoder", "GroNLP/hateBERT"]
OWN_VALUES = {"classifier", "regressor", "psk", "psk-small"}  # for any columns, and of a system that names none


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("name", shipped_names("trials"))
def test_as_shipped_and_with_the_values_that_it_has_for_an_encoder(name, encoder):
    recipe = load_recipe(name, RecipeOptions(encoder=encoder)).recipe
    assert reference_origin(recipe) == (AS_GIVEN if name in OWN_VALUES else PUBLISHED)


@pytest.mark.parametrize(
    "options",
    [
        RecipeOptions(encoder="tiny", changes={"detector.optimizer.lr": 1e-3}),
        RecipeOptions(encoder="tiny", folds=3),
        RecipeOptions(encoder="tiny", profile="published"),
        RecipeOptions(changes={"data.strata": []}),
    ],
)
def test_with_anything_changed_it_is_as_given(options):
    assert reference_origin(load_recipe("st1", options).recipe) == AS_GIVEN


def test_further_seeds_change_no_value():
    assert reference_origin(load_recipe("st1", RecipeOptions(changes={"seeds": [1, 2]})).recipe) == PUBLISHED


def test_a_recipe_of_ones_own_is_as_given(mine):
    assert reference_origin(mine) == AS_GIVEN

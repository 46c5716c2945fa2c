"""What to call the recipe that a search began with: only a shipped one, just as shipped, holds published values."""

from __future__ import annotations

from tune_polar.assets import shipped_names
from tune_polar.errors import SpecError
from tune_polar.recipe.configuration import AS_GIVEN, PUBLISHED, configuration_id
from tune_polar.recipe.encoder_revisions import with_revisions
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe

# Shipped for columns of one's own: nobody has published what they say.
TEMPLATES = ("classifier", "regressor")


def reference_origin(recipe: Recipe) -> str:
    """``published``, or ``as given`` where anything differs from the shipped file, but for encoder and seeds.

    Values that the file itself has for another encoder are the recipe's own.

    Example:
        >>> reference_origin(load_recipe("st1", RecipeOptions(encoder="tiny")).recipe)
        'published'
    """
    name = recipe.recipe
    if name not in shipped_names("trials"):
        return AS_GIVEN
    try:
        shipped = load_recipe(name, RecipeOptions(encoder=recipe.encoder.name))
    except SpecError:  # somebody is editing it where it lies
        return AS_GIVEN
    own = configuration_id(with_revisions(recipe, lambda _: None))
    is_it = shipped.is_published and configuration_id(shipped.recipe) == own
    return PUBLISHED if is_it else AS_GIVEN

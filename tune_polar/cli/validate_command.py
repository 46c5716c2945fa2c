"""`tune-polar validate`: check recipe and search space files without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tune_polar.api.shipped_file_errors import faults_of
from tune_polar.cli import options
from tune_polar.cli.output import say
from tune_polar.errors import SpecError, TunePolarError
from tune_polar.model.encoder_location import local_folder
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import PUBLISHED, RecipeOptions, load_recipe
from tune_polar.recipe.repeated_ablations import repeated, repeats_words
from tune_polar.recipe.sections import TINY
from tune_polar.recipe.space_file import load_space, recipe_of_space
from tune_polar.recipe.strict_yaml import read_yaml
from tune_polar.trial.encoder_check import check_encoders


def validate(
    files: Annotated[list[Path], typer.Argument(help="Recipe or search space files.")],
    encoder: options.Encoder = None,
    profile: options.Profile = None,
) -> None:
    """Check recipe and search space files; all faults of all files are named at once, with line and key.

    Example:

      tune-polar validate my-recipe.yaml my-space.yaml
    """
    chosen = RecipeOptions(encoder=encoder, profile=profile)
    problems, remedies = [], []
    for path in files:
        try:
            say(f"{path}: {_what_it_is(path, chosen)}")
        except TunePolarError as error:  # the others are looked at too
            problems.append(error.problem)
            remedies.append(error.remedy)
    if problems:
        raise SpecError("\n".join(problems), " ".join(dict.fromkeys(remedies)))


def _what_it_is(path: Path, chosen: RecipeOptions) -> str:
    with faults_of(_as_path(path)):
        return _said_of(path, chosen)


def _said_of(path: Path, chosen: RecipeOptions) -> str:
    content = read_yaml(path).content
    if "space" in content or "parameters" in content:
        loaded = load_recipe(_as_path(recipe_of_space(path)), chosen)
        space = load_space(_as_path(path), loaded.recipe, loaded.profile)
        return f"search space {space.name}, {len(space.parameters)} parameters over {loaded.recipe.recipe}"
    loaded = load_recipe(_as_path(path), chosen)
    _check_folders(loaded.recipe)
    profile = "" if loaded.profile == PUBLISHED else f", profile {loaded.profile}"
    repeats = repeated(loaded.recipe, ((name, changed) for name, (_, changed) in loaded.ablations.items()))
    said = f"recipe {loaded.recipe.recipe}{profile}, {len(loaded.ablations) - len(repeats)} ablations"
    return "; ".join((said, *repeats_words(repeats)))


def _check_folders(recipe: Recipe) -> None:
    """Encoders that are folders are looked at as a search does; nothing is downloaded."""
    names = {stage.encoder.name for stage in recipe.stages.values()} - {TINY}
    if names and all(local_folder(name) is not None for name in sorted(names)):
        check_encoders([recipe])


def _as_path(path: Path) -> str:
    """With a slash in it, so that no file is mistaken for the name of a shipped one."""
    return str(path) if "/" in str(path) else f"./{path}"

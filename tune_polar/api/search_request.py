"""From what a person says, on the command line or in Python, to a checked recipe, its space and its data."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tune_polar.api.data_words import DataWords, with_targets
from tune_polar.api.own_encoder import names_encoder
from tune_polar.api.seeds import seeds_of
from tune_polar.api.shipped_file_errors import faults_of
from tune_polar.assets import shipped
from tune_polar.data.header import columns_lacking
from tune_polar.data.source import Source
from tune_polar.errors import SpecError
from tune_polar.recipe.default_space import default_space
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe_file import LoadedRecipe, RecipeOptions, load_recipe
from tune_polar.recipe.reference import TEMPLATES
from tune_polar.recipe.required_columns import changes_without, needed_columns
from tune_polar.recipe.sections import TINY
from tune_polar.recipe.space_file import load_space, space_for
from tune_polar.recipe.strict_yaml import Written
from tune_polar.recipe.template import Target

if TYPE_CHECKING:
    from tune_polar.store.store import Store

SEEDS = "seeds"


@dataclass(frozen=True)
class RecipeWords:
    """What is said of the recipe."""

    name: Written  # of a shipped one, a path, or what a file would hold
    encoder: str | None = None
    profile: str | None = None
    changes: Mapping[str, object] = field(default_factory=dict)  # by dotted key
    folds: int | None = None
    seeds: str | None = None  # as ``--seeds`` says them


@dataclass(frozen=True)
class Asked:
    """Recipe and data of a search."""

    loaded: LoadedRecipe
    source: Source
    notes: tuple[str, ...] = ()  # what was read into the words, for the person who said them


def asked(words: RecipeWords, data: DataWords, *, own_encoder: bool = False, only_looks: bool = False) -> Asked:
    """The recipe with everything that is said about it, and where its data lies.

    A recipe file that names an encoder keeps it; all others are for the embedded encoder unless told. A file need not
    have columns that only balance folds and batches: those are left out.

    Args:
        words: of the recipe.
        data: of the data.
        own_encoder: whether a shipped recipe, too, is for the encoder that it names.
        only_looks: whether nothing is trained, so that a target may be left open.

    Raises:
        TunePolarError: recipe, data or an option breaks a rule.
    """
    source = data.source()
    keeps = own_encoder or words.encoder is not None or names_encoder(words.name)
    encoder = words.encoder if keeps else TINY
    targets: tuple[Target, ...] = ()
    notes: list[str] = []
    if data.targets:
        source, targets, yes = with_targets(source, data.targets, numbers=_learns_numbers(words.name, encoder))
        notes += [f"{name}: {word!r} counts as 1" for name, word in yes.items()]

    profile = words.profile

    def load(more: Mapping[str, object]) -> LoadedRecipe:
        changes = {**more, **words.changes}
        with faults_of(words.name):
            options = RecipeOptions(encoder, profile, changes, words.folds, tuple(data.groups), targets)
            return load_recipe(words.name, options)

    more: dict[str, object] = {}
    loaded = load(more)
    if encoder is not None and (folder := _whole_path(encoder)) != encoder:
        encoder, profile = folder, loaded.profile  # which was chosen by the name as typed
        loaded = load(more)
    recipe = loaded.recipe
    if not targets and not only_looks:
        _check_target(loaded, source)
    if words.seeds is not None:
        more[SEEDS] = seeds_of(words.seeds, recipe.seeds)
    absent = columns_lacking(source, dict.fromkeys((*recipe.data.labels, *recipe.data.strata)))
    left_out = changes_without(recipe, absent)
    more |= left_out
    if left_out:
        needed = needed_columns(recipe)
        gone = ", ".join(name for name in absent if name not in needed)
        notes.append(f"left out, for the data lacks them and they only balance folds and batches: {gone}")
    return Asked(load(more) if more else loaded, source, tuple(notes))


def space_of(loaded: LoadedRecipe, name: Written | None) -> LoadedSpace:
    """The space ``name``; None: the one shipped for the recipe or for one it extends, else one made for it.

    What does nothing in this recipe, such as a threshold's rule where classes are decided, is left out.

    Raises:
        SpecError: there is no such space, it does not fit the recipe, or nothing of it does anything.
    """
    named = name or space_for(loaded)
    if named is None:
        return default_space(loaded.recipe)
    found = load_space(named, loaded.recipe, loaded.profile)
    active = {key: parameter for key, parameter in found.parameters.items() if found.searches(key)}
    if not active:
        raise SpecError(
            f"a search space must vary something of the recipe {loaded.recipe.recipe}, got {found.name} with "
            f"{', '.join(found.parameters)}, which do nothing in it",
            "Give a space for this recipe with --space.",
        )
    return replace(found, parameters=active)


def new_store(place: str | None, recipe: str) -> Store:
    """The store a new search writes to."""
    # Imported here: only commands that open a store pay for its libraries.
    from tune_polar.store.store import open_store

    if place is not None:
        return open_store(place)
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    return open_store(Path("searches") / f"{recipe}-{stamp}")


def _whole_path(encoder: str) -> str:
    """The name of an encoder; of a folder its whole path, so that a search goes on from any working folder.

    `tiny` is the embedded encoder whatever lies in the working folder; a folder of that name is ``./tiny``.
    """
    if encoder == TINY:
        return encoder
    path = os.path.expanduser(encoder)
    return os.path.abspath(path) if os.path.isdir(path) else encoder


def _learns_numbers(name: Written, encoder: str | None) -> bool:
    """Whether the recipe, as its file has it, learns a column of numbers."""
    stages = load_recipe(name, RecipeOptions(encoder)).recipe.stages
    return any(stage.task.gold == "number" for stage in stages.values())


def _check_target(loaded: LoadedRecipe, source: Source) -> None:
    """Refuse a recipe whose column the command line is to name, where it does not.

    Raises:
        SpecError: it does not.
    """
    if loaded.recipe.recipe not in TEMPLATES or loaded.path.parent != shipped("trials"):
        return
    wanted = [name for stage in loaded.recipe.stages.values() for name in stage.columns if name not in source.columns]
    if not wanted:
        return
    if source.kind != "files" or columns_lacking(source, wanted):
        raise SpecError(
            f"the recipe `{loaded.recipe.recipe}` must be told which column it learns, got no --target",
            "Give --target COLUMN, and --text COLUMN where the texts are not in `text`.",
        )

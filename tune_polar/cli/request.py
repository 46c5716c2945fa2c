"""From command-line words to a checked plan and a new store."""

from __future__ import annotations

import datetime
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tune_polar.cli.options import assignments, check_seed, columns, positive
from tune_polar.spec.data_source import DataSource, parse_data_source
from tune_polar.spec.recipe_file import LoadedRecipe, RecipeOptions, load_recipe
from tune_polar.spec.strict_yaml import read_yaml

if TYPE_CHECKING:
    from tune_polar.store.store import Store

DEFAULT_ENCODER = "tiny"
PROXY_TYPES = "task.proxy_types"


def loaded_recipe(
    name: str,
    source: DataSource,
    *,
    encoder: str | None = None,
    profile: str | None = None,
    changes: Sequence[str] | None = None,
    folds: int | None = None,
) -> LoadedRecipe:
    """The recipe with everything the command line says about it.

    A recipe file that names an encoder keeps it; all others run with the embedded encoder unless told. A CSV file need
    not have the types that only balance the detector's batches: those it lacks are left out.
    """
    values = assignments(changes)
    chosen = encoder if encoder is not None or names_encoder(name) else DEFAULT_ENCODER
    loaded = load_recipe(name, RecipeOptions(chosen, profile, values, folds))
    lacking = source.lacking(loaded.recipe.task.proxy_types)
    if not lacking or PROXY_TYPES in values:
        return loaded
    values[PROXY_TYPES] = [name for name in loaded.recipe.task.proxy_types if name not in lacking]
    return load_recipe(name, RecipeOptions(chosen, profile, values, folds))


def names_encoder(name: str) -> bool:
    """Whether ``name`` is a recipe file of the user's own that says which encoder it is for."""
    if "/" not in name and not name.endswith((".yaml", ".yml")):
        return False
    content = read_yaml(Path(name)).content
    changes = content.get("changes")
    return "encoder" in content or (isinstance(changes, dict) and "encoder.name" in changes)


def data_source(data: str, language: str | None, dev: str | None, column: Sequence[str] | None) -> DataSource:
    """What ``--data`` and its companions mean."""
    return parse_data_source(data, language=language, dev=dev, columns=columns(column))


def new_store(place: str | None, recipe: str) -> Store:
    """The store a new search writes to."""
    # Imported here: only commands that open a store pay for its libraries.
    from tune_polar.store.store import open_store

    if place is not None:
        return open_store(place)
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    return open_store(Path("searches") / f"{recipe}-{stamp}")


def command_line() -> str:
    """The command as typed, for the manifest."""
    return shlex.join(["tune-polar", *sys.argv[1:]])


def check_counts(
    *, trials: int | None = None, folds: int | None = None, slots: int | None = None, seed: int | None = None
) -> None:
    """Refuse numbers that make no search.

    Raises:
        SpecError: one is out of its range.
    """
    positive(trials, "--trials")
    positive(folds, "--folds", at_least=2)
    positive(slots, "--slots")
    if seed is not None:
        check_seed(seed)

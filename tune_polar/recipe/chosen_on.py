"""Values that were chosen by scores on an evaluation set: remembered as long as they stand as they were chosen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

from tune_polar.recipe.keys import UnknownKeyError, place_of
from tune_polar.recipe.recipe import CHOSEN_ON, SPLITS, Recipe
from tune_polar.recipe.tree import Tree, at


def keys_of(said: object) -> Iterator[tuple[str, str]]:
    """Each set with each of its keys, of ``chosen_on`` as a file has it; of what is no such section none."""
    for name, keys in said.items() if isinstance(said, Mapping) else ():
        yield from ((str(name), key) for key in (keys if isinstance(keys, list) else ()) if isinstance(key, str))


def keys_kept(said: object, is_kept: Callable[[str, str], bool]) -> object:
    """``chosen_on`` with the keys that ``is_kept``, asked of set and key; what is no such section is the fault."""
    if not isinstance(said, Mapping):
        return said
    kept = {
        name: [key for key in keys if not isinstance(key, str) or is_kept(str(name), key)]
        if isinstance(keys, list)
        else keys
        for name, keys in said.items()
    }
    return {name: keys for name, keys in kept.items() if keys or not said[name]}


def forget_changed(tree: Tree, before: Tree, recipe: Recipe) -> None:
    """Take keys out of ``chosen_on`` of ``tree`` whose values are no longer those of ``before``, once ``recipe``."""

    def is_kept(_: str, key: str) -> bool:
        try:
            path = place_of(key, recipe).path
        except UnknownKeyError:
            return False
        return at(tree, path) == at(before, path)

    if recipe.chosen_on:
        said = {name: list(keys) for name, keys in tree[CHOSEN_ON].items()}
        tree[CHOSEN_ON] = keys_kept(said, is_kept)


def chosen_by(recipe: Recipe, split: str) -> dict[str, tuple[str, ...]]:
    """Sets of ``recipe.chosen_on`` that ``split`` may be, each with its keys.

    By name: `sbic_dev` may be rows of `sbic`, and so may an evaluation set whose file is called so; `dev` and `test`
    are those of the data alone.

    Args:
        recipe: of a configuration.
        split: `dev`, `test`, a name of `data.evaluate` or of other data.

    Example:
        >>> chosen_by(load_recipe("impsh").recipe, "sbic")
        {'sbic': ('hate.losses.triplet.margin',)}
    """
    words = _words(split)
    if split in recipe.data.evaluate:
        words |= _words(PurePosixPath(recipe.data.evaluate[split].path.replace("\\", "/")).stem)
    return {
        name: keys
        for name, keys in recipe.chosen_on.items()
        if name == split or (name not in SPLITS and _words(name) <= words)
    }


def _words(name: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", name.casefold()))

"""A recipe's values by dotted key: read one, or replace some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tune_polar.recipe.chosen_on import forget_changed
from tune_polar.recipe.keys import STAGES, place_of
from tune_polar.recipe.message_words import KeyPath
from tune_polar.recipe.nodes import root
from tune_polar.recipe.recipe import CHOSEN_ON, Recipe
from tune_polar.recipe.registry import Component, word_for
from tune_polar.recipe.settings import Settings
from tune_polar.recipe.tree import Tree, at, chooses, put, revision_beside


def value_at(recipe: Recipe, key: str) -> object:
    """The recipe's value of a dotted key; None where a section above it is null or another component stands there.

    One value that serves all columns is the value of each. A section is a mapping, as a file would have it.

    Raises:
        UnknownKeyError: no recipe with these stages has such a key.

    Example:
        >>> value_at(recipe, "detector.losses.soft_triple.centers")
        10
    """
    return as_written(object_at(recipe, place_of(key, recipe).path))


def object_at(recipe: Recipe, path: KeyPath) -> Any:
    """What stands at a path of the recipe: a value, section or component; None where nothing does."""
    value: Any = recipe
    node = root()
    for part in map(str, path):
        below = node.below(part, value)
        if below is None or value is None:
            return None
        if node.one is not None and part == node.one.registry.tag:
            value = value.name
        elif node.section is not None or node.one is not None:
            value = getattr(value, part, None)
        elif isinstance(value, Mapping):
            value = value.get(part)
        node = below
    return value


def as_written(value: object) -> object:
    """A value as a file would have it."""
    if isinstance(value, Component):
        return {"type": value.name, **value.model_dump()}
    if isinstance(value, Settings):
        return value.model_dump()
    if isinstance(value, Mapping):
        return {
            name: each.model_dump() if isinstance(each, Component) else as_written(each) for name, each in value.items()
        }
    return value


def word_of(value: object) -> object:
    """The single word that may stand in a section's place: a component's name, the stage that another starts from.

    Of several components all their names (``epm + language_contrast``); of anything else the value itself.
    """
    if isinstance(value, Component):
        return value.name
    if isinstance(value, Settings) and value.word is not None:
        return getattr(value, value.word)
    if isinstance(value, Mapping) and value and all(isinstance(each, Component) for each in value.values()):
        return word_for(value)
    return value


def fill(recipe: Recipe, point: Mapping[str, object]) -> Recipe:
    """``recipe`` with the dotted keys of ``point`` replaced; what chooses a component goes before its settings.

    A value of `encoder` reaches each stage whose own does not differ from the recipe's. `chosen_on` forgets the keys
    that get another value.

    Raises:
        ValidationError: a value breaks a rule; a loaded space has been checked at its ends.
        UnknownKeyError: the recipe has no such key.

    Example:
        >>> fill(recipe, {"detector.losses.soft_triple.centers": 3, "decide.vote.tau": 0.5})
    """
    tree: Tree = recipe.model_dump()
    changes = [(place_of(key, recipe).path, value) for key, value in point.items()]
    changes.sort(key=lambda change: (not chooses(*change), len(change[0])))
    given = {path for path, _ in changes}
    for path, value in changes:
        beside = revision_beside(tree, path)
        if beside is not None and beside not in given and at(tree, path) != value:  # a commit of the encoder before
            _lay(tree, beside, None)
        _lay(tree, path, value)
    if recipe.chosen_on and (CHOSEN_ON,) not in given:
        forget_changed(tree, recipe.model_dump(), recipe)
    return Recipe.model_validate(tree)


def _lay(tree: Tree, path: KeyPath, value: object) -> None:
    if path[0] == "encoder":
        _reach_stages(tree, path, value)
    put(tree, path, value, root())


def _reach_stages(tree: Tree, path: KeyPath, value: object) -> None:
    old = at(tree, path)
    for stage in tree[STAGES]:
        own: KeyPath = (STAGES, stage, *path)
        if at(tree, own) == old:
            put(tree, own, value, root())

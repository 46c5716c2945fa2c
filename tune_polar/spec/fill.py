"""A recipe's values by dotted key: read one, or replace some."""

from __future__ import annotations

from collections.abc import Mapping

from tune_polar.spec.draft import split_key
from tune_polar.spec.recipe import Recipe


def value_at(recipe: Recipe, key: str) -> object:
    """The recipe's value of a dotted key."""
    value: object = recipe.model_dump()
    for part in split_key(key):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


def fill(recipe: Recipe, point: Mapping[str, object]) -> Recipe:
    """``recipe`` with the dotted keys of ``point`` replaced.

    Raises:
        ValidationError: a value breaks a rule; a loaded space has been checked at its ends.
    """
    values = recipe.model_dump()
    for key, value in point.items():
        target = values
        *sections, name = map(str, split_key(key))
        for section in sections:
            target = target[section]
        target[name] = value
    return Recipe.model_validate(values)

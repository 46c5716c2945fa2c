"""Settings side by side: where recipes differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tune_polar.recipe.fill import object_at, word_of
from tune_polar.recipe.keys import key_of
from tune_polar.recipe.message_words import KeyPath
from tune_polar.recipe.nodes import Node, root
from tune_polar.recipe.recipe import NOT_SETTINGS, Recipe
from tune_polar.report.numbers import setting

ABSENT = "absent"


@dataclass(frozen=True)
class SettingDifference:
    """One key whose value differs."""

    key: str  # "classifier.losses.asymmetric.gamma_negative.stereotype"
    values: tuple[str, ...]  # of each recipe


def loss_settings(recipe: Recipe, stage: str, loss: str) -> Any | None:
    """A stage's settings of a loss; None where it has another one."""
    found = recipe.stages.get(stage)
    return None if found is None else found.losses.get(loss)


def flat(recipe: Recipe) -> dict[str, object]:
    """Dotted key → value, in the recipe's order; where a component stands its name, and below it its settings."""
    return {key: value for key, value, _ in _settings(recipe)}


def differences(*recipes: Recipe) -> tuple[SettingDifference, ...]:
    """Keys in which they differ, in the order of the first; of another component its name, and not all it has."""
    tables = [flat(recipe) for recipe in recipes]
    for_all = {key for recipe in recipes for key, _, is_for_all in _settings(recipe) if is_for_all}
    keys = list(dict.fromkeys(key for table in tables for key in table))
    found: dict[str, SettingDifference] = {}
    for key in keys:
        values = tuple(_shown(table, key, for_all) for table in tables)
        is_of_another = ABSENT in values and any(key.startswith(f"{other}.") for other in found)
        has_columns = key in for_all and any(other.startswith(f"{key}.") for other in keys)
        if len(set(values)) > 1 and not is_of_another and not has_columns:
            found[key] = SettingDifference(key, values)
    return tuple(found.values())


def _shown(table: Mapping[str, object], key: str, for_all: set[str]) -> str:
    """A value in words; one value for all columns is that of each."""
    above = next((each for each in for_all if key.startswith(f"{each}.") and each in table), key)
    return setting(table[above]) if above in table else ABSENT


def _settings(recipe: Recipe) -> Iterator[tuple[str, object, bool]]:
    """Key, value, and whether it stands for all columns."""
    for path, value, is_for_all in _walk((), root(), recipe):
        # A stage's encoder says again what the recipe's says.
        is_own = len(path) < 4 or path[2] != "encoder" or object_at(recipe, path) != object_at(recipe, path[2:])
        if path[0] not in NOT_SETTINGS and is_own:
            yield key_of(path), value, is_for_all


def _walk(path: KeyPath, node: Node, value: object) -> Iterator[tuple[KeyPath, object, bool]]:
    is_named = node.one is not None or node.several is not None or (node.section is not None and node.optional)
    held = value if isinstance(value, Mapping) else {}
    if node.several is not None or node.items is not None or node.each is not None:
        names = tuple(map(str, held))
    else:
        tag = None if node.one is None else node.one.registry.tag
        names = () if value is None else tuple(name for name in node.names(value) if name != tag)
    if is_named or not names:
        yield path, word_of(value), node.each is not None
    for name in names:
        below = node.below(name, value)
        if below is not None:
            yield from _walk((*path, name), below, held.get(name, getattr(value, name, None)))

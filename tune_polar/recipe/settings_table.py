"""Every setting of a recipe as a row: for docs/settings.md, and for `tune-polar list`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tune_polar.recipe.fill import object_at
from tune_polar.recipe.keys import STAGES, Place, key_of, known_keys
from tune_polar.recipe.message_words import KeyPath
from tune_polar.recipe.nodes import Node, root
from tune_polar.recipe.ranges import default_words, kind_words, range_words
from tune_polar.recipe.recipe import Recipe

STAGE, DECISION, COLUMN = "STAGE", "NAME", "COLUMN"  # in place of a user's own names


@dataclass(frozen=True)
class SettingRow:
    """One setting."""

    key: str  # "STAGE.losses.soft_triple.centers"
    kind: str  # "whole number"
    range: str  # "1 ≤ n ≤ 200"
    default: str  # "10"; "—": the recipe says it, or its task does
    meaning: str
    component: str  # "loss soft_triple", of a component's setting, else ""
    is_free: bool = False  # a search chooses it at the cost of no training


def setting_rows() -> Iterator[SettingRow]:
    """Of every setting that any recipe may have, components in the order of their registries."""
    yield from _rows(root(), (), "", frozenset())


def rows_of(recipe: Recipe) -> Iterator[SettingRow]:
    """Of every setting of one recipe, with its own names; of a stage's encoder what differs from the recipe's."""
    for place in known_keys(recipe):
        path = place.path
        is_shared = path[0] == STAGES and path[2:3] == ("encoder",)
        if not (is_shared and object_at(recipe, path) == object_at(recipe, path[2:])):
            yield row_of(place, recipe)


def row_of(place: Place, recipe: Recipe) -> SettingRow:
    """Of one setting of a recipe."""
    about = _row(place.path, place.node, "", frozenset())
    decision = recipe.decide.get(str(place.path[1])) if place.path[0] == "decide" and len(place.path) > 2 else None
    is_free = decision is not None and str(place.path[2]) in decision.free
    return SettingRow(place.key, about.kind, about.range, about.default, about.meaning, "", is_free)


def _rows(node: Node, path: KeyPath, component: str, free: frozenset[str]) -> Iterator[SettingRow]:
    if node.items is not None and not node.items.is_leaf:
        yield from _rows(node.items, (*path, STAGE if path == (STAGES,) else DECISION), component, free)
    elif node.several is not None:
        for name in node.names():
            below = node.below(name)
            if below is not None:
                yield from _rows(below, (*path, name), f"{node.several.registry.word} {name}", free)
    elif node.one is not None:
        registry = node.one.registry
        yield _row((*path, registry.tag), Node(names_one=node.one, about=node.about), component, free)
        for name in registry:
            chosen = {registry.tag: name}
            kind = registry[name]
            swept: frozenset[str] = getattr(kind, "free", frozenset())
            for key in kind.model_fields:
                below = node.below(key, chosen)
                if below is not None:
                    yield from _rows(below, (*path, key), f"{registry.word} {name}", swept)
    elif node.section is not None:
        for key in node.names():
            below = node.below(key)
            if below is not None and not (path == (STAGES, STAGE) and key == "encoder"):
                yield from _rows(below, (*path, key), component, free)
    else:
        yield _row(path, node, component, free)


def _row(path: KeyPath, node: Node, component: str, free: frozenset[str]) -> SettingRow:
    meaning = (node.about.description if node.about is not None else None) or ""
    if node.names_one is not None:
        meaning = f"Which {node.names_one.registry.word} stands here"
    key = key_of(path)
    return SettingRow(
        key, kind_words(node), range_words(node), default_words(node), meaning, component, str(path[-1]) in free
    )

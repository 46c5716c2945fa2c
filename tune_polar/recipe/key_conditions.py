"""When a key of a recipe does anything: its component is chosen, and the sections above it are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tune_polar.recipe.fill import object_at, word_of
from tune_polar.recipe.graph import DecisionGraph
from tune_polar.recipe.keys import key_of
from tune_polar.recipe.message_words import KeyPath
from tune_polar.recipe.nodes import Node, root
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.registry import names_in


@dataclass(frozen=True)
class Need:
    """One thing that a key needs, looked up in a point first and in the recipe else.

    Args:
        keys: of a point, any of which says what stands there.
        base: what stands there in the recipe.
        allowed: what must stand there; None: anything but null.
        among: whether it may stand there beside other components.
    """

    keys: tuple[str, ...]
    base: object
    allowed: tuple[object, ...] | None
    among: bool = False

    def is_met(self, point: Mapping[str, object]) -> bool:
        """Whether it is so in the recipe with ``point``."""
        return self.is_met_by(next((point[key] for key in self.keys if key in point), self.base))

    def is_met_by(self, value: object) -> bool:
        """Whether it is so where ``value`` stands there."""
        if self.allowed is None:
            return value is not None
        values = names_in(value) if self.among and isinstance(value, str) else (value,)
        return any(each in self.allowed for each in values)


def needs_of(path: KeyPath, recipe: Recipe) -> tuple[Need, ...]:
    """All that a key needs in order to change anything in the recipe or in one with a point filled in."""
    return tuple(_needs(path, recipe))


_NEVER = Need((), None, ())


def _needs(path: KeyPath, recipe: Recipe) -> Iterator[Need]:
    if path[0] == "decide" and len(path) > 1 and path[1] not in _decisions_below(recipe, recipe.score.of):
        yield _NEVER  # nothing that is scored rests on it
    node: Node | None = root()
    for length, part in enumerate(map(str, path)):
        above = path[:length]
        key, value = key_of(above), object_at(recipe, above)
        if node is None:
            return
        if node.several is not None:
            yield Need((key,), word_of(value), (part,), among=True)
        elif node.one is not None:
            tag = node.one.registry.tag
            yield Need((key, f"{key}.{tag}"), word_of(value), node.components_with(part))
        elif node.section is not None and node.optional:
            yield Need((key,), word_of(value), None)
        settings = node.section or node.component(value)
        if settings is not None and part in settings.only_with:
            other, values = settings.only_with[part]
            beside: KeyPath = (*above, other)
            yield Need((key_of(beside),), object_at(recipe, beside), values)
        node = node.below(part, value)


def _decisions_below(recipe: Recipe, name: str) -> set[str]:
    """A decision and all that it rests on."""
    edges = DecisionGraph(recipe.stages, recipe.decide).edges
    return {name, *(below for read in edges[name] for below in _decisions_below(recipe, read))}

"""Ranges over a recipe: asks for points, fills them in, and comes back from a manifest as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from tune_polar.recipe.components import DECISIONS
from tune_polar.recipe.fill import fill, object_at, word_of
from tune_polar.recipe.keys import place_of
from tune_polar.recipe.message_words import KeyPath
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.space import NotProposedError, Parameter, Scalar, SingleParameter, Suggest
from tune_polar.recipe.space_rules import Searched, searched


@dataclass(frozen=True)
class LoadedSpace:
    """A checked space over one recipe."""

    name: str
    parameters: Mapping[str, Parameter]  # by whole dotted key, in the order in which they are asked for
    recipe: Recipe

    @cached_property
    def entries(self) -> tuple[Searched, ...]:
        """The parameters at their places."""
        return tuple(searched(key, parameter, self.recipe) for key, parameter in self.parameters.items())

    @cached_property
    def singles(self) -> Mapping[str, SingleParameter]:
        """Every key that a point may have, a vector's one a column, with its range."""
        return {name: single for entry in self.entries for name, single in entry.singles}

    @cached_property
    def paths(self) -> Mapping[str, KeyPath]:
        """Where each of them stands in a recipe."""
        return {name: _path(entry, name) for entry in self.entries for name, _ in entry.singles}

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that a point may have."""
        return tuple(self.singles)

    def suggest(self, suggest: Suggest) -> dict[str, Scalar]:
        """Ask for one point of the space: dotted key → value, a vector as one key a column.

        What does nothing beside what was proposed before it is not asked for.
        """
        point: dict[str, Scalar] = {}
        for entry in self.entries:
            if entry.is_active(point):
                for name, single in entry.singles:
                    point[name] = single.suggest(name, suggest)
        return point

    def published(self) -> dict[str, Scalar] | None:
        """The recipe itself as a point, or None where it lies outside the space."""
        try:
            return self.point_at(lambda key: self.value_in(self.recipe, key))
        except NotProposedError:
            return None

    def point_at(self, value: Callable[[str], object]) -> dict[str, Scalar]:
        """The point that has ``value(key)`` at each key that does something in it.

        Raises:
            NotProposedError: a value lies outside its range; its first argument is ``(key, value)``.
        """
        point: dict[str, Scalar] = {}
        for entry in self.entries:
            if entry.is_active(point):
                for name, single in entry.singles:
                    found = value(name)
                    try:
                        point[name] = single.as_proposed(found)
                    except NotProposedError:
                        raise NotProposedError((name, found)) from None
        return point

    def value_in(self, recipe: Recipe, key: str) -> object:
        """What another recipe, or this one, says at a key of a point; None where it has no such place."""
        return word_of(object_at(recipe, self.paths[key]))

    def fill(self, point: Mapping[str, object]) -> Recipe:
        """The recipe with ``point`` filled in."""
        return fill(self.recipe, point)

    def searches(self, key: str) -> bool:
        """Whether ``key`` is one of the keys that vary in some point of the space."""
        return any(
            key == entry.key or key in dict(entry.singles) or key.startswith(f"{entry.key}.")
            for entry in self.entries
            if self._may_be_active(entry)
        )

    def to_json(self) -> dict[str, object]:
        """Plain data for the manifest."""
        return {
            "name": self.name,
            "parameters": [{"key": key, **each.model_dump(mode="json")} for key, each in self.parameters.items()],
        }

    def _may_be_active(self, entry: Searched) -> bool:
        """Whether all that it needs is there in the recipe, or is searched itself."""
        return all(need.is_met({}) or any(key in self.singles for key in need.keys) for need in entry.needs)


def is_free(key: str, recipe: Recipe) -> bool:
    """Whether a search chooses ``key`` over stored predictions, at the cost of no training."""
    path = place_of(key, recipe).path
    return len(path) == 3 and path[0] == "decide" and any(path[2] in DECISIONS[name].free for name in DECISIONS)


def _path(entry: Searched, name: str) -> KeyPath:
    """Path of a parameter, or of the column of a vector."""
    path = entry.place.path
    return path if name == entry.key else (*path, name[len(entry.key) + 1 :])

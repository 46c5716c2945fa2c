"""From a space's name or path to ranges that are checked against the recipe they vary."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from tune_polar.assets import shipped_names
from tune_polar.errors import Fault, spec_error
from tune_polar.spec.fill import fill, value_at
from tune_polar.spec.recipe import Recipe
from tune_polar.spec.recipe_file import find, load_recipe
from tune_polar.spec.rules import broken_rules, dotted, faults_of
from tune_polar.spec.space import (
    DECISION_KEYS,
    Parameter,
    Scalar,
    Space,
    SpaceProfile,
    Suggest,
    elements,
    published_point,
    suggest_point,
)
from tune_polar.spec.space_rules import problems_of_parameter
from tune_polar.spec.strict_yaml import KeyPath, YamlFile, read_yaml

__all__ = ["LoadedSpace", "fill", "load_space", "split_point", "value_at"]


@dataclass(frozen=True)
class LoadedSpace:
    """Ranges over a recipe: asks for points and fills them in."""

    name: str
    parameters: Mapping[str, Parameter]
    recipe: Recipe

    def suggest(self, suggest: Suggest) -> dict[str, Scalar]:
        """One point of the space, by dotted key."""
        return suggest_point(self.parameters, self.recipe.task.labels, self._base_value, suggest)

    def published(self) -> dict[str, Scalar] | None:
        """The recipe itself as a point, or None where it lies outside the space."""
        return published_point(self.parameters, self.recipe.task.labels, self._base_value)

    def fill(self, point: Mapping[str, object]) -> Recipe:
        """The recipe with ``point`` filled in."""
        return fill(self.recipe, point)

    def searches(self, key: str) -> bool:
        """Whether ``key`` is one of the keys that vary."""
        return key in self.parameters

    def to_json(self) -> dict[str, object]:
        """Plain data for the manifest."""
        return {
            "name": self.name,
            "parameters": {key: value.model_dump(mode="json") for key, value in self.parameters.items()},
        }

    def _base_value(self, key: str) -> object:
        return value_at(self.recipe, key)


def load_space(name: str, recipe: Recipe, profile: str) -> LoadedSpace:
    """Load a shipped space by name or a file by path, for ``recipe``, with the ranges of ``profile``.

    Raises:
        SpecError: no such space, or its file breaks rules (all are named at once, those of other profiles too).
    """
    file = read_yaml(find(name, "search_spaces"))
    space, faults = _checked(file)
    if space is None:
        readable, _ = _checked(_without(file, faults))
        rest = [] if readable is None else _problems(readable, file, recipe)
        raise spec_error(
            _in_order([*(fault for fault, _ in faults), *rest]),
            "Mend the named keys; CONTRIBUTING.md describes a search space.",
        )
    _check_subtask(space, file, recipe)
    if problems := _problems(space, file, recipe):
        raise spec_error(
            _in_order(problems), "Mend the named parameters; the recipe's rules hold for every value of a space."
        )
    return LoadedSpace(space.space, _parameters(space, profile)[0], recipe)


def _checked(file: YamlFile) -> tuple[Space | None, list[tuple[Fault, KeyPath]]]:
    """The space that ``file`` describes, or None and its faults, each with the key where it lies."""
    try:
        return Space.model_validate(file.content), []
    except ValidationError as error:
        place = _without_tags(file)
        faults = faults_of(error, file, place=place, known_keys=_known_keys)
        keys = {dotted(key): key for key in (place(broken.key) for broken in broken_rules(error, _known_keys))}
        return None, [(fault, keys[fault.key or ""]) for fault in faults]


def _without(file: YamlFile, faults: list[tuple[Fault, KeyPath]]) -> YamlFile:
    """The file without its parameters and keys of no good form, so that the values of the others can be looked at."""
    content = copy.deepcopy(file.content)
    for _, key in faults:
        depth = 2 if key[:1] == ("parameters",) else 4 if key[:1] == ("profiles",) else 1
        _drop(content, key[:depth])
    return YamlFile(file.path, content, file.lines)


def _drop(content: dict[str, object], key: KeyPath) -> None:
    inner: object = content
    for part in key[:-1]:
        inner = inner.get(str(part)) if isinstance(inner, dict) else None
    if isinstance(inner, dict):
        inner.pop(str(key[-1]), None)


def _problems(space: Space, file: YamlFile, recipe: Recipe) -> list[Fault]:
    """Values that the recipe's rules forbid, those of all profiles."""
    return [
        Fault(problem, file.path, file.line_of(place), dotted(place))
        for each in (None, *space.profiles)
        for problem, place in _problems_of_profile(space, each, recipe)
    ]


def _in_order(faults: Iterable[Fault]) -> list[Fault]:
    return sorted(dict.fromkeys(faults), key=lambda fault: fault.line or 0)


def _check_subtask(space: Space, file: YamlFile, recipe: Recipe) -> None:
    """Refuse a space that says it is for a shipped recipe of another subtask.

    Raises:
        SpecError: it is.
    """
    subtask = load_recipe(space.recipe).base if space.recipe in shipped_names("trials") else recipe.task.subtask
    if subtask != recipe.task.subtask:
        raise spec_error(
            [
                Fault(
                    f"must be a recipe of the subtask searched ({recipe.task.subtask}), got {space.recipe!r}",
                    file.path,
                    file.line_of(("recipe",)),
                    "recipe",
                )
            ],
            f"Give a space for {recipe.task.subtask} with --space, or leave --space out.",
        )


def _parameters(space: Space, profile: str | None) -> tuple[dict[str, Parameter], dict[str, KeyPath]]:
    """Parameters with the profile's in place of the general ones, and where each stands in the file."""
    parameters: dict[str, Parameter] = dict(space.parameters)
    places: dict[str, KeyPath] = {key: ("parameters", key) for key in parameters}
    if profile is not None and profile in space.profiles:
        for key, parameter in space.profiles[profile].parameters.items():
            parameters[key] = parameter
            places[key] = ("profiles", profile, "parameters", key)
    return parameters, places


def _problems_of_profile(space: Space, profile: str | None, recipe: Recipe) -> Iterator[tuple[str, KeyPath]]:
    parameters, places = _parameters(space, profile)
    names: dict[str, str] = {}
    for key, parameter in parameters.items():
        for problem in problems_of_parameter(key, parameter, recipe, list(parameters)):
            yield problem, places[key]
        for name, _ in elements(key, parameter, recipe.task.labels):
            if name in names:
                yield f"must not vary {name}, which {names[name]} varies already", places[key]
            names[name] = key


def _known_keys(key: KeyPath) -> Iterable[str]:
    """Keys below ``key`` of a space file, to suggest one where a key is mistyped."""
    if not key:
        return Space.model_fields
    if key[0] == "profiles" and len(key) == 2:
        return SpaceProfile.model_fields
    return ("type", "low", "high", "step", "log", "choices", "over", "element", "when")


def _without_tags(file: YamlFile) -> Callable[[KeyPath], KeyPath]:
    """Drop the type names that pydantic puts into the place of a union's fault."""

    def place(key: KeyPath) -> KeyPath:
        kept: KeyPath = ()
        for part in key:
            if (*kept, part) in file.lines or part not in ("int", "float", "categorical", "vector"):
                kept = (*kept, part)
        return kept

    return place


def split_point(point: Mapping[str, Scalar]) -> tuple[dict[str, Scalar], dict[str, Scalar]]:
    """Training values and decision values of a point."""
    training = {key: value for key, value in point.items() if key not in DECISION_KEYS}
    return training, {key: value for key, value in point.items() if key in DECISION_KEYS}

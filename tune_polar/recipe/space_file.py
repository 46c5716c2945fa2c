"""From a space's name or path to ranges that are checked against the recipe they vary."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from tune_polar.assets import shipped
from tune_polar.errors import Fault, SpecError, spec_error
from tune_polar.recipe.broken_rules import broken_rules
from tune_polar.recipe.find_files import names_in, neighbour, read_named
from tune_polar.recipe.first_grammar import refuse_first_grammar
from tune_polar.recipe.keys import UnknownKeyError, place_of
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.message_words import KeyPath, did_you_mean, dotted
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import LoadedRecipe
from tune_polar.recipe.space import PARAMETER_TYPES, Parameter, Space, SpaceProfile
from tune_polar.recipe.space_rules import Searched, problems_of, searched
from tune_polar.recipe.strict_yaml import Written, YamlFile, read_yaml


@dataclass(frozen=True)
class _File:
    """A space's file, its parameters by dotted key however they nest, and where each stands."""

    file: YamlFile
    content: dict[str, object]
    places: dict[KeyPath, KeyPath] = field(default_factory=dict)  # ("parameters", "a.b") → ("parameters", "a", "b")

    def place(self, key: KeyPath) -> KeyPath:
        """Where the file has a key of the space's model, without the type names that pydantic puts into it."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.places:
                key = (*self.places[key[:length]], *key[length:])
                break
        kept: KeyPath = ()
        for part in key:
            if (*kept, part) in self.file.lines or part not in PARAMETER_TYPES:
                kept = (*kept, part)
        return kept

    def fault(self, rule: str, key: KeyPath) -> Fault:
        """``rule`` is broken at a key of the space's model."""
        place = self.place(key)
        return Fault(rule, self.file.path, self.file.line_of(place), dotted(place))


def load_space(name: Written, recipe: Recipe, profile: str, *, folder: Path | None = None) -> LoadedSpace:
    """Load a shipped space by name, a file by path or what a file would hold, with the ranges of ``profile``.

    Args:
        name: of a space in ``folder``, a path, or a mapping.
        recipe: what is searched.
        profile: the one that the recipe took.
        folder: where spaces are found by name; None: those that are shipped.

    Raises:
        SpecError: no such space, or its file breaks rules (all are named at once, those of other profiles too).

    Example:
        >>> loaded = load_recipe("st1")
        >>> load_space("st1", loaded.recipe, loaded.profile).keys
    """
    file = _read(read_named(name, folder or shipped("search_spaces"), "search space"))
    space, broken = _checked(file)
    if space is None:
        readable, _ = _checked(_without(file, [key for _, key in broken]))
        rest = [] if readable is None else _problems(readable, file, recipe, profile)
        raise spec_error(
            _in_order([*(fault for fault, _ in broken), *rest]),
            "Mend the named keys; CONTRIBUTING.md describes a search space.",
        )
    if problems := _problems(space, file, recipe, profile):
        raise spec_error(
            _in_order(problems), "Mend the named parameters; the recipe's rules hold for every value of a space."
        )
    parameters, _ = _parameters(space, profile, recipe)
    entries = [searched(key, parameter, recipe) for key, parameter in parameters.items()]
    return LoadedSpace(space.space, {each.key: each.parameter for each in entries}, recipe)


def space_for(loaded: LoadedRecipe, *, folder: Path | None = None) -> str | None:
    """Name of the shipped space that fits a recipe: its own, or of the nearest recipe that it extends; None: none."""
    names = names_in(folder or shipped("search_spaces"))
    return next((name for name in loaded.names if name in names), None)


def recipe_of_space(path: Path, *, folder: Path | None = None) -> Path:
    """The recipe file that a space names: one beside it, a shipped one, or a path from the space's folder.

    Raises:
        SpecError: there is none.
    """
    file = _read(read_yaml(path)).file
    named = file.content.get("recipe")
    if not isinstance(named, str) or not named:
        raise SpecError(f"{path}: recipe: must name the recipe that is searched", "Add `recipe: NAME`.")
    return neighbour(file, named, folder or shipped("trials"), "recipe")


def _read(file: YamlFile) -> _File:
    refuse_first_grammar(file)
    content: dict[str, object] = copy.deepcopy(file.content)
    found = _File(file, content)
    parameters = content.get("parameters")
    if isinstance(parameters, dict):
        content["parameters"] = dict(_flat(parameters, ("parameters",), found))
    profiles = content.get("profiles")
    for name, profile in profiles.items() if isinstance(profiles, dict) else ():
        if isinstance(profile, dict) and isinstance(profile.get("parameters"), dict):
            profile["parameters"] = dict(_flat(profile["parameters"], ("profiles", name, "parameters"), found))
    return found


def _flat(
    section: Mapping[str, object], at: KeyPath, file: _File, prefix: tuple[str, ...] = ()
) -> Iterator[tuple[str, object]]:
    """Parameters by dotted key; one may be written as sections, as a recipe writes it."""
    for name, value in section.items():
        key = (*prefix, name)
        is_section = (
            isinstance(value, dict)
            and value
            and not isinstance(value.get("type"), str)
            and all(isinstance(each, dict) for each in value.values())
        )
        if is_section and isinstance(value, dict):
            yield from _flat(value, at, file, key)
        else:
            file.places[(*at, dotted(key))] = (*at, *key)
            yield dotted(key), value


def _checked(file: _File) -> tuple[Space | None, list[tuple[Fault, KeyPath]]]:
    """The space that ``file`` describes, or None and its faults, each with the key where it lies."""
    try:
        return Space.model_validate(file.content), []
    except ValidationError as error:
        return None, [(file.fault(each.rule, each.key), each.key) for each in broken_rules(error, _suggest)]


def _without(file: _File, keys: list[KeyPath]) -> _File:
    """The file without its parameters and keys of no good form, so that the values of the others can be looked at."""
    content = copy.deepcopy(file.content)
    for key in keys:
        depth = 2 if key[:1] == ("parameters",) else 4 if key[:1] == ("profiles",) else 1
        _drop(content, key[:depth])
    return _File(file.file, content, file.places)


def _drop(content: dict[str, object], key: KeyPath) -> None:
    inner: object = content
    for part in key[:-1]:
        inner = inner.get(str(part)) if isinstance(inner, dict) else None
    if isinstance(inner, dict):
        inner.pop(str(key[-1]), None)


def _problems(space: Space, file: _File, recipe: Recipe, profile: str) -> list[Fault]:
    """Values that the recipe's rules forbid, those of all profiles; ``profile``: the one that the recipe took."""
    taken = profile if profile in space.profiles else None
    return [
        file.fault(problem, place)
        for each in (None, *space.profiles)
        for problem, place in _problems_of_profile(space, each, recipe, in_force=each == taken)
    ]


def _in_order(faults: Iterable[Fault]) -> list[Fault]:
    return sorted(dict.fromkeys(faults), key=lambda fault: fault.line or 0)


def _parameters(space: Space, profile: str | None, recipe: Recipe) -> tuple[dict[str, Parameter], dict[str, KeyPath]]:
    """Parameters with the profile's in place of the general ones, and where each stands in the file."""
    parameters: dict[str, Parameter] = dict(space.parameters)
    places: dict[str, KeyPath] = {key: ("parameters", key) for key in parameters}
    if profile is not None and profile in space.profiles:
        written = {_whole(key, recipe): key for key in parameters}
        for key, parameter in space.profiles[profile].parameters.items():
            general = written.get(_whole(key, recipe), key)  # one of them may be shortened
            parameters[general] = parameter
            places[general] = ("profiles", profile, "parameters", key)
    return parameters, places


def _whole(key: str, recipe: Recipe) -> str:
    """The whole of a key that may be shortened; itself where the recipe has none such."""
    try:
        return place_of(key, recipe).key
    except UnknownKeyError:
        return key


def _problems_of_profile(
    space: Space, profile: str | None, recipe: Recipe, *, in_force: bool
) -> Iterator[tuple[str, KeyPath]]:
    parameters, places = _parameters(space, profile, recipe)
    found = {key: _searched(key, parameter, recipe) for key, parameter in parameters.items()}
    keys = list(parameters)
    names: dict[str, str] = {}
    for place, (key, parameter) in enumerate(parameters.items()):
        above = [each for other in keys[:place] if (each := found[other]) is not None]
        below = [each for other in keys[place:] if (each := found[other]) is not None]
        for problem in problems_of(key, parameter, recipe, above, below, in_force=in_force):
            yield problem, places[key]
        one = found[key]
        for name, _ in () if one is None else one.singles:
            if name in names:
                yield f"must not vary {name}, which {names[name]} varies already", places[key]
            names[name] = key


def _searched(key: str, parameter: Parameter, recipe: Recipe) -> Searched | None:
    try:
        return searched(key, parameter, recipe)
    except SpecError:
        return None  # its problems are told apart from those of others


def _suggest(section: KeyPath, word: str) -> str:
    """A key of a space file that may have been meant."""
    if not section:
        return did_you_mean(word, Space.model_fields)
    if section[0] == "profiles" and len(section) == 2:
        return did_you_mean(word, SpaceProfile.model_fields)
    return did_you_mean(word, ("type", "low", "high", "step", "log", "choices", "element", "when"))

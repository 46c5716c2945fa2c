"""Settings under construction: nested values, and for each the line of the file or option that set it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from tune_polar.errors import Fault, SpecError
from tune_polar.spec.recipe import Recipe
from tune_polar.spec.rules import broken_rules, did_you_mean, dotted
from tune_polar.spec.strict_yaml import KeyPath, YamlFile, parse_value

_DEPTH = 2  # stage.key.label: a label may itself hold dots, so a dotted key splits at most this often


def split_key(key: str) -> KeyPath:
    """``classifier.gamma_negative.racial/ethnic`` → its parts."""
    return tuple(key.split(".", _DEPTH))


@dataclass(frozen=True)
class Origin:
    """Who set a value: a key of a file, or an option of the command line and what it names."""

    file: YamlFile | None
    at: KeyPath

    def below(self, *parts: str | int) -> Origin:
        """The place of a value inside this one."""
        return Origin(self.file, (*self.at, *parts))

    def fault(self, rule: str) -> Fault:
        """``rule`` is broken here."""
        if self.file is None:
            return Fault(rule, key=f"{self.at[0]} {dotted(self.at[1:])}".rstrip())
        return Fault(rule, self.file.path, self.file.line_of(self.at), dotted(self.at))


class Draft:
    """Values of a recipe before they are checked. Faults are collected, so that all are reported at once."""

    def __init__(self, base: YamlFile, keys: Iterable[str]) -> None:
        """Start from the settings of ``base``, which stand under its ``keys``."""
        self.values: dict[str, Any] = {}
        self.faults: list[Fault] = []
        self._base = Origin(base, ())
        self._origins: dict[KeyPath, Origin] = {}
        for key in keys:
            self.set((key,), base.content[key], self._base.below(key))

    def set(self, key: KeyPath, value: object, origin: Origin) -> None:
        """Set one value, or a whole section in place of what it was."""
        target = self.values
        for part in key[:-1]:
            inner = target.get(str(part))
            target[str(part)] = inner = dict(inner) if isinstance(inner, dict) else {}
            target = inner
        target[str(key[-1])] = copy.deepcopy(value)
        self._origins = {path: o for path, o in self._origins.items() if path[: len(key)] != key}
        self._origins[key] = origin

    def change(self, changes: Mapping[str, object], origin: Origin) -> None:
        """Apply dotted changes that stand at ``origin``, each to a key that exists."""
        self.faults.extend(unknown_changes(changes, origin))
        for key, value in changes.items():
            path = split_key(key)
            if unknown_key(path) is not None:
                continue
            if path[0] == "classifier" and len(path) > 1 and self.values.get("classifier") is None:
                self.faults.append(origin.below(key).fault("must be a key of the recipe, which has no classifier"))
            elif self._has_sections_above(path):
                self.set(path, value, origin.below(key))

    def finish(self, also_known: Iterable[str] = ()) -> Recipe | None:
        """The checked recipe, or None where ``faults`` now says what is wrong, each with file, line and key.

        ``also_known`` are further keys of the file, to suggest where a key is mistyped.
        """
        recipe = None
        try:
            recipe = Recipe.model_validate(self.values)
        except ValidationError as error:
            extra = tuple(also_known)
            for broken in broken_rules(error, lambda key: (*known_keys(key), *(() if key else extra))):
                self.faults.append(self._origin(broken.key).fault(broken.rule))
        return None if self.faults else recipe

    def _has_sections_above(self, path: KeyPath) -> bool:
        """False where a section above ``path`` is no section: that is the fault, and a change must not hide it."""
        value: object = self.values
        for part in path[:-1]:
            value = value.get(str(part)) if isinstance(value, dict) else value
        return value is None or isinstance(value, dict)

    def _origin(self, key: KeyPath) -> Origin:
        for length in range(len(key), 0, -1):
            if key[:length] in self._origins:
                return self._origins[key[:length]].below(*key[length:])
        return self._base.below(*key)


def known_keys(path: KeyPath) -> tuple[str, ...]:
    """Names of the fields below ``path`` of a recipe."""
    model = _model_at(path)
    return () if model is None else tuple(model.model_fields)


def unknown_key(path: KeyPath) -> str | None:
    """Why ``path`` is no key of a recipe, or None if it is one."""
    for length, part in enumerate(path):
        model = _model_at(path[:length])
        if model is None:
            is_label = path[:length] == ("classifier", "gamma_negative")
            return None if is_label and part else f"must be a known key of a recipe: {path[length - 1]!r} has no parts"
        if part not in model.model_fields:
            above = [str(each) for each in path[:length]]
            below = [] if above else [key for key in _keys_of_sections() if key.endswith(f".{part}")]
            if below:  # its section was left out: lr for detector.lr
                return f"must be a known key of a recipe; did you mean {' or '.join(map(repr, below))}?"
            prefix = "".join(f"{each}." for each in above)
            return f"must be a known key of a recipe{did_you_mean(str(part), model.model_fields, prefix)}"
    return None


def _keys_of_sections() -> list[str]:
    """``section.key`` of a recipe, for each section."""
    return [f"{section}.{key}" for section in Recipe.model_fields for key in known_keys((section,))]


def least_and_most(key: str) -> tuple[float | None, float | None]:
    """The ends that the recipe itself sets to the values of a dotted key, where they may be taken; else None."""
    path = split_key(key)
    model = _model_at(path[:-1])
    if model is None:  # a label of a vector
        path = path[:-1]
        model = _model_at(path[:-1])
    field_info = None if model is None else model.model_fields.get(str(path[-1]))
    rules = [] if field_info is None else list(_rules_of(field_info))
    least, most = ([float(getattr(rule, end)) for rule in rules if hasattr(rule, end)] for end in ("ge", "le"))
    return least[0] if least else None, most[0] if most else None


def _rules_of(field_info: FieldInfo) -> Iterator[object]:
    """What holds for a field's value, or for the values inside it: of ``X | None`` and of a mapping."""
    yield from field_info.metadata
    for inner in getattr(field_info.annotation, "__args__", ()):
        for note in getattr(inner, "__metadata__", ()):
            yield from getattr(note, "metadata", ())


def unknown_changes(changes: Mapping[str, object], origin: Origin) -> list[Fault]:
    """A fault for each changed key that is not one of a recipe's."""
    problems = ((key, unknown_key(split_key(key))) for key in changes)
    return [origin.below(key).fault(problem) for key, problem in problems if problem is not None]


def _model_at(path: KeyPath) -> type[BaseModel] | None:
    model: type[BaseModel] = Recipe
    for part in path:
        field_info = model.model_fields.get(str(part))
        if field_info is None:
            return None
        candidates = (field_info.annotation, *getattr(field_info.annotation, "__args__", ()))
        inner = [a for a in candidates if isinstance(a, type) and issubclass(a, BaseModel)]
        if not inner:
            return None
        model = inner[0]
    return model


def parse_assignment(text: str) -> tuple[str, object]:
    """``detector.lr=2e-5`` → key and typed value, read as YAML would.

    Raises:
        SpecError: there is no ``=`` or the value is no plain YAML value.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise SpecError(f"--set must look like KEY=VALUE, got {text!r}", "For example --set detector.lr=2e-5.")
    return key.strip(), parse_value(value, f"--set {key.strip()}")


def recipe_keys(recipe: Recipe) -> list[str]:
    """Dotted keys of all values of ``recipe``."""

    def walk(value: object, path: tuple[str, ...]) -> list[str]:
        if isinstance(value, dict) and value:
            return [key for name, inner in value.items() for key in walk(inner, (*path, str(name)))]
        return [".".join(path)]

    return walk(recipe.model_dump(), ())

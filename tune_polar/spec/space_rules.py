"""What a parameter of a space may vary in a given recipe, and over which values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from tune_polar.spec.draft import known_keys, split_key, unknown_key
from tune_polar.spec.fill import fill, value_at
from tune_polar.spec.recipe import Recipe
from tune_polar.spec.rules import dotted, faults_of, shown
from tune_polar.spec.space import Parameter, Scalar, VectorParameter, elements

# A search over these would compare scores on different rows.
FIXED_SECTIONS = ("recipe", "description", "seed", "task", "folds")
# One search has one objective, and one encoder whose very weights are part of each stage's key.
FIXED_KEYS = ("decision.objective", "encoder.name", "encoder.revision")
VECTOR_KEY = "classifier.gamma_negative"


def problems_of_parameter(key: str, parameter: Parameter, recipe: Recipe, order: Sequence[str]) -> list[str]:
    """Rules that ``key: parameter`` breaks; ``order`` are all keys of the space as they stand in the file."""
    problem = _problem_of_key(key, parameter, recipe)
    if problem is not None:
        return [problem]
    found = list(_problems_of_conditions(key, parameter, recipe, order))
    if not found and not _is_never_active(parameter, recipe, order):
        found = list(_problems_of_values(key, parameter, recipe))
    return list(dict.fromkeys(found))


def _problem_of_key(key: str, parameter: Parameter, recipe: Recipe) -> str | None:
    path = split_key(key)
    unknown = unknown_key(path)
    if unknown is not None:
        return unknown
    if path[0] in FIXED_SECTIONS:
        return f"must not vary {path[0]}: scores on different rows or folds cannot be compared"
    if key in FIXED_KEYS:
        return "must not vary within one search"
    if path[0] == "classifier" and recipe.classifier is None:
        return f"must be a key of the recipe, and {recipe.recipe!r} has no classifier"
    if (key == VECTOR_KEY) != isinstance(parameter, VectorParameter):
        return "must be of type vector (one value a label)" if key == VECTOR_KEY else "must not be of type vector"
    if known_keys(path):
        return f"must be a single value, not a section; name one of its keys {list(known_keys(path))}"
    return None


def _problems_of_conditions(key: str, parameter: Parameter, recipe: Recipe, order: Sequence[str]) -> Iterator[str]:
    for condition, allowed in parameter.when.items():
        path = split_key(condition)
        unknown = unknown_key(path)
        if unknown is not None:
            yield f"when: {condition}: {unknown}"
            continue
        if known_keys(path) or condition == VECTOR_KEY:
            yield f"when: {condition}: must be a single value, not a section"
            continue
        owner = _owner(condition, order)
        if owner is not None and order.index(owner) >= order.index(key):
            yield f"when: {condition}: must stand above {key}"
        for value in allowed:
            yield from (f"when: {problem}" for problem in _broken_by(recipe, condition, value))


def _owner(condition: str, order: Sequence[str]) -> str | None:
    """The searched key that ``condition`` looks at, itself or as a label's element; None: it is not searched."""
    return next((name for name in order if condition == name or condition.startswith(f"{name}.")), None)


def _is_never_active(parameter: Parameter, recipe: Recipe, order: Sequence[str]) -> bool:
    """Whether a condition on a key that is not searched rules the parameter out for this recipe."""
    return any(
        _owner(condition, order) is None and value_at(recipe, condition) not in allowed
        for condition, allowed in parameter.when.items()
    )


def _problems_of_values(key: str, parameter: Parameter, recipe: Recipe) -> Iterator[str]:
    for name, element in elements(key, parameter, recipe.task.labels):
        for value in element.extremes():
            for problem in _broken_by(recipe, name, value):
                yield problem.removeprefix(f"{key}: ")


def _broken_by(recipe: Recipe, key: str, value: Scalar) -> Iterator[str]:
    if dotted(split_key(key)[:-1]) == VECTOR_KEY and split_key(key)[-1] not in recipe.task.labels:
        yield f"{key}: must be one of the labels {list(recipe.task.labels)}"
        return
    try:
        fill(recipe, {key: value})
    except ValidationError as error:
        for fault in faults_of(error, None):
            where = "" if fault.key == key else f" with {key}: {shown(value)}"
            yield f"{fault.key}: {fault.rule}{where}"

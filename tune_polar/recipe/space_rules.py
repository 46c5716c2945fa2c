"""What a parameter of a space may vary in a given recipe, and over which values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from tune_polar.recipe.broken_rules import broken_rules, no_suggestion
from tune_polar.recipe.components import DECISIONS
from tune_polar.recipe.fill import fill, object_at, word_of
from tune_polar.recipe.key_conditions import Need, needs_of
from tune_polar.recipe.keys import STAGES, Place, UnknownKeyError, key_of, place_of
from tune_polar.recipe.message_words import shown
from tune_polar.recipe.recipe import CHOSEN_ON, Recipe
from tune_polar.recipe.registry import names_in, word_for
from tune_polar.recipe.space import CategoricalParameter, Parameter, Scalar, SingleParameter, VectorParameter
from tune_polar.recipe.tree import columns_at

# A search over these would compare scores on different rows, or of different things.
FIXED_SECTIONS = (
    *("recipe", "description", "sample", "data", "folds", "seeds", "score", "report", "submission"),
    CHOSEN_ON,
)
FREE = ("data.extra.share", "data.extra.only")  # of these sections: the validated rows stay as they are
FIXED_IN_STAGES = ("rows", "task", "predicts", "measures")
# One search has one encoder, whose very weights are part of each stage's key.
FIXED_IN_ENCODERS = ("name", "revision")


@dataclass(frozen=True)
class Searched:
    """A parameter at its place in a recipe."""

    place: Place
    parameter: Parameter
    needs: tuple[Need, ...]  # without which it is not proposed
    singles: tuple[tuple[str, SingleParameter], ...]  # itself, or one a column

    @property
    def key(self) -> str:
        """The whole dotted key, however the space writes it."""
        return self.place.key

    def is_active(self, point: Mapping[str, object]) -> bool:
        """Whether it does anything in the recipe with ``point``."""
        return all(need.is_met(point) for need in self.needs)


def searched(key: str, parameter: Parameter, recipe: Recipe) -> Searched:
    """The parameter that a space has for ``key``.

    Raises:
        UnknownKeyError: the recipe has no such key, or no such key of a condition.
    """
    place = place_of(key, recipe)
    conditions = [(place_of(each, recipe), allowed) for each, allowed in parameter.when.items()]
    needs = (
        *needs_of(place.path, recipe),
        *(Need(_keys_of(at), _word_at(recipe, at), allowed) for at, allowed in conditions),
    )
    singles: tuple[tuple[str, SingleParameter], ...]
    if isinstance(parameter, VectorParameter):
        columns = columns_at(recipe.model_dump(), place.path)
        singles = tuple((f"{place.key}.{column}", parameter.element) for column in columns)
    else:
        singles = ((place.key, parameter),)
    return Searched(place, parameter, needs, singles)


def problems_of(
    key: str,
    parameter: Parameter,
    recipe: Recipe,
    above: Sequence[Searched],
    below: Sequence[Searched],
    *,
    in_force: bool = True,
) -> list[str]:
    """Rules that ``key: parameter`` breaks; ``above`` and ``below`` are the space's other parameters in its order.

    Where it is not ``in_force``, for it is another profile's, what else the recipe says does not speak against it.
    """
    try:
        place = place_of(key, recipe)
    except UnknownKeyError as error:
        return [error.problem]
    problem = _problem_of_place(place, parameter, recipe)
    if problem is not None:
        return [problem]
    found = list(_problems_of_conditions(parameter, recipe, place, below))
    if not found:
        found = list(_problems_of_values(searched(key, parameter, recipe), recipe, above, below, in_force))
    return list(dict.fromkeys(found))


def _problem_of_place(place: Place, parameter: Parameter, recipe: Recipe) -> str | None:
    path, node = place.path, place.node
    fixed = _why_fixed(place, recipe)
    if fixed is not None:
        return fixed
    if isinstance(parameter, VectorParameter):
        if node.each is None:
            return "must not be of type vector: it has no value for each column"
        if not columns_at(recipe.model_dump(), path):
            return "must not be of type vector: no task with columns belongs to it"
        return None
    if node.is_leaf or node.each is not None:
        return None
    if isinstance(parameter, CategoricalParameter) and node.several is not None:
        wanted = {each: word_for(names_in(each)) for each in parameter.choices if isinstance(each, str)}
        unlike = next((each for each, word in wanted.items() if each != word), None)
        return None if unlike is None else f"must name them by the alphabet, as {wanted[unlike]!r}, got {unlike!r}"
    if isinstance(parameter, CategoricalParameter) and node.word is not None:
        return None
    inner = [key_of((*path, name)) for name in node.names(object_at(recipe, path))]
    return f"must be a single value, not a section; name one of its keys {inner or 'by name'}"


def _why_fixed(place: Place, recipe: Recipe) -> str | None:
    """Why a key may not be searched, or None."""
    first, *rest = map(str, place.path)
    if place.key in FREE:
        return None
    if first in FIXED_SECTIONS:
        return f"must not vary {first}: scores on different rows or folds cannot be compared"
    if first == STAGES:
        if len(rest) < 2:
            return f"must be a single value, not a section; name one of its keys, such as {rest[0]}.optimizer.lr"
        if rest[1] in FIXED_IN_STAGES:
            return f"must not vary {rest[1]}: what is scored would not be the same"
    encoder = rest if first == "encoder" else rest[2:] if first == STAGES and rest[1] == "encoder" else None
    if encoder == []:
        return "must be a single value, not a section"
    if encoder and encoder[0] in FIXED_IN_ENCODERS:
        return "must not vary within one search"
    return _why_not_free(rest, recipe) if first == "decide" else None


def _why_not_free(rest: list[str], recipe: Recipe) -> str | None:
    """Why a decision's setting is not chosen by a search, or None."""
    decision = recipe.decide.get(rest[0]) if rest else None
    if decision is None or len(rest) < 2:
        return "must be a single value, not a section; name one setting of one decision"
    kinds = [type(decision)] if rest[1] in type(decision).model_fields else [DECISIONS[name] for name in DECISIONS]
    if any(rest[1] in kind.free for kind in kinds):
        return None
    free = sorted(decision.free) or "nothing"
    return f"must not vary: a search chooses {free} of a decision of type {decision.name}"


def _problems_of_conditions(
    parameter: Parameter, recipe: Recipe, place: Place, below: Sequence[Searched]
) -> Iterator[str]:
    for condition, allowed in parameter.when.items():
        try:
            at = place_of(condition, recipe)
        except UnknownKeyError as error:
            yield f"when: {condition}: {error.problem}"
            continue
        node = at.node
        if not node.is_leaf and node.word is None and node.several is None:
            yield f"when: {condition}: must be a single value, not a section"
            continue
        for each in below:
            if each.key in _keys_of(at) or at.key in dict(each.singles):
                yield f"when: {condition}: must stand above {place.key}"
        for value in allowed:  # a value that the key may have, whether or not this recipe may
            broken = _broken_by(recipe, at.key, value, {})
            yield from (f"when: {problem}" for problem in broken if problem.startswith((f"{at.key}:", f"{at.key}.")))


def _problems_of_values(
    one: Searched, recipe: Recipe, above: Sequence[Searched], below: Sequence[Searched], in_force: bool
) -> Iterator[str]:
    chosen: dict[str, object] = {}
    for need in one.needs:
        late = [each.key for each in below if each.key in need.keys and each.key != one.key]
        if late:
            yield f"must stand below {late[0]}, on which it depends"
            return
        if need.is_met({}):
            continue
        choosing = {each.key: each.parameter for each in above if each.key in need.keys}
        fitting = [
            (key, c)
            for key, p in choosing.items()
            if isinstance(p, CategoricalParameter)
            for c in p.choices
            if need.is_met_by(c)
        ]
        if not fitting:
            return  # it is never proposed: its values do not matter
        chosen[fitting[0][0]] = fitting[0][1]
    for name, single in one.singles:
        for value in single.extremes():
            for problem in _broken_by(recipe, name, value, chosen, others=in_force):
                yield problem.removeprefix(f"{one.key}: ")


def _broken_by(
    recipe: Recipe, key: str, value: Scalar, chosen: Mapping[str, object], *, others: bool = True
) -> Iterator[str]:
    """What is wrong with the recipe once ``key`` has this value; ``chosen`` are the components that it needs.

    Without ``others``, rules of the value alone: none that some other value of the recipe has a part in.
    """
    where = f" with {key}: {shown(value)}"
    try:
        fill(recipe, {**chosen, key: value})
    except ValidationError as error:
        faults = [(key_of(broken.key), broken.rule) for broken in broken_rules(error, no_suggestion)]
        own = [fault for fault in faults if fault[0] == key]
        for at, rule in own or (faults if others else []):
            yield f"{at}: {rule}{'' if at == key else where}"


def _keys_of(place: Place) -> tuple[str, ...]:
    """The keys of a point that say what stands at a place: a component's tag says as much as its section."""
    if place.node.one is not None:
        return place.key, f"{place.key}.{place.node.one.registry.tag}"
    if place.node.names_one is not None:
        return place.key, place.key.rpartition(".")[0]
    return (place.key,)


def _word_at(recipe: Recipe, place: Place) -> object:
    return word_of(object_at(recipe, place.path))

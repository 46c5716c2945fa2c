"""Dotted keys of a recipe: which there are, how one is split, and what somebody may have meant.

A key starts with a section or a stage's name and is split along the schema: `detector.losses.soft_triple.centers`,
`classifier.losses.asymmetric.gamma_negative.racial/ethnic` (a column is the rest, dots and all), `decide.vote.k`.
Parts that one may leave out without doubt may be left out: `lr` for `model.optimizer.lr` of a recipe with one stage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tune_polar.errors import SpecError
from tune_polar.recipe.message_words import KeyPath, did_you_mean, dotted
from tune_polar.recipe.nodes import Node, root
from tune_polar.recipe.ranges import ends_of
from tune_polar.recipe.recipe import FILE_KEYS, Recipe

STAGES = "stages"
# What other tools and the first grammar call a key.
OTHER_NAMES: Mapping[str, str] = {
    "batch_size": "batches.size",
    "checkpoint": "keep",
    "dropout": "head.dropout",
    "epochs": "optimizer.max_epochs",
    "labels": "task.targets",
    "learning_rate": "optimizer.lr",
    "loss": "losses",
    "max_length": "encoder.max_length_tokens",
    "num_train_epochs": "optimizer.max_epochs",
    "objective": "score.of",
    "projection": "head.size",
    "seed": "seeds",
    "threshold_rule": "rule",
    "transfer": "start",
}
# Words that stand for something else than the one key that they would fit.
NOT_SHORT = frozenset({"seed"})


@dataclass(frozen=True)
class Place:
    """One place of a recipe."""

    path: KeyPath  # ("stages", "detector", "optimizer", "lr")
    node: Node

    @property
    def key(self) -> str:
        """As it is written: ``detector.optimizer.lr``."""
        return key_of(self.path)


class UnknownKeyError(SpecError, KeyError):
    """A dotted key that a recipe does not have; ``problem`` says so and what may have been meant."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule, "`tune-polar list RECIPE` shows every key with its value.")


def key_of(path: KeyPath) -> str:
    """The dotted key of a path: stages go by their own names."""
    return dotted(path[1:] if path[:1] == (STAGES,) and len(path) > 1 else path)


def place_of(key: str, recipe: Recipe | Mapping[str, object]) -> Place:
    """The place of a dotted key in a recipe, or in the values that are to become one.

    Raises:
        UnknownKeyError: there is no such key, or a shortened one may mean several.
    """
    parts = key.removeprefix(f"{STAGES}.").split(".") if key != STAGES else [key]
    path: KeyPath = ()
    node: Node | None = root()
    value: object = recipe
    if parts[0] not in Recipe.model_fields and parts[0] in _stages(recipe):
        path, node, value = (STAGES,), root().below(STAGES), _stages(recipe)
    while parts and node is not None:
        name, parts = _next(node, parts, value)
        held = value if isinstance(value, Mapping) else {}
        is_made = node.items is not None and not node.items.is_leaf and name not in held and bool(parts)
        below = node.below(name, value) if name and not is_made else None
        if below is None:
            return _shortened(key, recipe) or _refused(key, path, node, value, name, recipe)
        path, node, value = (*path, name), below, _inside(value, name)
    if node is None:  # for the type checker: the loop returns where there is none
        raise UnknownKeyError(f"must be a known key of a recipe, got {key!r}")
    return Place(path, node)


def known_keys(recipe: Recipe | Mapping[str, object], section: KeyPath = ()) -> Iterator[Place]:
    """Every place that holds a value, in the schema's order: of chosen components, with the user's own names."""
    node: Node | None = root()
    value: object = recipe
    for part in section:
        node = None if node is None else node.below(str(part), value)
        value = _inside(value, str(part))
    if node is not None:
        yield from _walk(section, node, value)


def names_below(recipe: Recipe | Mapping[str, object], section: KeyPath) -> tuple[str, ...]:
    """Keys that may stand in a section, of the component that stands there."""
    node: Node | None = root()
    value: object = recipe
    for part in section:
        node = None if node is None else node.below(str(part), value)
        value = _inside(value, str(part))
    if node is None:
        return ()
    return node.names(value) or (tuple(map(str, value)) if isinstance(value, Mapping) else ())


def suggestion(recipe: Recipe | Mapping[str, object], section: KeyPath, word: str) -> str:
    """``"; did you mean 'optimizer.lr'?"`` for a key that ``section`` does not have, or nothing."""
    if section[:1] == (STAGES,) and len(section) == 2:
        nested = [place.path[2:] for place in known_keys(recipe, section)]
        below = [dotted(path) for path in nested if path[-1] == word and "encoder" not in path[:-1]]
        below = below or ([OTHER_NAMES[word]] if word in OTHER_NAMES else [])
        if below:
            return f"; did you mean {' or '.join(map(repr, below))}?"
    if not section and word in _stages(recipe):
        return f"; did you mean '{STAGES}.{word}'?"
    if not section and word in OTHER_NAMES:
        return f"; did you mean {OTHER_NAMES[word]!r}?"
    return did_you_mean(word, (*names_below(recipe, section), *(() if section else FILE_KEYS)))


def least_and_most(place: Place) -> tuple[float | None, float | None]:
    """The ends that the recipe itself sets to a number, where they may be taken; else None."""
    return ends_of(place.node)


def _walk(path: KeyPath, node: Node, value: object) -> Iterator[Place]:
    names = node.names(value)
    if node.several is not None or (node.items is not None and not node.items.is_leaf):
        names = tuple(map(str, value)) if isinstance(value, Mapping) else ()
    if not names or (value is None and node.optional):
        yield Place(path, node)
        return
    for name in names:
        below = node.below(name, value)
        if below is not None:
            yield from _walk((*path, name), below, _inside(value, name))


def _next(node: Node, parts: list[str], value: object) -> tuple[str, list[str]]:
    """The next step of a key and what is left of it; a column, which may hold dots, is all of it."""
    rest = ".".join(parts)
    if node.each is not None or (node.items is not None and node.items.is_leaf):
        return rest, []
    if node.items is not None and isinstance(value, Mapping):
        held = [name for name in map(str, value) if rest == name or rest.startswith(f"{name}.")]
        if held:
            name = max(held, key=len)
            return name, rest[len(name) + 1 :].split(".") if len(rest) > len(name) else []
    return parts[0], parts[1:]


def _shortened(key: str, recipe: Recipe | Mapping[str, object]) -> Place | None:
    """The one place that ``key`` can mean with parts left out; None: there is none.

    Raises:
        UnknownKeyError: there are several.
    """
    if key in NOT_SHORT:
        return None
    found = list(_meant(key.split("."), recipe)) or list(_columns_meant(key.split("."), recipe))
    if len(found) > 1:
        names = " or ".join(repr(place.key) for place in found)
        raise UnknownKeyError(f"must be one key of the recipe, got {key!r}; did you mean {names}?")
    return found[0] if found else None


def _columns_meant(parts: list[str], recipe: Recipe | Mapping[str, object]) -> Iterator[Place]:
    """Places of one column in a shortened key: ``gamma_negative.racial/ethnic``."""
    for length in range(len(parts) - 1, 0, -1):
        for place in _meant(parts[:length], recipe):
            column = ".".join(parts[length:])
            below = place.node.below(column) if place.node.each is not None and column else None
            if below is not None:
                yield Place((*place.path, column), below)


def _meant(parts: list[str], recipe: Recipe | Mapping[str, object]) -> Iterator[Place]:
    for place in known_keys(recipe):
        full = list(map(str, place.path[1:] if place.path[0] == STAGES else place.path))
        is_own_encoder = place.path[0] == STAGES and "encoder" in full[1:2]
        if is_own_encoder and "encoder" not in parts and full[0] not in parts:
            continue  # the recipe's own is meant, which reaches every stage
        if is_own_encoder and parts[0] == "encoder":
            continue
        if full[-1:] == parts[-1:] and _is_within(parts, full):
            yield place


def _is_within(parts: list[str], full: list[str]) -> bool:
    """Whether ``parts`` stand in ``full`` in this order."""
    left = iter(full)
    return all(part in left for part in parts)


def _refused(
    key: str, path: KeyPath, node: Node, value: object, name: str, recipe: Recipe | Mapping[str, object]
) -> Place:
    """Say what is wrong.

    Raises:
        UnknownKeyError: always.
    """
    if node.is_leaf:
        raise UnknownKeyError(f"must be a known key of a recipe: {str(path[-1])!r} has no parts")
    other = OTHER_NAMES.get(name if path else key.rpartition(".")[2])
    if not path:
        known = [*(each for each in Recipe.model_fields if each != STAGES), *_stages(recipe)]
        hint = did_you_mean(name, known) if other is None else f"; did you mean {other!r}?"
        if "." in key and not hint:
            hint = f": it starts with a section or a stage, one of {known}"
        raise UnknownKeyError(f"must be a known key of a recipe{hint}")
    prefix = f"{key_of(path)}." if path != (STAGES,) else ""
    if other is not None and path[:1] == (STAGES,) and len(path) == 2:
        raise UnknownKeyError(f"must be a known key of a recipe; did you mean {prefix + other!r}?")
    known_names = node.names(value) or (tuple(map(str, value)) if isinstance(value, Mapping) else ())
    if other is not None and other.rpartition(".")[2] in known_names:  # `optimizer.learning_rate`
        raise UnknownKeyError(f"must be a known key of a recipe; did you mean {prefix + other.rpartition('.')[2]!r}?")
    raise UnknownKeyError(f"must be a known key of a recipe{did_you_mean(name, known_names, prefix)}")


def _stages(recipe: Recipe | Mapping[str, object]) -> Mapping[str, object]:
    found = recipe.stages if isinstance(recipe, Recipe) else recipe.get(STAGES)
    return found if isinstance(found, Mapping) else {}


def _inside(value: object, name: str) -> object:
    if isinstance(value, Mapping):
        return value.get(name)
    return getattr(value, name, None)

"""Points that a search tries first: a person's own, or the best ones of an earlier search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tune_polar.errors import SpecError
from tune_polar.recipe.loaded_space import LoadedSpace, is_free
from tune_polar.recipe.space import NotProposedError, Scalar
from tune_polar.recipe.strict_yaml import read_yaml

if TYPE_CHECKING:
    from tune_polar.recipe.recipe import Recipe

Point = dict[str, Scalar]
BEST = 3  # of an earlier search: misleading ones cost a fold or two each before racing gives them up
FILES = (".yaml", ".yml")
_EXAMPLE = "Write `points: [{KEY: VALUE, …}, …]` with keys of the search space; what is left out is as in the recipe."


def tried_points(places: Sequence[str], space: LoadedSpace) -> tuple[Point, ...]:
    """The points of ``places``, in their order, each once.

    Args:
        places: files ending in .yaml with ``points``, and stores of earlier searches.
        space: of the new search; the points are of it.

    Raises:
        SpecError: a file holds no points of the space, or an earlier search has none that lie in it.
        StoreError: there are no records.
    """
    found: list[Point] = []
    for place in places:
        points = _of_file(Path(place), space) if place.endswith(FILES) else _of_store(place, space)
        found += [point for point in points if point not in found]
    return tuple(found)


def _of_file(path: Path, space: LoadedSpace) -> list[Point]:
    content = read_yaml(path).content
    listed = content.get("points")
    if set(content) != {"points"} or not isinstance(listed, list):
        raise SpecError(f"a file of points must hold a list `points` and nothing else, got {path}", _EXAMPLE)
    if not listed:
        raise SpecError(f"a file of points must hold at least one point, got an empty list in {path}", _EXAMPLE)
    return [_written(point, place, path, space) for place, point in enumerate(listed)]


def _written(point: object, place: int, path: Path, space: LoadedSpace) -> Point:
    if not isinstance(point, Mapping) or not point or not all(key in space.singles for key in point):
        unknown = [key for key in point if key not in space.singles] if isinstance(point, Mapping) else point
        raise SpecError(
            f"points[{place}] in {path} must give values by keys of the search space {space.name}, got {unknown!r}",
            f"Its keys are {', '.join(space.singles)}.",
        )
    try:
        found = space.point_at(lambda key: point.get(key, space.value_in(space.recipe, key)))
    except NotProposedError as error:
        key, value = error.args[0]
        raise _outside(key, value, place, path, space, is_own=key not in point) from None
    idle = [key for key in point if key not in found]
    if idle:
        raise SpecError(
            f"points[{place}] in {path} must give values that do something beside its others, got {', '.join(idle)}",
            "Leave these out.",
        )
    return found


def _outside(key: str, value: object, place: int, path: Path, space: LoadedSpace, *, is_own: bool) -> SpecError:
    """A value of a point, or the recipe's ``is_own``, that no point of the space has."""
    must = f"points[{place}] in {path} must lie in the search space {space.name}"
    if is_own:
        return SpecError(
            f"{must}, got {key}: {value!r}, which the point leaves out: so the recipe has it, by its file or --set",
            f"Write {key} into the point, within the range of the space; or leave out what sets it; or give a wider "
            "space with --space.",
        )
    return SpecError(
        f"{must}, got {key}: {value!r}",
        f"Give a value within the range of {key}, as the space's file has it, or a wider space with --space.",
    )


def _of_store(place: str, space: LoadedSpace) -> list[Point]:
    """Settings that cost a training, of the best configurations; decisions are chosen anew and are as in the recipe."""
    # Imported here: only who names a store pays for its libraries.
    from tune_polar.evaluate.summary import summarise
    from tune_polar.store.store import open_store

    earlier = summarise(open_store(place, to_look=True), "scores")
    _check_alike(earlier.recipe, space, place)
    if not earlier.finished:
        raise SpecError(
            f"--try must name a search with scored configurations, got {place} with none",
            "Finish a configuration there.",
        )
    found: list[Point] = []
    outside = ""
    for row in earlier.finished:
        try:
            point = _moved(row.configuration.recipe, space)
        except NotProposedError as error:
            key, value = error.args[0]
            outside = outside or f"{key}: {value!r}"
            continue
        if point not in found and point != space.published():
            found.append(point)
        if len(found) == BEST:
            break
    if not found and outside:
        raise SpecError(
            f"--try must name a search with configurations in the search space {space.name}, got {place}, whose best "
            f"one has {outside}",
            "Give a space with wider ranges with --space, or write the points that you mean into a file.",
        )
    return found


def _moved(recipe: Recipe, space: LoadedSpace) -> Point:
    return space.point_at(lambda key: space.value_in(space.recipe if is_free(key, space.recipe) else recipe, key))


def _check_alike(earlier: Recipe, space: LoadedSpace, place: str) -> None:
    """Refuse a search of something else.

    Raises:
        SpecError: it lacks a stage, or is scored by something else.
    """
    own = space.recipe
    lacking = [name for name in own.stages if name not in earlier.stages]
    if lacking:
        raise SpecError(
            f"--try must name a search of the same stages ({', '.join(own.stages)}), got {place}, a search of "
            f"{earlier.recipe} without {', '.join(lacking)}",
            "Write the values that you mean into a file of points.",
        )
    if own.score.metric != earlier.score.metric:
        raise SpecError(
            f"--try must name a search scored by {own.score.metric}, got {place}, scored by {earlier.score.metric}",
            "Write the values that you mean into a file of points.",
        )

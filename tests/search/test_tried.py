"""Points that come first: a person's own, or the best ones of an earlier search's records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from simulated_search import RECIPE

from tune_polar.api.points_to_try import tried_points
from tune_polar.errors import SpecError
from tune_polar.recipe.configuration import TRIED, Configuration
from tune_polar.recipe.fill import fill
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.search.optuna.sampler import Sampler
from tune_polar.search.proposals import SpaceProposals


def file_of(folder: Path, content: str) -> str:
    place = folder / "points.yaml"
    place.write_text(content)
    return str(place)


def test_what_a_point_leaves_out_is_as_in_the_recipe(space: Callable[..., LoadedSpace], tmp_path: Path) -> None:
    (point,) = tried_points([file_of(tmp_path, "points: [{finder.optimizer.lr: 0.02}]\n")], space())
    assert point == {**(space().published() or {}), "finder.optimizer.lr": 0.02}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("points: []\n", r"must hold at least one point, got an empty list in .*points\.yaml"),
        ("points: {}\n", "a list `points` and nothing else"),
        ("point: [{finder.optimizer.lr: 0.02}]\n", "a list `points` and nothing else"),
        ("points: [3]\n", r"points\[0\] .* must give values by keys of the search space .*, got 3"),
        ("points: [{finder.lr: 1}]\n", r"points\[0\] .*, got \['finder.lr'\]"),
        ("points: [{finder.optimizer.lr: 7}]\n", r"must lie in the search space .*, got finder.optimizer.lr: 7"),
        ("points: [{finder.optimizer.lr: much}]\n", r"must lie in .*, got finder.optimizer.lr: 'much'"),
        (
            "points: [{finder.losses: cross_entropy, finder.losses.soft_triple.centers: 6}]\n",
            "do something beside its others, got finder.losses.soft_triple.centers",
        ),
    ],
)
def test_a_file_that_holds_no_points_says_why(
    space: Callable[..., LoadedSpace], tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        tried_points([file_of(tmp_path, content)], space())


def test_a_value_of_the_recipe_itself_outside_the_space_is_told_as_that(
    space: Callable[..., LoadedSpace], tmp_path: Path
) -> None:
    over = fill(RECIPE, {"finder.optimizer.lr": 0.9})  # as --set does
    place = file_of(tmp_path, "points: [{decide.vote.tau: 0.5}]\n")
    with pytest.raises(
        SpecError, match=r"points\[0\] in .* must lie in .*, got finder.optimizer.lr: 0.9, which"
    ) as told:
        tried_points([place], space(over=over))
    assert "the point leaves out: so the recipe has it, by its file or --set" in told.value.problem
    assert "Write finder.optimizer.lr into the point" in told.value.remedy
    (point,) = tried_points(
        [file_of(tmp_path, "points: [{decide.vote.tau: 0.5, finder.optimizer.lr: 0.02}]\n")], space(over=over)
    )
    assert point["finder.optimizer.lr"] == 0.02


def test_tried_points_follow_the_recipe_and_the_sampler_follows_them(space: Callable[..., LoadedSpace]) -> None:
    points = [{**(space().published() or {}), "finder.optimizer.lr": lr} for lr in (0.02, 0.03)]
    known: dict[str, Configuration] = {}
    alone = SpaceProposals(Sampler(space(), 1))
    proposals = SpaceProposals(Sampler(space(), 1), points)
    for number in range(5):
        found = proposals.next(number, known)
        assert found is not None
        known[found.id] = found
    found_points = [dict(each.point) for each in known.values()]
    assert found_points[1:3] == points
    assert [each.origin for each in known.values()][1:3] == [TRIED, TRIED]
    assert found_points[3] == dict((alone.next(3, {}) or known[""]).point), "as if nothing had been tried"
    again = SpaceProposals(Sampler(space(), 1), points).next(2, {})
    assert again is not None
    assert dict(again.point) == points[1], "a resumed search goes on with the second"


def test_a_point_that_is_known_leaves_its_number_to_the_sampler(space: Callable[..., LoadedSpace]) -> None:
    published = Configuration(RECIPE, 0, "published", {})
    found = SpaceProposals(Sampler(space(), 1), [space().published() or {}]).next(1, {published.id: published})
    assert found is not None
    assert found.origin == "sampled"

"""A search that knows an earlier one: which points come first, and how far what it was told is believed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def warm(script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return script("warm_start")


def test_the_best_points_of_the_earlier_search_come_first_and_the_published_one_once(warm: ModuleType) -> None:
    published = {"a": 0}
    points = tuple({"a": place} for place in range(6))
    earlier = warm.Earlier(points, np.eye(6), np.array([9.0, 1, 5, 4, 8, 2]))
    assert warm.arm("tried", earlier, published).first == ({"a": 4}, {"a": 2}, {"a": 3})


@pytest.mark.parametrize(("kind", "low", "high"), [("related", 0.3, 1.0), ("opposite", 0.0, 0.0)])
def test_an_earlier_search_is_believed_as_far_as_it_agrees(
    warm: ModuleType, kind: str, low: float, high: float
) -> None:
    import search_quality

    from tune_polar.recipe.configuration import Configuration

    world, there = warm.WORLDS["few"](1), warm.earlier_world("few", kind, 1)
    points = [world.space.suggest(_Drawn(np.random.default_rng(seed))) for seed in range(40)]
    rows = np.array([world.cube.row(point) for point in points])
    earlier = warm.Earlier(tuple(points[:28]), rows[:28], np.array([there.truth(row) for row in rows[:28]]))
    sampler = warm.Warm(world.space, 0, earlier)
    assert sampler.agreement() == 0.5, "nothing has been scored yet"
    for number, (point, row) in enumerate(zip(points[28:], rows[28:], strict=True)):
        configuration = Configuration(search_quality.recipes(5)[number], number, "sampled", point)
        sampler.announce(configuration)
        sampler.tell(configuration, world.truth(row))
    assert low <= sampler.agreement() <= high


class _Drawn:
    """Points by chance."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        return int(low + step * self._rng.integers((high - low) // step + 1))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        if step is not None:
            return float(low + step * self._rng.integers(round((high - low) / step) + 1))
        return float(self._rng.uniform(low, high))

    def suggest_categorical(self, name: str, choices: tuple[object, ...]) -> object:
        return choices[int(self._rng.integers(len(choices)))]

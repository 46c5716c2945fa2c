"""When nothing is left to gain: on functions whose best value is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tune_polar.decide.metrics import metric_named
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.search.optuna.unit_cube import UnitCube
from tune_polar.search.stopping.convergence import FEWEST_SCORED, Converged, ScoredPoint, Told
from tune_polar.search.stopping.regret import cross_validation_error, regret_bound
from tune_polar.stats.paired import fold_paired

Floats = NDArray[np.float64]
NOISE, FOLDS = 0.004, 5
HELD_OUT = 1 / (FOLDS - 1)
TOLD = Told(metric_named("macro_f1"), HELD_OUT)


def flat(points: Floats) -> Floats:
    return np.full(len(points), 0.7)


def steep(points: Floats) -> Floats:
    """A hill whose top lies in a corner that no point has reached."""
    return np.asarray(0.9 - 0.4 * np.linalg.norm(points - 0.95, axis=1))


def evaluated(function: Callable[[Floats], Floats], count: int, seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    points = 0.7 * rng.random((count, 3))
    return points, function(points) + rng.normal(0, NOISE, count)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [20, 60])
def test_the_bound_of_a_flat_function_is_below_its_error_and_of_a_steep_one_above(seed: int, count: int) -> None:
    candidates = np.random.default_rng(seed + 100).random((500, 3))
    error = math.sqrt(1 / FOLDS + 1 / (FOLDS - 1)) * 0.012
    assert regret_bound(*evaluated(flat, count, seed), candidates).bound < error
    points, scores = evaluated(steep, count, seed)
    regret = regret_bound(points, scores, candidates)
    assert regret.bound > error
    assert regret.incumbent == np.argmax(scores)
    true_regret = 0.9 - steep(points).max()
    assert regret.bound > 0.7 * true_regret


def test_equal_scores_bound_the_regret_by_nothing() -> None:
    points, _ = evaluated(flat, 20, 0)
    assert regret_bound(points, np.full(20, 0.5), points).bound < 0.5


def test_the_error_is_the_one_of_the_corrected_t_test() -> None:
    scores = np.array([0.70, 0.72, 0.69, 0.74, 0.71])
    interval = fold_paired(scores, np.zeros(5)).interval
    t = 2.7764451051977987  # 0.975 quantile with 4 degrees of freedom, from a table
    assert cross_validation_error(scores, HELD_OUT) == pytest.approx((interval.high - interval.low) / 2 / t)


def scored(function: Callable[[Floats], Floats], space: LoadedSpace, count: int, seed: int = 1) -> list[ScoredPoint]:
    cube, rng = UnitCube(space), np.random.default_rng(seed)
    asked = [space.suggest(_Chance(rng)) for _ in range(count)]
    values = function(np.array([cube.row(point) for point in asked])) + rng.normal(0, NOISE, count)
    return [
        ScoredPoint(p, float(v), tuple(v + rng.normal(0, 0.012, FOLDS))) for p, v in zip(asked, values, strict=True)
    ]


class _Chance:
    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        return int(self._rng.choice(range(low, high + 1, step)))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        return float(np.exp(self._rng.uniform(np.log(low), np.log(high)))) if log else self._rng.uniform(low, high)

    def suggest_categorical(self, name: str, choices: object) -> object:
        return self._rng.choice(np.array(choices, dtype=object))


def test_a_flat_search_stops_but_never_before_twenty(space: Callable[..., LoadedSpace]) -> None:
    found = scored(flat, space(), FEWEST_SCORED)
    seen = found[: FEWEST_SCORED - 1]
    rule = Converged(space(), lambda: seen, TOLD, seed=0)
    assert rule.stop({}) is None
    seen.append(found[-1])
    stop = rule.stop({})
    assert stop is not None
    assert (stop.kind, stop.holds_folds) == ("converged", False)
    assert f"after {FEWEST_SCORED} configurations" in stop.message
    assert stop.message.endswith(" F1 points")
    seen.extend(scored(steep_in_learning_rate(space()), space(), 40))
    assert rule.stop({}) is stop, "what still finishes does not begin it anew"


def steep_in_learning_rate(over: LoadedSpace) -> Callable[[Floats], Floats]:
    column = ["finder.losses.soft_triple.centers", "finder.optimizer.lr"].index("finder.optimizer.lr")
    return lambda points: np.asarray(0.3 + 0.5 * points[:, column])


def test_a_steep_search_goes_on(space: Callable[..., LoadedSpace]) -> None:
    every = scored(steep_in_learning_rate(space()), space(), 80)
    found = [each for each in every if float(str(each.point["finder.optimizer.lr"])) < 0.02]
    assert len(found) >= FEWEST_SCORED
    assert Converged(space(), lambda: found, TOLD, seed=0).stop({}) is None


def test_rows_of_the_cube_follow_scale_conditions_and_choices(space: Callable[..., LoadedSpace]) -> None:
    cube = UnitCube(space())
    assert cube.dimensions == 4, "centers, lr, and a direction for each loss; k and tau are swept, not searched"
    row = cube.row(
        {
            "finder.losses": "soft_triple",
            "finder.losses.soft_triple.centers": 11,
            "finder.optimizer.lr": 1e-1,
            "decide.vote.k": 3,
        }
    )
    np.testing.assert_allclose(row, [0.5, 1.0, 1.0, 0.0])
    row = cube.row({"finder.losses": "cross_entropy", "finder.optimizer.lr": 1e-4})
    np.testing.assert_allclose(row, [0.5, 0.0, 0.0, 1.0], atol=1e-12)
    drawn = cube.draw(200, np.random.default_rng(0))
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert 0.3 < drawn[:, 1].mean() < 0.7
    assert set(drawn[drawn[:, 3] == 1, 0]) == {0.5}, "centers are switched off under cross_entropy"


@pytest.mark.parametrize(
    ("metric", "words"), [("macro_f1", "F1 points"), ("accuracy", "points"), ("pearson", "r"), ("mae", "mae")]
)
def test_what_is_left_to_gain_is_told_in_the_metrics_own_unit(
    space: Callable[..., LoadedSpace], metric: str, words: str
) -> None:
    found = scored(flat, space(), FEWEST_SCORED)
    stop = Converged(space(), lambda: found, Told(metric_named(metric), HELD_OUT), seed=0).stop({})
    assert stop is not None
    assert stop.message.endswith(f" {words}")


def test_cells_of_one_split_share_more_than_those_of_many() -> None:
    """Seeds on one split of a fifth: what the split itself adds is the same as in five folds, and is never averaged."""
    scores = np.array([0.70, 0.72, 0.69, 0.74])
    spread = np.var(scores, ddof=1)
    assert cross_validation_error(scores, 0.25) == pytest.approx(math.sqrt((1 / 4 + 1 / 4) * spread))
    assert cross_validation_error(np.tile(scores, 100), 0.25) > math.sqrt(0.25 * spread * 0.7)

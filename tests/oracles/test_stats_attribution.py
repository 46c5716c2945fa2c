"""Shares of the way between two configurations, where the truth is known."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import pytest

from tune_polar.decide.array_checks import FloatArray
from tune_polar.errors import DecisionError
from tune_polar.stats.attribution import Way, way_between
from tune_polar.stats.importance import Column

COLUMNS = tuple(Column(name, tuple(np.linspace(0, 1, 11).tolist())) for name in "abcdef")
SD = 0.01  # between cells


def additive(at: FloatArray) -> FloatArray:
    return np.asarray(0.05 * at[:, 0] - 0.03 * at[:, 1] + 0.02 * at[:, 2] ** 2)


def together(at: FloatArray) -> FloatArray:
    return np.asarray(0.08 * at[:, 0] * at[:, 1] + 0.02 * at[:, 2])


def found(function: object, seed: int, count: int = 60) -> tuple[Way, FloatArray]:
    rng = np.random.default_rng(seed)
    settings = rng.random((count, len(COLUMNS)))
    settings[0] = 0.5
    truth = np.zeros(count) if function is None else function(settings)  # type: ignore[operator]
    scores = truth[:, None] + rng.normal(0, 0.02, 5) + rng.normal(0, SD, (count, 5))
    best = 1 + int(scores[1:].mean(axis=1).argmax())
    return way_between(settings, scores, COLUMNS, 0, best, rng), settings[[0, best]]


def true_shares(function: object, ends: FloatArray) -> dict[str, float]:
    """By the definition: over all orders."""
    begin, end = ends
    shares = dict.fromkeys("abcdef", 0.0)
    for order in permutations(range(6)):
        at = begin.copy()
        for place in order:
            after = at.copy()
            after[place] = end[place]
            shares["abcdef"[place]] += float(function(after[None])[0] - function(at[None])[0]) / factorial(6)  # type: ignore[operator]
            at = after
    return shares


@pytest.mark.parametrize("function", [additive, together])
def test_shares_lie_in_their_intervals(function: object) -> None:
    held = asked = wholes = 0
    for seed in range(6):
        way, ends = found(function, seed)
        truth = true_shares(function, ends)
        held += sum(truth[each.name] in each.interval for each in way.shares)
        asked += len(way.shares)
        wholes += sum(truth.values()) in way.whole.interval
        assert sum(each.gain for each in way.shares) == pytest.approx(way.whole.gain, abs=1e-3)
    assert held >= 0.85 * asked
    assert wholes >= 4


def test_settings_that_gain_only_together_share_evenly() -> None:
    way, _ = found(together, 1, 100)
    shares = {each.name: each for each in way.shares}
    assert shares["a"].is_told
    assert shares["b"].is_told
    assert {"a", "b"} <= set(way.few)
    assert len(way.few) <= 3


def test_the_few_settings_have_most_of_the_gain() -> None:
    way, _ = found(additive, 0)
    assert way.shares[0].name == "a"
    assert "a" in way.few
    assert len(way.few) < len(way.shares)
    assert way.few_alone is not None
    assert way.few_alone.gain >= 0.9 * way.whole.gain
    assert way.explained > 0.5


def test_noise_is_called_noise() -> None:
    told, named, explained = 0, 0, []
    for seed in range(10):
        way, _ = found(None, seed, 30)
        told += sum(each.is_told for each in way.shares)
        named += bool(way.few)
        explained.append(way.explained)
    assert told <= 3
    assert named <= 2
    assert np.median(explained) < 0.2


def test_choices_stand_apart_from_one_another() -> None:
    rng = np.random.default_rng(3)
    columns = (Column("kind", (0.0, 0.5, 1.0), is_categorical=True), COLUMNS[1])
    settings = np.column_stack([rng.choice([0.0, 0.5, 1.0], 40), rng.random(40)])
    settings[0], settings[1] = (0.0, 0.5), (0.5, 0.5)
    scores = 0.04 * (settings[:, :1] == 0.5) + rng.normal(0, 0.005, (40, 5))
    way = way_between(settings, scores, columns, 0, 1, rng)
    assert [each.name for each in way.shares] == ["kind"]
    assert 0.04 in way.whole.interval
    assert way.few == ("kind",)


def test_the_same_seed_gives_the_same_shares() -> None:
    one, other = (found(additive, 4)[0] for _ in range(2))
    assert [each.gain for each in one.shares] == [each.gain for each in other.shares]


def test_what_cannot_be_told_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(DecisionError, match="at least 10 configurations"):
        way_between(rng.random((5, 6)), rng.random((5, 3)), COLUMNS, 0, 1, rng)
    settings = rng.random((12, 6))
    settings[1] = settings[0]
    with pytest.raises(DecisionError, match="must differ in a setting"):
        way_between(settings, rng.random((12, 3)), COLUMNS, 0, 1, rng)

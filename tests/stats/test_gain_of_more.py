"""What going on would gain, where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from tune_polar.errors import DecisionError
from tune_polar.stats.gain_of_more import gain_of_more
from tune_polar.stats.importance import Column

COLUMNS = tuple(Column(name, tuple(np.linspace(0, 1, 11).tolist())) for name in "abcdef")


def found(function, seed: int, count: int):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    settings = rng.random((count, len(COLUMNS)))
    truth = function(settings)
    scores = truth[:, None] + rng.normal(0, 0.02, 5) + rng.normal(0, 0.005, (count, 5))
    winner = int(scores.mean(axis=1).argmax())
    further = gain_of_more(settings, scores, COLUMNS, winner, np.random.default_rng(0))
    return further, max(0.0, float(function(rng.random((4000, 6))).max() - truth[winner]))


def slope(at: np.ndarray) -> np.ndarray:
    return np.asarray(0.05 * at[:, 0])


def test_what_there_is_to_gain_is_foretold() -> None:
    pairs = [found(slope, seed, 12) for seed in range(4)]
    foretold, there = np.mean([further.gain for further, _ in pairs]), np.mean([best for _, best in pairs])
    assert 0.3 * there < foretold < 2 * there


def test_where_nothing_matters_next_to_nothing_is_foretold() -> None:
    gains = [found(lambda at: 0 * at[:, 0], seed, 25)[0] for seed in range(4)]
    assert np.mean([each.gain for each in gains]) < 0.003
    assert all(each.interval.low == 0.0 for each in gains)


def test_nothing_is_foretold_beyond_what_is_left() -> None:
    settings = np.random.default_rng(1).random((12, len(COLUMNS)))
    scores = slope(settings)[:, None] + np.random.default_rng(2).normal(0, 0.005, (12, 5))
    winner, rng = int(scores.mean(axis=1).argmax()), np.random.default_rng(0)
    further = gain_of_more(settings, scores, COLUMNS, winner, rng, most=0.0001)
    assert (further.gain, further.interval.high) == (0.0001, 0.0001)


def test_the_same_records_foretell_the_same() -> None:
    assert found(slope, 3, 15)[0] == found(slope, 3, 15)[0]


def test_choices_are_points_too() -> None:
    columns = (Column("a", (0.0, 0.5, 1.0), is_categorical=True), COLUMNS[1])
    rng = np.random.default_rng(2)
    settings = np.column_stack([rng.choice([0.0, 0.5, 1.0], 20), rng.random(20)])
    settings[:, 0] = np.where(settings[:, 0] == 1.0, 0.5, settings[:, 0])
    scores = 0.1 * settings[:, :1] + rng.normal(0, 0.002, (20, 5))
    further = gain_of_more(settings, scores, columns, int(scores.mean(axis=1).argmax()), rng)
    assert further.gain >= 0
    assert further.explained > 0.8


def test_too_few_are_refused() -> None:
    with pytest.raises(DecisionError, match="needs at least 10 configurations"):
        gain_of_more(np.zeros((9, 6)), np.zeros((9, 5)), COLUMNS, 0, np.random.default_rng(0))

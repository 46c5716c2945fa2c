"""Correction and intervals of predicted numbers where the truth is known, and what frozen layers save."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.mark.parametrize("metric", ["pearson", "rmse"])
def test_the_luck_of_choosing_is_taken_off_and_intervals_hold(script: Callable[[str], ModuleType], metric: str) -> None:
    numbers = script("bbc_cv_numbers")
    found = numbers.measured(numbers.Scenario(metric, 15, 400, spread=0.01), 60, rounds=100)
    raw, corrected = found["raw best"], found["corrected"]
    assert raw[0] > 4 * raw[1], "choosing among equals flatters"
    assert abs(corrected[0]) < max(raw[0] / 2, 3 * corrected[1])
    assert 0.82 <= found["expectation"][0] <= 1.0
    assert 0.82 <= found["prediction"][0] <= 1.0
    assert found["width of prediction"][0] < 1.3
    assert 0.85 <= found["by group"][0] <= 1.0
    assert 0.85 <= found["paired"][0] <= 1.0


def test_frozen_layers_are_not_kept(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    layers = script("frozen_layers")
    encoder = layers.random_encoder(tmp_path, layers=2, hidden=64)
    (rate, every), (_, some) = layers.cost(encoder, 0, 1), layers.cost(encoder, 1, 1)
    assert rate > 0
    assert some < 0.7 * every

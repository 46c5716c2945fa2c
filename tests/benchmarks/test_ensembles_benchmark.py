"""The benchmark of ensembles, on one of its tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.mark.shared
def test_on_test_the_mean_of_nine_real_models_beats_the_pick(
    script: Callable[[str], ModuleType], shared_dir: Path
) -> None:
    ensembles = script("ensembles")
    case = ensembles.case_of(shared_dir / "data" / "smash" / "st3" / "eng.csv.gz", "st3 eng")
    assert list(case.ways) == ["pick", "uniform", "greedy"]
    assert case.ways["pick"].gain == 0
    for way in ("uniform", "greedy"):
        found = case.ways[way]
        assert found.gain == pytest.approx(found.test - case.ways["pick"].test)
        assert found.gain > 1
        assert found.interval[0] > 0
        assert abs(found.bias) < 2.5
        assert found.is_held


@pytest.mark.shared
def test_on_a_thousand_rows_it_does_not_lose_to_the_plain_mean(
    script: Callable[[str], ModuleType], shared_dir: Path
) -> None:
    """Four tables here, by two draws each; the benchmark has twelve and four."""
    ensembles = script("ensembles")
    folder, differences = shared_dir / "data" / "smash" / "st3", []
    for language in ("eng", "deu", "hau", "zho"):
        table = ensembles.read_predictions(folder / f"{language}.csv.gz")
        rows = ensembles.align(table.complete)
        gold = ensembles.gold_of(rows.gold, table.labels)
        for draw in range(2):
            order = np.random.default_rng(draw).permutation(len(gold))
            own, rest = np.sort(order[:1000]), np.sort(order[1000:])
            differences.append(ensembles.ways_on(gold, rows.probability, own, rest)[-1])
    assert np.mean(differences) > -0.5

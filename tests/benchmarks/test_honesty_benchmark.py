"""One case of the honesty benchmark, and its picking rule on numbers made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tune_polar.decide.prediction_files import read_predictions


@pytest.mark.shared
def test_one_case_of_real_models(shared_dir: Path, script: Callable[[str], ModuleType]) -> None:
    honesty = script("honesty")
    path = shared_dir / "data" / "smash" / "st3" / "eng.csv.gz"
    case = honesty.case_of(path, "st3 eng", "st3", "max_f1", np.random.default_rng(0))
    errors = {name: 100 * value for name, value in case.errors.items()}
    assert errors["oracle on dev"] > 5
    assert errors["oracle on dev"] > errors["inside folds"] > errors["pooled out-of-fold"] > errors["cross-fitted"]
    assert abs(errors["BBC-CV"]) < 1.5
    widths = {name: high - low for name, (low, high) in case.intervals.items()}
    assert widths["prediction"] > widths["expectation"] > widths["rows"]
    assert case.covered("prediction")
    assert case.covered("prediction, ensemble")
    assert not any(split.fires for split in case.alarms)
    assert all(split.fires for split in case.spoiled.values())


@pytest.mark.shared
def test_a_final_model_that_collapsed_raises_the_alarm(shared_dir: Path, script: Callable[[str], ModuleType]) -> None:
    honesty = script("honesty")
    table = read_predictions(shared_dir / "data" / "smash" / "st1" / "deu.csv.gz")
    collapsed = next(each for each in table.complete if each.name == "model=xlmr-large seed=111")
    dev, test = honesty.by_itself(collapsed, honesty.OF_BOTH_CLASSES)
    assert (dev.fires, test.fires) == (True, True)
    assert test.score < 0.4 < 0.65 < test.ahead.interval(0.9).low
    assert test.causes[0].name == "ranking"

"""One case of the honesty benchmark, and its picking rule on numbers made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


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
    assert widths["new rows"] > widths["BBC-CV"] > widths["rows"]
    assert case.covered("new rows")

"""The benchmark of intervals and alarm, on fewer repetitions."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np


def test_intervals_hold_and_clean_splits_are_silent(script: Callable[[str], ModuleType]) -> None:
    intervals = script("intervals")
    found = [intervals.measure(each, 25, 3) for each in intervals.SCENARIOS if each.configurations <= 20]
    assert sum(each.alarms for each in found) <= 2, "one clean split in a hundred"
    assert 0.8 <= np.mean([each.held for each in found]) <= 0.98
    assert all(each.expected_width < each.width for each in found)
    assert abs(np.mean([each.bias for each in found])) < 1.0

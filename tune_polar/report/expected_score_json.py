"""Both intervals and the labelled splits beside them, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from tune_polar.stats.new_rows import NewRowsScore
from tune_polar.stats.split_alarm import ALARM, LabelledSplit

Data = dict[str, Any]


def ahead_data(ahead: NewRowsScore | str, levels: Sequence[float]) -> Data:
    """What is expected of new rows."""
    if isinstance(ahead, str):
        return {"not_applicable": ahead}
    runs = ahead.runs
    return {
        "rows": ahead.rows,
        "estimate": ahead.estimate,
        "luck_of_runs": ahead.luck,
        "prediction": [asdict(ahead.interval(level)) for level in levels],
        "expectation": [asdict(ahead.expected(level)) for level in levels],
        "runs": None
        if runs is None
        else {
            "sd": ahead.run,
            "degrees_of_freedom": runs.degrees,
            "from": runs.source,
            "configurations": runs.configurations,
        },
        "sd": dict(ahead.parts),
    }


def split_data(split: LabelledSplit, levels: Sequence[float]) -> Data:
    """One labelled split."""
    distance = split.distance
    return {
        "name": split.name,
        "rows": split.rows,
        "score": split.score,
        "prediction": [asdict(split.ahead.interval(level)) for level in levels],
        "distance": distance if np.isfinite(distance) else None,
        "code": ALARM if split.fires else None,
        "fires": split.fires,
        "causes": [{"name": each.name, "verdict": each.verdict, "message": each.sentence} for each in split.causes],
    }

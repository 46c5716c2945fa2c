"""The record of a configuration that was given up before all its folds were trained, and what was expected of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from tune_polar.store.record import SAFE_NAME, StageName


@dataclass(frozen=True)
class Abandonment:
    """Written before anything is derived from it: the sampler is told ``predicted``, and no fold is run again."""

    configuration_id: str
    rule: str  # "model", "aggressive", …
    folds: tuple[int, ...]  # finished by then, ascending
    within: tuple[int, StageName, int] | None  # fold, stage and step where a running fold was stopped by its curve
    predicted: float  # score expected over all folds, corrected for those that were run
    deviation: float  # of that prediction
    chance: float  # of beating the best finished score after all, by the same prediction
    incumbent: str  # configuration with the best finished score at the time
    incumbent_score: float

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Abandonment:
        """The record that ``to_json`` wrote.

        Raises:
            ValueError: it is something else.
        """
        record = _ABANDONMENT.validate_json(json.dumps(data), strict=True)
        if not SAFE_NAME.fullmatch(record.configuration_id):
            raise ValueError(f"names must be letters, digits, - and _, got {record.configuration_id!r}")
        if not all(map(math.isfinite, (record.predicted, record.deviation, record.incumbent_score))):
            raise ValueError("a prediction must be finite")
        if not 0 <= record.chance <= 1:
            raise ValueError(f"a chance must lie between 0 and 1, got {record.chance}")
        return record


_ABANDONMENT = TypeAdapter(Abandonment)  # may come from a stranger's machine: every value is checked for its type

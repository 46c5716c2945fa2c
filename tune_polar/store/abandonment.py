"""The record of a configuration that was given up before all its cells were trained, and what was expected of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from tune_polar.recipe.cells import Cell
from tune_polar.store.records import SAFE_NAME, Finite, Number


@dataclass(frozen=True)
class StoppedAt:
    """Where a fold trial that was still running was stopped by its curve."""

    cell: Cell
    stage: str
    step: Number  # optimizer steps of the stage


@dataclass(frozen=True)
class Abandonment:
    """Written before anything is derived from it: the sampler is told ``predicted``, and no cell is run again.

    Scores are in the metric's own unit, whether larger or smaller is better.
    """

    configuration_id: str
    rule: str  # "model", "aggressive", …
    cells: tuple[Cell, ...]  # finished by then, ascending
    within: StoppedAt | None  # where one was stopped in the midst of it
    predicted: Finite  # score expected over all cells, corrected for those that were run
    deviation: Finite  # of that prediction
    chance: Annotated[float, Field(ge=0, le=1)]  # of beating the best finished score after all, by the same prediction
    incumbent: str  # configuration with the best finished score at the time
    incumbent_score: Finite

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
        return record


_ABANDONMENT = TypeAdapter(Abandonment)  # may come from a stranger's machine: every value is checked for its type

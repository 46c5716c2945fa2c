"""The record of a configuration that was given up before all its cells were trained, and what was expected of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from tune_polar.recipe.cells import Cell
from tune_polar.store.plain_record import PlainRecord, SafeName
from tune_polar.store.records import Finite, Number


@dataclass(frozen=True)
class StoppedAt:
    """Where a fold trial that was still running was stopped by its curve."""

    cell: Cell
    stage: str
    step: Number  # optimizer steps of the stage


@dataclass(frozen=True)
class Abandonment(PlainRecord):
    """Written before anything is derived from it: the sampler is told ``predicted``, and no cell is run again.

    Scores are in the metric's own unit, whether larger or smaller is better.
    """

    configuration_id: SafeName
    rule: str  # "model", "aggressive", …
    cells: tuple[Cell, ...]  # finished by then, ascending
    within: StoppedAt | None  # where one was stopped in the midst of it
    predicted: Finite  # score expected over all cells, corrected for those that were run
    deviation: Finite  # of that prediction
    chance: Annotated[float, Field(ge=0, le=1)]  # of beating the best finished score after all, by the same prediction
    incumbent: str  # configuration with the best finished score at the time
    incumbent_score: Finite

"""A labelled split beside what was expected of it: whether its score lies far outside, and why that may be.

The thresholds are calibrated by simulation (``benchmarks/intervals.py``: at most one clean split in a hundred fires).

- Far below is below chance: nothing harmless makes a split so bad.
- A score above needs more, for it has harmless reasons: a final model has seen the rows that its fold models did not,
  and several models answer together (then the middle one of them must lie as far above by itself).
- Where a score is low anyway little can be seen in it: there a score below the 90% interval is enough if the model
  surely broke, by how it ranks rows or how often it calls them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.rows import Gold, Rows
from tune_polar.stats.new_rows import NewRowsScore

ALARM, ALARM_TITLE = "TP007", "labelled split far from what was expected"
FAR_BELOW, FAR_ABOVE = 3.5, 4.5  # standard deviations of the prediction
Verdict = Literal["found", "ruled out", "not testable"]


def is_far_outside(distance: float) -> bool:
    """Whether a score so many standard deviations off (below 0: worse) is no matter of chance."""
    return distance < -FAR_BELOW or distance > FAR_ABOVE


@dataclass(frozen=True)
class Cause:
    """One possible reason, tested on the data at hand."""

    name: str
    verdict: Verdict
    sentence: str
    weight: float = 0.0  # by which found ones are ordered, the likeliest first


@dataclass(frozen=True, eq=False)
class LabelledSplit:
    """One split, scored by settings chosen on out-of-fold rows."""

    name: str
    rows: int
    score: float
    ahead: NewRowsScore  # what was expected of so many rows
    causes: tuple[Cause, ...] = ()  # likeliest first; none where nothing is to be explained
    fires: bool = False  # whether it lies far outside, or outside with a model that broke

    @property
    def distance(self) -> float:
        """In standard deviations of the prediction, below 0 where it is worse than expected."""
        return self.ahead.distance(self.score)


@dataclass(frozen=True, eq=False)
class Predicted:
    """Rows with what was decided of them, and by what."""

    rows: Rows  # judged ones
    decided: NDArray[Any]  # (rows, columns)
    values: FloatArray | None = None  # (rows, columns or classes): probabilities or numbers behind the decisions


@dataclass(frozen=True, eq=False)
class SplitEvidence:
    """What is at hand of a split beside its score."""

    name: str
    predicted: Predicted
    models: Sequence[tuple[str, float]] = ()  # each model's score there by itself, where several answer together
    others: Sequence[tuple[float, float]] = ()  # other configurations: score out of fold, and there
    repeated: int | None = None  # texts of it that stand in train too; None: not known


def called(gold: Gold, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Gold's values or decisions as what can be ranked or called: columns, of classes one a class; (rows, columns)."""
    found = values == np.arange(len(gold.names)) if gold.kind == "class" else values
    return np.asarray(found, dtype=np.bool_)


def column_gold(gold: Gold) -> NDArray[np.bool_]:
    """Of gold itself."""
    return called(gold, gold.values)

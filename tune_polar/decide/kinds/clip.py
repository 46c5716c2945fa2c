"""``clip``: a predicted number, moved to the nearer end of its declared range where it lies outside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.kinds.base import Decision, Inputs, Setting, register
from tune_polar.errors import DecisionError


@register("clip")
@dataclass(frozen=True)
class Clip(Decision[None, Setting]):
    """Numbers within a range; None leaves an end open.

    Raises:
        DecisionError: low lies above high.
    """

    low: float | None = None
    high: float | None = None

    reads = ("value",)
    decides = ("number",)

    def __post_init__(self) -> None:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise DecisionError(f"low must not lie above high, got {self.low} and {self.high}", "Change the two.")

    def decide(self, inputs: Inputs, setting: Setting | None) -> FloatArray:  # noqa: ARG002 - nothing to set
        """(rows, columns)."""
        return self.held(inputs.tables[0].ensemble)

    def held(self, values: FloatArray) -> FloatArray:
        """``values`` within the range."""
        low, high = (-np.inf if self.low is None else self.low), (np.inf if self.high is None else self.high)
        return np.asarray(np.clip(values, low, high), dtype=np.float64)

"""``gate``: rows that one decision rejects get no label from another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.checks import BoolArray
from tune_polar.decide.kinds.base import Decision, Inputs, Setting, register
from tune_polar.decide.rows import Gold
from tune_polar.errors import DecisionError


@register("gate")
@dataclass(frozen=True)
class Gate(Decision[None, Setting]):
    """``of``, all 0 where the yes-or-no decision ``by`` is 0; judged on the rows that ``by`` is judged on."""

    reads = ("decided",)
    decides = ("binary", "labels")
    is_gated = True

    def decide(self, inputs: Inputs, setting: Setting | None) -> BoolArray:  # noqa: ARG002 - nothing to set
        """(rows, columns)."""
        labels, accepted = inputs.tables
        return np.asarray(labels.models[0] & accepted.models[0], dtype=np.bool_)

    def check(self, inputs: Inputs, gold: Gold) -> None:
        """``by`` is one column of yes and no."""
        super().check(inputs, gold)
        accepted = inputs.tables[1]
        if accepted.width != 1 or accepted.models[0].dtype != bool:
            raise DecisionError(
                f"a gate must be opened by one yes-or-no decision, got {accepted.width} columns of "
                f"{accepted.models[0].dtype}",
                "Name a vote, a threshold of one label, or an argmax of a yes-or-no stage.",
            )

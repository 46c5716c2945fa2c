"""``gate``: rows that one decision rejects get no label from another, or a class of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.kinds.base import Decision, Inputs, Setting, register
from tune_polar.decide.rows import Gold
from tune_polar.errors import DecisionError


@register("gate")
@dataclass(frozen=True)
class Gate(Decision[None, Setting]):
    """``of`` where the yes-or-no decision ``by`` is 1; judged on the rows that ``by`` is judged on.

    Args:
        otherwise: the class that rows get where ``by`` is 0; of labels None, they get none.
    """

    otherwise: str | None = None

    reads = ("decided",)
    decides = ("binary", "labels", "class")
    is_gated = True

    def decide(self, inputs: Inputs, setting: Setting | None) -> NDArray[Any]:  # noqa: ARG002 - nothing to set
        """(rows, columns); of classes (rows, 1) codes."""
        decided, accepted = inputs.tables
        if self.otherwise is None:
            return np.asarray(decided.models[0] & accepted.models[0], dtype=np.bool_)
        return np.where(accepted.models[0], decided.models[0], inputs.names.index(self.otherwise))

    def check(self, inputs: Inputs, gold: Gold) -> None:
        """``by`` is one column of yes and no; of classes one is what the others get."""
        super().check(inputs, gold)
        known = gold.names if gold.kind == "class" else (None,)
        if self.otherwise not in known:
            raise DecisionError(
                f"a gate's otherwise must be one of {list(known)} for {gold.kind} gold, got {self.otherwise!r}",
                "Name the class of rejected rows; leave it out for labels.",
            )
        accepted = inputs.tables[1]
        if accepted.width != 1 or accepted.models[0].dtype != bool:
            raise DecisionError(
                f"a gate must be opened by one yes-or-no decision, got {accepted.width} columns of "
                f"{accepted.models[0].dtype}",
                "Name a vote, a threshold of one label, or an argmax of a yes-or-no stage.",
            )

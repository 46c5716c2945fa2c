"""``mean``: a weighted mean of several stages' tables, or of several decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.fold_mean import weighted_mean
from tune_polar.decide.kinds.base import Decision, Inputs, P, S, Setting, register
from tune_polar.decide.rows import Gold
from tune_polar.decide.tables import Table, TableKind
from tune_polar.errors import DecisionError


class TableOfSeveral(Decision[P, S]):
    """A kind whose answer is a table made of several, all shares or all values."""

    decides = ("binary", "labels", "class", "number")
    takes_several = True
    gives_table = True

    def kind_of_answer(self, inputs: Inputs) -> TableKind:
        """``value`` of numbers, else ``probability``."""
        return "value" if all(map(_is_number, inputs.tables)) else "probability"

    def check(self, inputs: Inputs, gold: Gold) -> None:
        """All numbers, or all shares; classes only as probabilities."""
        super().check(inputs, gold)
        kinds = {_is_number(table) for table in inputs.tables}
        if len(kinds) > 1 or kinds != {gold.kind == "number"}:
            raise DecisionError(
                f"a mean must be of tables of one kind that fits {gold.kind} gold, got "
                f"{[table.kind for table in inputs.tables]}",
                "Take the mean of probabilities, or of predicted values.",
            )
        if gold.kind == "class" and any(table.kind == "decided" for table in inputs.tables):
            raise DecisionError("a mean must not be of decided classes, got some", "Take the mean of probabilities.")


@register("mean")
@dataclass(frozen=True)
class Mean(TableOfSeveral[None, Setting]):
    """Each table counts by its weight; a table of several models by their mean. The answer is a table to decide on.

    Args:
        weights: one a table, not negative; None: all alike. They need not add up to 1.
    """

    weights: Sequence[float] | None = None

    reads = ("probability", "value", "decided")

    def decide(self, inputs: Inputs, setting: Setting | None) -> FloatArray:  # noqa: ARG002 - nothing to set
        """(rows, columns); of decided labels the weighted share that gives each."""
        return weighted_mean([table.ensemble for table in inputs.tables], self.weights)


def _is_number(table: Table) -> bool:
    return table.kind == "value" or (table.kind == "decided" and np.issubdtype(table.models[0].dtype, np.floating))

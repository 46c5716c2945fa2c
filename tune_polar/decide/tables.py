"""What models predict, as decisions read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import FloatArray, as_probability, finite, label_names
from tune_polar.decide.fold_mean import weighted_mean
from tune_polar.errors import DecisionError

TableKind = Literal["neighbours", "probability", "value", "decided"]


@dataclass(frozen=True, eq=False)
class Table:
    """What models predict for the same rows: one model for out-of-fold rows, several where they vote together.

    Args:
        kind: ``neighbours`` (labels of the nearest training rows, nearest first), ``probability``, ``value``, or
            ``decided`` by another decision.
        models: each of shape (rows, K or columns), with at least one model.

    Raises:
        DecisionError: models of different shapes, a probability outside 0–1, a value that is no number.
    """

    kind: TableKind
    models: tuple[NDArray[Any], ...]

    def __post_init__(self) -> None:
        shapes = {np.shape(model) for model in self.models}
        if len(shapes) != 1 or len(next(iter(shapes))) != 2:
            raise DecisionError(
                f"a table must hold at least one model's (rows, columns), all of one shape, got {sorted(shapes)}",
                "Give each model's answers for one and the same split.",
            )

    @classmethod
    def of(cls, kind: TableKind, models: Sequence[NDArray[Any]]) -> Table:
        """Several models' answers for the same rows; neighbours are cut to as many as every model has."""
        return cls(kind, tuple(_narrowed(models) if kind == "neighbours" else models))

    @classmethod
    def joined(cls, kind: TableKind, parts: Sequence[NDArray[Any]]) -> Table:
        """Out-of-fold rows from the parts that held them out, one part below the other."""
        return cls(kind, (np.concatenate(_narrowed(parts) if kind == "neighbours" else list(parts)),))

    def __len__(self) -> int:
        return len(self.models[0])

    @property
    def width(self) -> int:
        """Neighbours or columns."""
        return int(self.models[0].shape[1])

    def take(self, rows: NDArray[Any]) -> Table:
        """The answers for some rows, given as positions or as a mask."""
        if len(self.models) > 1 and self.kind != "neighbours":  # so that a mean does not depend on the rows beside it
            return Table(self.kind, (self.ensemble[rows],))
        return Table(self.kind, tuple(model[rows] for model in self.models))

    @cached_property
    def ensemble(self) -> FloatArray:
        """The models' mean, shape (rows, columns), checked; of decided labels the share of models that give each."""
        floats = [np.asarray(model, dtype=np.float64) for model in self.models]
        mean = floats[0] if len(floats) == 1 else weighted_mean(floats)
        if self.kind == "probability":
            return as_probability(mean, label_names(None, self.width))
        return finite(mean, "predicted values")


def _narrowed(tables: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    width = min((np.shape(table)[1] for table in tables), default=0)
    return [table[:, :width] for table in tables]

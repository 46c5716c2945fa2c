"""Which row is validated in which fold: decided once, hashed into every key that depends on it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tune_polar.data.corpus import IntArray
from tune_polar.errors import FoldPlanError

NO_PART = -1  # the row is in no fold, neither trained on nor validated

_KEYS = ("kind", "count", "seed", "assignment")
_STORED_REMEDY = "Make the plan anew from the corpus; the stored one was damaged or written by something else."


@dataclass(frozen=True, eq=False)
class FoldPlan:
    """Rows split into ``count`` folds; every fold validates its own rows and trains on the others'.

    Raises:
        FoldPlanError: ``assignment`` is not one-dimensional, names a fold outside 0 to ``count`` - 1, or
            leaves a fold without a row.
    """

    kind: str  # "shared", "paper_detector", "paper_classifier"
    count: int
    seed: int
    assignment: IntArray  # (rows,): the fold in which the row is validated; NO_PART: the row takes no part

    def __post_init__(self) -> None:
        check_settings(self.count, self.seed)
        if self.assignment.ndim != 1 or not np.issubdtype(self.assignment.dtype, np.integer):
            shape, dtype = self.assignment.shape, self.assignment.dtype
            raise FoldPlanError(
                f"a fold plan must assign an integer to each row, got shape {shape} of {dtype}",
                _STORED_REMEDY,
            )
        folds = np.unique(self.assignment[self.assignment != NO_PART])
        if not np.array_equal(folds, np.arange(self.count)):
            raise FoldPlanError(
                f"a plan of {self.count} folds must assign rows to each of 0 to {self.count - 1}, "
                f"got rows in {folds.tolist()}",
                "Use fewer folds or more rows.",
            )

    def validation_rows(self, fold: int) -> IntArray:
        """Ascending row numbers that ``fold`` validates on, shape (rows of the fold,)."""
        self._check_fold(fold)
        return np.flatnonzero(self.assignment == fold).astype(np.int64)

    def training_rows(self, fold: int) -> IntArray:
        """Ascending row numbers that ``fold`` trains on: those of all other folds."""
        self._check_fold(fold)
        return np.flatnonzero((self.assignment != fold) & (self.assignment != NO_PART)).astype(np.int64)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over kind, count, seed and assignment: equal means the same folds."""
        digest = hashlib.sha256(f"{self.kind}\x1f{self.count}\x1f{self.seed}\x1e".encode())
        digest.update(np.ascontiguousarray(self.assignment, dtype="<i8").tobytes())
        return digest.hexdigest()

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dictionary that ``from_json`` turns back into an equal plan."""
        return {
            "kind": self.kind,
            "count": self.count,
            "seed": self.seed,
            "assignment": self.assignment.tolist(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> FoldPlan:
        """The plan that ``to_json`` wrote.

        Raises:
            FoldPlanError: a key is missing or holds something else than ``to_json`` writes.
        """
        missing = [key for key in _KEYS if key not in stored]
        if missing:
            raise FoldPlanError(
                f"a stored fold plan must have the keys {list(_KEYS)}, missing {missing}", _STORED_REMEDY
            )
        kind, count, seed, assignment = (stored[key] for key in _KEYS)
        if not (isinstance(kind, str) and _is_int(count) and _is_int(seed) and _is_list_of_ints(assignment)):
            raise FoldPlanError(
                "a stored fold plan must hold a kind, two integers and a list of integers, "
                f"got {kind!r}, {count!r}, {seed!r} and {str(assignment)[:60]}",
                _STORED_REMEDY,
            )
        return cls(kind, count, seed, np.array(assignment, dtype=np.int64))

    def _check_fold(self, fold: int) -> None:
        if not 0 <= fold < self.count:
            raise FoldPlanError(
                f"a fold must be between 0 and {self.count - 1}, got {fold}", "Folds are counted from 0."
            )


def check_settings(count: int, seed: int) -> None:
    """Refuse a fold count or seed that no plan can have.

    Raises:
        FoldPlanError: ``count`` is below 2, or ``seed`` is not one numpy accepts.
    """
    if count < 2:
        raise FoldPlanError(f"the number of folds must be at least 2, got {count}", "Use 5 folds.")
    if not 0 <= seed < 2**32:
        raise FoldPlanError(f"the seed of the folds must be between 0 and 2**32 - 1, got {seed}", "Use 42.")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_list_of_ints(value: object) -> bool:
    return isinstance(value, list) and all(_is_int(item) for item in value)

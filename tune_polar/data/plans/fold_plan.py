"""Which row is trained on and which is validated in which fold: decided once, hashed into all that depends on it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tune_polar.data.columns import BoolArray, IntArray
from tune_polar.errors import FoldPlanError


@dataclass(frozen=True, eq=False)
class FoldPlan:
    """For every fold the rows it trains on and those it validates; a row may take no part in a fold, or in any.

    Args:
        kind: "stratified", "paper", …: the component that made it.
        training: (folds, rows).
        validation: (folds, rows), never the same rows as ``training`` in a fold.
        moved: rows that went to another fold than their strata asked for, to stay with rows like them.

    Raises:
        FoldPlanError: the masks are not of one shape, overlap, or a fold trains on or validates nothing.
    """

    kind: str
    training: BoolArray
    validation: BoolArray
    moved: int = 0

    def __post_init__(self) -> None:
        masks = (self.training, self.validation)
        if any(mask.ndim != 2 or mask.dtype != np.bool_ or mask.shape != self.training.shape for mask in masks):
            shapes = [f"{mask.shape} of {mask.dtype}" for mask in masks]
            raise FoldPlanError(f"a fold plan must have two masks (folds, rows), got {shapes}", _STORED_REMEDY)
        if (self.training & self.validation).any():
            raise FoldPlanError("no fold may validate a row that it trains on, got such a row", _STORED_REMEDY)
        for word, mask in (("train on", self.training), ("validate", self.validation)):
            empty = np.flatnonzero(~mask.any(axis=1)).tolist()
            if empty or not len(mask):
                raise FoldPlanError(
                    f"every fold must {word} at least one row, got none in folds {empty}",
                    "Use fewer folds or more rows.",
                )

    @property
    def count(self) -> int:
        """How many folds there are."""
        return len(self.training)

    def held_out(self, own_rows: int) -> float:
        """Rows that folds validate over those of the first ``own_rows`` that they train on; 1/(K−1) of K-fold plans."""
        return float(np.count_nonzero(self.validation) / np.count_nonzero(self.training[:, :own_rows]))

    def training_rows(self, fold: int) -> IntArray:
        """Ascending numbers of the train rows that ``fold`` trains on.

        Raises:
            FoldPlanError: there is no such fold.
        """
        self._check_fold(fold)
        return np.flatnonzero(self.training[fold]).astype(np.int64)

    def validation_rows(self, fold: int) -> IntArray:
        """Ascending numbers of the train rows that ``fold`` validates.

        Raises:
            FoldPlanError: there is no such fold.
        """
        self._check_fold(fold)
        return np.flatnonzero(self.validation[fold]).astype(np.int64)

    def idle_rows(self, fold: int) -> IntArray:
        """Ascending numbers of the train rows that ``fold`` neither trains on nor validates.

        Raises:
            FoldPlanError: there is no such fold.
        """
        self._check_fold(fold)
        return np.flatnonzero(~self.training[fold] & ~self.validation[fold]).astype(np.int64)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over all folds: equal means the same rows in the same folds, whatever made the plan."""
        return hashlib.sha256("\x1f".join(self.hash_of(fold) for fold in range(self.count)).encode()).hexdigest()

    def hash_of(self, fold: int) -> str:
        """SHA-256 over the rows of one fold: what a stage of that fold depends on.

        Raises:
            FoldPlanError: there is no such fold.
        """
        self._check_fold(fold)
        digest = hashlib.sha256(f"{self.training.shape[1]}\x1e".encode())
        for mask in (self.training[fold], self.validation[fold]):
            digest.update(np.packbits(mask).tobytes())
        return digest.hexdigest()

    def _check_fold(self, fold: int) -> None:
        if not 0 <= fold < self.count:
            raise FoldPlanError(
                f"a fold must be between 0 and {self.count - 1}, got {fold}", "Folds are counted from 0."
            )


def partition(kind: str, folds: IntArray, count: int, *, moved: int = 0) -> FoldPlan:
    """The plan that validates each row once: row r in fold ``folds[r]``; −1: r takes no part.

    Raises:
        FoldPlanError: as for ``FoldPlan``.
    """
    validation = folds[np.newaxis, :] == np.arange(count)[:, np.newaxis]
    return FoldPlan(kind, (folds >= 0) & ~validation, validation, moved)


_STORED_REMEDY = "Make the plan anew from the corpus; a stored one was damaged or written by something else."

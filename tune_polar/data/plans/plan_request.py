"""What a plan is made of: the rows, and what the stages of a recipe read of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tune_polar.data.columns import BoolArray, IntArray
from tune_polar.data.repeated import bonds
from tune_polar.data.table import Corpus, Split
from tune_polar.errors import FoldPlanError


@dataclass(frozen=True, eq=False)
class PlanRequest:
    """The rows to split, and what is asked of each stage.

    Args:
        corpus: extra rows are no part of ``own``; they join the plan afterwards.
        stages: for each stage in the recipe's order, the rows it learns on (``{"polarization": 1}``; {} is all).
        targets: for each stage, the columns it learns.
        strata: columns that every fold should have in equal shares.
    """

    corpus: Corpus
    stages: Mapping[str, Mapping[str, int | str]]
    targets: Mapping[str, tuple[str, ...]]
    strata: tuple[str, ...] = ()

    @cached_property
    def own(self) -> Split:
        """The rows that folds may validate."""
        train, rows = self.corpus.train, self.corpus.own_rows
        return train if rows == len(train) else train.take(np.arange(rows, dtype=np.int64))

    @cached_property
    def root(self) -> str | None:
        """The 0/1 column that the first stage learns alone on all rows; None: there is no such one.

        Labels that no stage learns on all rows are labels of its positive rows.
        """
        first = next(iter(self.stages))
        targets = self.targets[first]
        if self.stages[first] or len(targets) != 1 or self.own.column(targets[0]).kind != "label":
            return None
        return targets[0]

    def rows_of(self, stage: str) -> BoolArray:
        """(rows,): the own rows that a stage learns on."""
        return self.own.where(self.stages[stage])

    def all_targets(self) -> list[str]:
        """The targets of all stages, each once."""
        return list(dict.fromkeys(name for targets in self.targets.values() for name in targets))

    def bonds(self, together: tuple[str, ...] = ()) -> IntArray:
        """(rows,): equal numbers for own rows that no fold may part."""
        return bonds(self.own, len(self.own), together)


def check_settings(count: int, seed: int, rows: int) -> None:
    """Refuse a number of folds or a seed that no plan of ``rows`` can have.

    Raises:
        FoldPlanError: ``count`` is below 2 or above ``rows``, or ``seed`` is not one numpy accepts.
    """
    if count < 2:
        raise FoldPlanError(f"the number of folds must be at least 2, got {count}", "Use 5 folds.")
    check_seed(seed)
    if count > rows:
        raise FoldPlanError(
            f"the number of folds must be at most the rows to split ({rows}), got {count}",
            "Use fewer folds or more rows.",
        )


def check_seed(seed: int) -> None:
    """Refuse a seed that numpy does not accept.

    Raises:
        FoldPlanError: it does not.
    """
    if not 0 <= seed < 2**32:
        raise FoldPlanError(f"the seed of the folds must be between 0 and 2**32 - 1, got {seed}", "Use 42.")


def check_share(share: float) -> None:
    """Refuse a share of rows that leaves nothing to train on or to validate.

    Raises:
        FoldPlanError: it does.
    """
    if not 0 < share < 1:
        raise FoldPlanError(f"the validated share must be between 0 and 1, got {share}", "Use 0.2.")

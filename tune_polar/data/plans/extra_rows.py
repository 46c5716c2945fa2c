"""Which extra rows train in which fold: never one that tells of a row the fold validates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from tune_polar.data.columns import BoolArray, IntArray
from tune_polar.data.near_texts import NearTexts
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.repeated import bonds, matches
from tune_polar.data.table import TRAIN, Corpus
from tune_polar.data.texts import letters
from tune_polar.errors import DataError, FoldPlanError

EXTRA_SEED = 42  # of the order in which a share is taken; shares of one file are nested


@dataclass(frozen=True, eq=False)
class ExtraTies:
    """What extra rows tell of rows that are validated or held out.

    Args:
        numbers: (rows,): equal for rows of train that say the same, whatever their punctuation, or belong together.
        near: (pairs, 2): an extra row, counted from 0, and a row of train whose text is near to its own.
        held_out: (extra rows,): whether its text stands in another split, or is near to one there.
        is_complete: whether all near texts were looked for.
        groups: (rows,): the codes that folds hold out whole, of all rows of train; None: folds hold no group out.
    """

    numbers: IntArray
    near: IntArray
    held_out: BoolArray
    is_complete: bool = True
    groups: IntArray | None = None

    @classmethod
    def of(cls, corpus: Corpus, together: Sequence[str] = (), by: str | None = None) -> ExtraTies:
        """Those of ``corpus``.

        Args:
            corpus: with extra rows.
            together: columns whose equal values are never parted.
            by: the column whose values folds hold out whole; None: there is none.
        """
        own, texts = corpus.own_rows, corpus.train.texts[corpus.own_rows :]
        known = NearTexts(corpus.train.texts[:own])
        near = np.array(list(known.every_twin(texts)), dtype=np.int64).reshape(-1, 2)
        held_out, complete = np.zeros(len(texts), dtype=np.bool_), known.is_complete
        for name, split in corpus.splits.items():
            if name != TRAIN:
                there = NearTexts(split.texts)
                held_out |= matches(texts, split.texts, letters) >= 0
                held_out[[row for row, _ in there.twins(texts)]] = True
                complete &= there.is_complete
        groups = None if by is None else corpus.train.values(by)
        numbers = bonds(corpus.train, own + len(texts), together, letters)
        return cls(numbers, near, held_out, complete, groups)


def with_extra_rows(plan: FoldPlan, corpus: Corpus, ties: ExtraTies) -> FoldPlan:
    """The plan with columns for the extra rows behind those of the corpus' own: where each may train.

    An extra row trains in a fold unless the fold validates the row it was made from, one that says the same or nearly
    so, or one that belongs together with any of them, or holds its group out; and where its source takes part in the
    plan, only in folds that train the source. One that says what a text of another split says, or nearly so, trains
    nowhere.

    Args:
        plan: of the own rows.
        corpus: with extra rows.
        ties: of its extra rows.
    """
    training = np.stack(
        [_allowed(*masks, ties, corpus.sources) for masks in zip(plan.training, plan.validation, strict=True)]
    )
    return replace(
        plan,
        training=np.concatenate([plan.training, training], axis=1),
        validation=np.concatenate([plan.validation, np.zeros_like(training)], axis=1),
    )


def _allowed(training: BoolArray, validation: BoolArray, ties: ExtraTies, sources: IntArray) -> BoolArray:
    """(extra rows,): whether a fold may train on each."""
    own = len(training)
    validated = np.isin(ties.numbers, ties.numbers[:own][validation])
    has_source = sources >= 0
    allowed = ~validated[own:] & ~(validated[sources] & has_source) & ~ties.held_out
    allowed[ties.near[validated[ties.near[:, 1]], 0]] = False
    if ties.groups is not None:
        allowed &= ~np.isin(ties.groups[own:], _held_out(ties.groups[:own], training, validation))
    takes_part = training | validation
    source_trains = training[sources] | ~takes_part[sources]
    found: BoolArray = allowed & (source_trains | ~has_source)
    return found


def _held_out(groups: IntArray, training: BoolArray, validation: BoolArray) -> IntArray:
    """Codes that a fold validates and trains on no row of; rows of no group are of none."""
    held: IntArray = np.setdiff1d(groups[validation], groups[training])
    return held[held >= 0]


class RowsOfFolds(Protocol):
    """Which rows of train a fold trains on and validates; a ``FoldPlan`` is one."""

    @property
    def count(self) -> int:
        """How many folds there are."""

    def training_rows(self, fold: int) -> IntArray:
        """Ascending."""

    def validation_rows(self, fold: int) -> IntArray:
        """Ascending."""


@dataclass(frozen=True, eq=False)
class ShareOfExtra:
    """Folds that train on a part of the extra rows that may train there.

    Args:
        folds: with all of them.
        corpus: with extra rows.
        share: of a fold's rows that are learned from, at most; None: all extra rows that may train.
        learned: (rows,): the rows of train that are learned from; a fold's others count for no share.
        by, only: the column that says how an extra row was made, and its value that is meant; None: any.

    Raises:
        FoldPlanError: ``share`` is not between 0 and 1.
        DataError: no extra row was made so.
    """

    folds: RowsOfFolds
    corpus: Corpus
    share: float | None
    by: str | None = None
    only: str | None = None
    learned: BoolArray | None = None

    def __post_init__(self) -> None:
        if self.share is not None and not 0 <= self.share < 1:
            raise FoldPlanError(f"the share of extra rows must be at least 0 and below 1, got {self.share}", "Use 0.3.")

    @property
    def count(self) -> int:
        """How many folds there are."""
        return self.folds.count

    def training_rows(self, fold: int) -> IntArray:
        """Ascending; extra rows are taken in one order, so that those of a smaller share are among a larger one's."""
        rows, own = self.folds.training_rows(fold), self.corpus.own_rows
        at = int(np.searchsorted(rows, own))
        extra = rows[at:] - own
        extra = extra[made_so(self.corpus, self.by, self.only)[extra]]
        if self.share is not None:
            learned = np.ones(len(self.corpus.train), dtype=np.bool_) if self.learned is None else self.learned
            extra = extra[learned[extra + own]]
            most = round(self.share / (1 - self.share) * int(np.count_nonzero(learned[rows[:at]])))
            order = np.random.default_rng(EXTRA_SEED).permutation(len(self.corpus.sources))
            extra = extra[np.argsort(np.argsort(order)[extra])][:most]
        return np.concatenate([rows[:at], np.sort(extra) + own])

    def validation_rows(self, fold: int) -> IntArray:
        """Ascending; never an extra row."""
        return self.folds.validation_rows(fold)


def made_so(corpus: Corpus, by: str | None, only: str | None) -> BoolArray:
    """(extra rows,): whether column ``by`` says ``only`` of it; None: of every row.

    Raises:
        DataError: it says so of none.
    """
    if by is None or only is None:
        return np.ones(len(corpus.sources), dtype=np.bool_)
    column = corpus.train.column(by)
    if only not in column.names:
        raise DataError(
            f"data.extra.only must be a value that {by!r} of the extra rows has, one of {list(column.names)}, "
            f"got {only!r}",
            "Name one of these, or leave data.extra.only out.",
        )
    found: BoolArray = corpus.train.values(by)[corpus.own_rows :] == column.names.index(only)
    return found


def whole_plans(
    plans: Mapping[str, FoldPlan], corpus: Corpus, together: Sequence[str], by: str | None
) -> dict[str, FoldPlan]:
    """``plans`` with the extra rows of ``corpus``; plans that are one object stay one.

    ``together`` and ``by`` are columns as ``ExtraTies.of`` takes them.
    """
    ties = ExtraTies.of(corpus, together, by)
    whole = {id(plan): with_extra_rows(plan, corpus, ties) for plan in plans.values()}
    return {stage: whole[id(plan)] for stage, plan in plans.items()}

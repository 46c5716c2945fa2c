"""What a store keeps of the data: ids, gold and groups of every split, and fold plans; never a text.

With it every number of a search can be computed again from the store alone, on a machine without the data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.data.columns import BoolArray, Column, IntArray
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import TRAIN, Corpus, Split
from tune_polar.store.codec import encode_arrays
from tune_polar.store.gold_file import gold_from_parts, gold_to_parts
from tune_polar.store.near_texts import NearRows, near_rows
from tune_polar.store.repeated_texts import repeated_in_folds, repeated_in_train
from tune_polar.store.training_facts import Array


@dataclass(frozen=True, eq=False)
class GoldSplit:
    """Ids and columns of one split; columns that hold texts are not among them.

    Example:
        >>> gold.train.matrix(("rude", "unfair"))[rows]
    """

    ids: tuple[str, ...]
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.ids)

    def values(self, name: str) -> NDArray[Any]:
        """(rows,): int64 of labels and of the codes of classes and groups (−1: of none), float64 of numbers.

        Raises:
            DataError: there is no such column.
        """
        return self._split.values(name)

    def matrix(self, names: Sequence[str]) -> NDArray[Any]:
        """Columns side by side, (rows, names).

        Raises:
            DataError: there is no column of one of these names.
        """
        return self._split.matrix(names)

    def where(self, conditions: Mapping[str, int | str]) -> BoolArray:
        """(rows,): whether a row has each of ``conditions``, such as ``{"hurt": 1}``.

        Raises:
            DataError: a column is missing, or none of its rows can have the value.
        """
        return self._split.where(conditions)

    @cached_property
    def _split(self) -> Split:
        """The same with empty texts: what columns mean is said there."""
        return Split("gold", self.ids, ("",) * len(self.ids), self.columns)


@dataclass(frozen=True, eq=False)
class Gold:
    """Gold of every split, and who trains and validates where.

    Args:
        splits: "train" with its extra rows, and each further split, of which some may have no columns.
        plans: by stage; one and the same object where stages share it.
        repeated: (pairs, 2): of "train" two rows with one text of which a fold trains on one and validates the other;
            of another split a row of it and the first row of train that has its text. Splits without such are not
            there.
        near: near twins likewise.
        sources: (extra rows,): of the last rows of "train", which no fold validates, the row each was made from; −1:
            of none.
    """

    splits: Mapping[str, GoldSplit]
    plans: Mapping[str, FoldPlan]
    repeated: Mapping[str, IntArray] = field(default_factory=dict)
    near: NearRows = field(default_factory=NearRows)
    sources: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def train(self) -> GoldSplit:
        """The rows that folds are made of."""
        return self.splits[TRAIN]

    @property
    def held_out(self) -> float:
        """``FoldPlan.held_out`` of the first stage."""
        return next(iter(self.plans.values())).held_out(len(self.train) - len(self.sources))

    def to_parts(self) -> tuple[dict[str, object], dict[str, Array]]:
        """Header and arrays for one safetensors file."""
        columns = {name: (split.ids, split.columns) for name, split in self.splits.items()}
        return gold_to_parts(columns, self.plans, self.repeated, self.near, self.sources)

    @staticmethod
    def from_parts(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Gold:
        """What ``to_parts`` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        columns, plans, repeated, near, sources = gold_from_parts(header, arrays)
        return Gold({name: GoldSplit(*each) for name, each in columns.items()}, plans, repeated, near, sources)


def gold_of(corpus: Corpus, plans: Mapping[str, FoldPlan]) -> Gold:
    """The part of a corpus that a store keeps; ``plans`` by stage, as ``make_plans`` gives them."""
    splits = {
        name: GoldSplit(split.ids, {key: each for key, each in split.columns.items() if each.kind != "text"})
        for name, split in corpus.splits.items()
    }
    train, others = corpus.train.texts, {name: each.texts for name, each in corpus.splits.items() if name != TRAIN}
    repeated = {TRAIN: repeated_in_folds(train, tuple(plans.values()))}
    repeated |= {name: repeated_in_train(texts, train) for name, texts in others.items()}
    repeated = {name: pairs for name, pairs in repeated.items() if len(pairs)}
    return Gold(splits, plans, repeated, near_rows(train, others, tuple(plans.values())), corpus.sources)


def gold_digest(gold: Gold) -> str:
    """Hash of everything a score reads of ``gold``."""
    return hashlib.sha256(encode_arrays(*gold.to_parts())).hexdigest()


def gold_difference(one: Gold, other: Gold) -> str:
    """Where two golds that differ do so first, in words."""
    if list(one.splits) != list(other.splits):
        return f"the splits are {list(one.splits)} and {list(other.splits)}"
    for name, split in one.splits.items():
        there = other.splits[name]
        if len(split) != len(there):
            return f"{name} has {len(split):,} and {len(there):,} rows"
        for row, (here, beside) in enumerate(zip(split.ids, there.ids, strict=True)):
            if here != beside:
                return f"row {row} of {name} is {here!r} and {beside!r}"
        if list(split.columns) != list(there.columns):
            return f"{name} has the columns {list(split.columns)} and {list(there.columns)}"
        for column, values in split.columns.items():
            its = there.columns[column]
            if (values.kind, values.names) != (its.kind, its.names):
                return f"{column} of {name} is {values.kind} {list(values.names)} and {its.kind} {list(its.names)}"
            rows = np.flatnonzero(values.values != its.values)
            if len(rows):
                said = f"{values.values[rows[0]]} and {its.values[rows[0]]}"
                return f"{column} of {split.ids[rows[0]]!r} in {name} is {said} ({len(rows):,} rows differ)"
    return "the folds or the texts that repeat are others"

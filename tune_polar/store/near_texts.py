"""Rows that are scored though train nearly has their text: pairs of row numbers, for a store holds no texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tune_polar.data.columns import IntArray
from tune_polar.data.near_texts import NearTexts
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import TRAIN


@dataclass(frozen=True, eq=False)
class NearRows:
    """Near twins across folds and splits.

    Args:
        pairs: (pairs, 2): of "train" a row and the first before it that is its near twin where a fold trains on one and
            validates the other; of another split a row of it and the first row of train that is its near twin. Splits
            without such are not there.
        is_complete: whether all rows were compared: there may be too many.
    """

    pairs: Mapping[str, IntArray] = field(default_factory=dict)
    is_complete: bool = True


def near_rows(train: Sequence[str], others: Mapping[str, Sequence[str]], plans: Sequence[FoldPlan]) -> NearRows:
    """The near twins of rows that are scored.

    Args:
        train: texts of train.
        others: texts of further splits by name.
        plans: who trains and validates where.
    """
    near = NearTexts(train)
    found = {name: _array(near.twins(texts)) for name, texts in others.items()}
    found = {TRAIN: _first_across(_array(near.pairs()), plans), **found}
    return NearRows({name: pairs for name, pairs in found.items() if len(pairs)}, near.is_complete)


def _array(pairs: Iterable[tuple[int, int]]) -> IntArray:
    return np.array(list(pairs), dtype=np.int64).reshape(-1, 2)


def _first_across(pairs: IntArray, plans: Sequence[FoldPlan]) -> IntArray:
    """Of pairs of which a fold trains on one and validates the other, the first of each row."""
    one, other = pairs.T
    is_apart = np.zeros(len(pairs), dtype=np.bool_)
    for plan in {id(plan): plan for plan in plans}.values():
        for training, validation in zip(plan.training, plan.validation, strict=True):
            is_apart |= (training[one] & validation[other]) | (validation[one] & training[other])
    kept = pairs[is_apart]
    return kept[np.unique(kept[:, 0], return_index=True)[1]]

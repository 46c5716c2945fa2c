"""What was given as gold, predictions, folds and groups, read into arrays whose rows stand in one order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tune_polar.decide.named_arrays import (
    BY_POSITION,
    NamedArray,
    float_array,
    in_one_order,
    index_of,
    keys_of,
    named_array,
)
from tune_polar.errors import DecisionError

Predicted: TypeAlias = "ArrayLike | Sequence[ArrayLike]"  # (rows,), (rows, columns), or predict_proba's list of arrays
TWO_AXES = 2
REMEDY = "Give gold and predictions of the same rows in the same order, one column a label or class."


@dataclass(frozen=True, eq=False)
class ReadSplit:
    """One split's arrays, the rows of all in one order.

    Args:
        gold: (rows,) or (rows, columns); None: it has none.
        predictions: (rows, columns) each, by configuration.
        folds: (rows,).
        groups: (rows,).
        notes: of rows that were moved.
    """

    gold: NamedArray | None
    predictions: Mapping[str, NamedArray]
    folds: NDArray[Any] | None = None
    groups: NDArray[Any] | None = None
    notes: tuple[str, ...] = ()

    @property
    def tables(self) -> list[NamedArray]:
        """What may have several columns, gold first."""
        return [*(() if self.gold is None else (self.gold,)), *self.predictions.values()]


def read_split(
    where: str,
    gold: object,
    predictions: Mapping[str, Predicted],
    folds: ArrayLike | None = None,
    groups: Iterable[object] | None = None,
) -> ReadSplit:
    """The split; rows that have names go by them.

    Args:
        where: added to what arrays are called in messages: "", or `` of test``.
        gold: (rows,) or (rows, columns); None: it has none.
        predictions: by configuration.
        folds: (rows,), by number or name.
        groups: of each row.

    Raises:
        DecisionError: something is no such array, or two name other rows.
    """
    arrays = {f"predictions/{name}": _predicted(each, name + where) for name, each in predictions.items()}
    if gold is not None:
        arrays = {"gold": _gold(gold, f"gold{where}"), **arrays}
    if folds is not None:
        arrays["folds"] = _one_column(named_array(folds, "folds"))
    if groups is not None:
        arrays["groups"] = _groups(groups)
    found, notes = in_one_order(arrays.values())
    ordered = dict(zip(arrays, found, strict=True))
    beside = {name: ordered[name].values for name in ("folds", "groups") if name in ordered}
    predicted = {name: ordered[f"predictions/{name}"] for name in predictions}
    return ReadSplit(ordered.get("gold"), predicted, **beside, notes=tuple(notes))


def _gold(given: object, what: str) -> NamedArray:
    """(rows,) or (rows, columns), of several."""
    gold = _one_column(named_array(given, what))
    if gold.values.ndim not in (1, TWO_AXES) or 0 in gold.values.shape:
        raise DecisionError(f"{what} must have shape (rows,) or (rows, columns), got {gold.values.shape}", REMEDY)
    lacking = pd.isna(gold.values).reshape(len(gold.values), -1).any(axis=1)
    if lacking.any():
        raise DecisionError(
            f"{what} must have a value in every row, got none in row {int(np.argmax(lacking))} (counting from 0); "
            f"{int(lacking.sum())} such rows",
            "Leave these rows out of all that is given, or fill in what they lack.",
        )
    return gold


def _predicted(given: Predicted, what: str) -> NamedArray:
    """(rows, columns); of a list of (rows, 2), as predict_proba of several labels, each second column."""
    if isinstance(given, list | tuple) and given and all(np.ndim(each) == TWO_AXES for each in given):
        return _second_columns(given, what)
    found = float_array(given, what, REMEDY)
    if found.values.ndim not in (1, TWO_AXES) or 0 in found.values.shape:
        raise DecisionError(f"{what} must have shape (rows,) or (rows, columns), got {found.values.shape}", REMEDY)
    return replace(found, values=found.values[:, None]) if found.values.ndim == 1 else found


def _second_columns(given: Sequence[object], what: str) -> NamedArray:
    arrays, _ = in_one_order([float_array(each, f"{what}[{place}]", REMEDY) for place, each in enumerate(given)])
    shapes = [each.values.shape for each in arrays]
    if any(shape[1] != TWO_AXES for shape in shapes) or len(set(shapes)) > 1:
        raise DecisionError(
            f"a list of predictions must hold (rows, 2) arrays of the same rows, one a label, got {shapes}",
            "Give one array (rows, classes) for classes that exclude each other.",
        )
    for each in arrays:
        if each.has_own_names and set(keys_of(each.columns or ())) != {"0", "1"}:
            raise DecisionError(
                f"the columns of {each.what} must be called 0 and 1, one array a label, got "
                f"{', '.join(each.columns or ())}",
                f"Give a mapping by name to compare several configurations, {BY_POSITION}",
            )
    yes = [each.by_columns(("0", "1"))[:, 1] for each in arrays]
    index = next((each.index for each in arrays if each.index is not None), None)
    return NamedArray(what, np.stack(yes, axis=1), None, index)


def _one_column(array: NamedArray) -> NamedArray:
    """A table of one column as (rows,)."""
    is_table = array.values.ndim == TWO_AXES and array.values.shape[1] == 1
    return replace(array, values=array.values[:, 0]) if is_table else array


def _groups(groups: Iterable[object]) -> NamedArray:
    """(rows,) as texts."""
    index = index_of(groups)
    try:
        values = groups if index is None else _one_column(named_array(groups, "groups")).values
        return NamedArray("groups", np.array([str(each) for each in values], dtype=object), None, index)
    except TypeError as error:
        raise DecisionError(f"groups must name the group of each row, got {groups!r:.80}", REMEDY) from error

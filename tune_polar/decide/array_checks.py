"""Array types of this floor, and the checks every decision makes of what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tune_polar.errors import DecisionError

BitArray: TypeAlias = NDArray[np.bool_] | NDArray[np.integer[Any]]  # 0/1 in any integer or boolean type
BoolArray: TypeAlias = NDArray[np.bool_]
IntArray: TypeAlias = NDArray[np.int64]
FloatArray: TypeAlias = NDArray[np.float64]
FOLDS_SHOWN = 10  # in a note of what they are called


def as_bool(values: BitArray, what: str, dimensions: int) -> BoolArray:
    """``values`` as booleans.

    Raises:
        DecisionError: another number of axes, or a value other than 0 and 1.
    """
    array = np.asarray(values)
    if array.ndim != dimensions:
        raise DecisionError(
            f"{what} must have {dimensions} axes, got shape {array.shape}",
            "Pass one row per text and, where there are several labels, one column per label.",
        )
    wrong = np.zeros(0) if array.dtype == np.bool_ else (array != 0) & (array != 1)
    if wrong.any():
        place = tuple(int(axis) for axis in np.argwhere(wrong)[0])
        raise DecisionError(
            f"{what} must hold only 0 and 1, got {array[place]} at position {place}",
            "Turn the labels into 0 and 1 first.",
        )
    return array.astype(np.bool_, copy=False)


def same_shape(first: NDArray[Any], second: NDArray[Any], what: str) -> None:
    """Refuse two arrays of different shapes; ``what`` names them ("gold and decided")."""
    if first.shape != second.shape:
        raise DecisionError(
            f"{what} must have the same shape, got {first.shape} and {second.shape}",
            "Score rows and labels in one and the same order.",
        )


def label_names(labels: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """``labels``, or "label 0", "label 1" … where there are no names."""
    if labels is None:
        return tuple(f"label {index}" for index in range(count))
    if len(labels) != count:
        raise DecisionError(
            f"labels must name each of the {count} columns, got {len(labels)}: {list(labels)}",
            "Pass one name per column of gold.",
        )
    return tuple(labels)


def as_probability(values: NDArray[Any], labels: Sequence[str]) -> FloatArray:
    """``values`` (rows, labels) as float64.

    Raises:
        DecisionError: a value is NaN or outside 0–1; the message names its label and row (from 0).
    """
    probability = np.asarray(values, dtype=np.float64)
    wrong = ~((probability >= 0.0) & (probability <= 1.0))  # NaN fails both comparisons
    if wrong.any():
        row, column = (int(axis) for axis in np.argwhere(wrong)[0])
        raise DecisionError(
            f"probabilities must be numbers between 0 and 1, got {probability[row, column]} for "
            f"{labels[column]!r} in row {row} (counting from 0); {int(wrong.sum())} such values",
            "Look at the training curve of this row's fold: a loss that became NaN leaves such rows. "
            "Leave the configuration out, or train that fold again.",
        )
    return probability


def finite(values: NDArray[Any], what: str) -> FloatArray:
    """``values`` as float64.

    Raises:
        DecisionError: one of them is NaN or infinite.
    """
    numbers = np.asarray(values, dtype=np.float64)
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        place = tuple(int(axis) for axis in np.argwhere(wrong)[0])
        raise DecisionError(
            f"{what} must be finite numbers, got {numbers[place]} at position {place}; {int(wrong.sum())} such values",
            "Look at the training curve: a loss that became NaN leaves such rows.",
        )
    return numbers


def gold_and_probability(
    gold: BitArray, probability: NDArray[Any], labels: Sequence[str] | None
) -> tuple[BoolArray, FloatArray]:
    """Both arrays (rows, labels), checked to belong together and to have at least one row."""
    truth = as_bool(gold, "gold", 2)
    same_shape(truth, np.asarray(probability), "gold and probability")
    if truth.shape[0] == 0:
        raise DecisionError(
            f"thresholds must be chosen on at least one row, got gold of shape {truth.shape}",
            "Use fewer folds, or give the rows that these thresholds are to be chosen on.",
        )
    return truth, as_probability(probability, label_names(labels, truth.shape[1]))


def fold_numbers(fold: NDArray[Any], rows: int) -> IntArray:
    """``fold`` (rows,) as int64.

    Raises:
        DecisionError: not one fold number per row, or one that is no whole number from 0 up.
    """
    given = np.asarray(fold)
    remedy = "Pass the fold whose model predicted each row."
    if given.shape != (rows,):
        raise DecisionError(f"fold must hold one number per row ({rows}), got shape {given.shape}", remedy)
    values = given.tolist()
    numbers = given if given.dtype.kind in "biuf" else np.array([_number(each) for each in values])
    wrong = ~(np.isfinite(numbers) & (numbers >= 0) & (numbers == np.floor(numbers)))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DecisionError(
            f"fold must be a whole number, 0 or more, in every row, got {values[row]!r} in row {row} (counting from "
            f"0); {int(wrong.sum())} such rows",
            remedy,
        )
    return numbers.astype(np.int64)


def numbered_folds(folds: NDArray[Any]) -> tuple[NDArray[Any], list[str]]:
    """Folds by name numbered in the order of their names, and a note of it; others as they are."""
    said = folds.reshape(-1).tolist()
    if not said or not all(isinstance(each, str) and each.strip() and np.isnan(_number(each)) for each in set(said)):
        return folds, []
    names, codes = np.unique(folds.astype(str), return_inverse=True)
    shown = [f"{name} is {number}" for number, name in enumerate(names[:FOLDS_SHOWN].tolist())]
    more = ["…"] if len(names) > FOLDS_SHOWN else []
    return codes.reshape(folds.shape), [f"folds are numbered in the order of their names: {', '.join(shown + more)}"]


def _number(value: object) -> float:
    """NaN where it is none."""
    try:
        return float(value) if isinstance(value, str | int | float | np.number) else np.nan
    except ValueError:
        return np.nan

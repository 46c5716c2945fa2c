"""A table of predictions from arrays in memory, as ``read_predictions`` makes one from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tune_polar.decide.array_checks import FloatArray, IntArray, as_bool, as_probability, finite, fold_numbers
from tune_polar.decide.prediction_columns import Kind
from tune_polar.decide.predictions import OOF, ConfigurationPredictions, PredictionTable, SplitPredictions
from tune_polar.errors import DecisionError

Predicted: TypeAlias = "ArrayLike | Sequence[ArrayLike]"  # (rows,), (rows, columns), or predict_proba's list of arrays
ARRAYS = Path("arrays")  # what messages name in place of a file
ONE = "predictions"  # the name of predictions that have none
TWO_AXES = 2
REMEDY = "Give gold and predictions of the same rows in the same order, one column a label or class."


@dataclass(frozen=True, eq=False)
class ArraySplit:
    """One split: gold (rows,) or (rows, columns), or None, and each configuration's predictions of it."""

    gold: Any
    predictions: Mapping[str, Predicted]


def table_of_arrays(
    splits: Mapping[str, ArraySplit],
    folds: ArrayLike | None,
    labels: Sequence[str] | None,
    groups: Sequence[object] | None,
) -> PredictionTable:
    """The table.

    Args:
        splits: ``oof``, which has gold, and any other.
        folds: fold of each out-of-fold row, (rows,); None: all of one fold.
        labels: names of the columns, of classes what gold says; None: what gold holds, or numbers from 0.
        groups: group of each out-of-fold row.

    Raises:
        DecisionError: arrays that do not fit together, or values that are no gold or no prediction.
    """
    own, notes = splits[OOF], list[str]()
    gold = np.asarray(own.gold)
    first = _columns(next(iter(own.predictions.values())))
    kind = _kind(gold, first)
    names = _names(kind, gold, first.shape[1], labels)
    if kind == "class" and len(names) == TWO_AXES:
        notes.append(f"two classes, {names[0]} and {names[1]}: {names[1]} is the label that is decided")
    rows = len(gold)
    part = np.zeros(rows, dtype=np.int64) if folds is None else fold_numbers(np.asarray(folds), rows)
    found = []
    for name in own.predictions:
        parts = {
            split: _split(_Place(kind, names, name, split), each, part if split == OOF else None, groups)
            for split, each in splits.items()
            if name in each.predictions
        }
        shown = names[1:] if _is_yes_no(kind, names) else names
        found.append(ConfigurationPredictions(name, {"name": name}, shown, parts, (), 0))
    known: Kind = "labels" if _is_yes_no(kind, names) else kind
    return PredictionTable(ARRAYS, found[0].labels, tuple(found), tuple(notes), known)


@dataclass(frozen=True)
class _Place:
    kind: Kind
    names: tuple[str, ...]
    configuration: str
    split: str

    @property
    def words(self) -> str:
        return f"{self.configuration} in {self.split}"


def _is_yes_no(kind: Kind, names: Sequence[str]) -> bool:
    """Two classes are one label: its threshold is worth choosing."""
    return kind == "class" and len(names) == TWO_AXES


def _columns(predicted: Predicted) -> FloatArray:
    """(rows, columns); of a list of (rows, 2), as predict_proba of several labels, each second column."""
    if isinstance(predicted, list | tuple) and all(np.ndim(each) == TWO_AXES for each in predicted):
        arrays = [np.asarray(each, dtype=np.float64) for each in predicted]
        if any(each.shape[1] != TWO_AXES for each in arrays):
            raise DecisionError(
                f"a list of predictions must hold (rows, 2) arrays, one a label, got {[a.shape for a in arrays]}",
                "Give one array (rows, classes) for classes that exclude each other.",
            )
        return np.stack([each[:, 1] for each in arrays], axis=1)
    try:
        values = np.asarray(predicted, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DecisionError(f"predictions must be numbers, got: {error}", REMEDY) from error
    if values.ndim not in (1, TWO_AXES) or 0 in values.shape:
        raise DecisionError(f"predictions must have shape (rows,) or (rows, columns), got {values.shape}", REMEDY)
    return values[:, None] if values.ndim == 1 else values


def _kind(gold: NDArray[Any], predicted: FloatArray) -> Kind:
    """Several columns for one of gold are classes; one is a number, unless both could be a yes-or-no question's."""
    if gold.ndim == 1 and predicted.shape[1] > 1:
        return "class"
    is_number = np.issubdtype(gold.dtype, np.number) or gold.dtype == np.bool_
    if not is_number:
        return "labels"  # refused there, by its values
    is_yes_no = bool(np.isin(gold, (0, 1)).all()) and bool(((predicted >= 0) & (predicted <= 1)).all())
    return "labels" if is_yes_no or not np.issubdtype(gold.dtype, np.floating) else "number"


def _names(kind: Kind, gold: NDArray[Any], width: int, labels: Sequence[str] | None) -> tuple[str, ...]:
    if labels is not None:
        names = tuple(map(str, labels))
    elif kind == "class":
        names = tuple(map(str, np.unique(gold)))  # in scikit-learn's order of classes_
    else:
        names = ("label" if kind == "labels" else "number",) if width == 1 else tuple(map(str, range(width)))
    if len(names) != width or len(set(names)) != width:
        raise DecisionError(
            f"there must be one distinct name for each of the {width} columns of predictions, got {list(names)}",
            "Give labels=[…] in the order of the columns, such as classes_ of a scikit-learn model.",
        )
    return names


def _split(
    place: _Place, split: ArraySplit, fold: IntArray | None, groups: Sequence[object] | None
) -> SplitPredictions:
    values = _columns(split.predictions[place.configuration])
    if values.shape[1] != len(place.names):
        raise DecisionError(
            f"{place.words}: there must be {len(place.names)} columns, one of {', '.join(place.names)} each, got "
            f"{values.shape[1]}",
            REMEDY,
        )
    values = finite(values, place.words) if place.kind == "number" else as_probability(values, place.names)
    gold = None if split.gold is None else _gold(place, np.asarray(split.gold))
    for what, length in (("gold", None if gold is None else len(gold)), ("folds", None if fold is None else len(fold))):
        if length is not None and length != len(values):
            problem = f"{place.words}: {what} must have {len(values)} rows as it has, got {length}"
            raise DecisionError(problem, REMEDY)
    own = None if groups is None or fold is None else tuple(map(str, groups))
    if own is not None and len(own) != len(values):
        raise DecisionError(f"groups must have {len(values)} rows as predictions, got {len(own)}", REMEDY)
    if _is_yes_no(place.kind, place.names):
        gold, values = None if gold is None else gold == 1, values[:, 1:]
    return SplitPredictions(tuple(map(str, range(len(values)))), fold, gold, values, own)


def _gold(place: _Place, gold: NDArray[Any]) -> NDArray[Any]:
    """(rows, columns), of classes codes (rows, 1)."""
    if place.kind == "class":
        said, codes = np.unique(gold.astype(str), return_inverse=True)
        unknown = sorted(set(said.tolist()) - set(place.names))
        if unknown:
            raise DecisionError(
                f"{place.words}: gold must be one of {', '.join(place.names)}, got {', '.join(unknown)}",
                "Give labels=[…] in the order of the columns, such as classes_ of a scikit-learn model.",
            )
        places = np.array([place.names.index(name) for name in said.tolist()], dtype=np.int64)
        return places[codes.reshape(-1)][:, None]
    columns = gold[:, None] if gold.ndim == 1 else gold
    if place.kind == "number":
        return finite(columns, "gold")
    return as_bool(columns, "gold", TWO_AXES)

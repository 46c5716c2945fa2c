"""A table of predictions from arrays in memory, as ``read_predictions`` makes one from a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tune_polar.decide.array_arguments import REMEDY, TWO_AXES, Predicted, ReadSplit, read_split
from tune_polar.decide.array_checks import FloatArray, as_bool, as_probability, finite, fold_numbers, numbered_folds
from tune_polar.decide.named_arrays import NamedArray, keys_of, listed, spelled, spellings_of
from tune_polar.decide.prediction_columns import Kind
from tune_polar.decide.predictions import OOF, ConfigurationPredictions, PredictionTable, SplitPredictions
from tune_polar.errors import DecisionError

ARRAYS = Path("arrays")  # what messages name in place of a file
ONE = "predictions"  # the name of predictions that have none
OF_CLASSES = (
    "Give a column for each class of gold and labels=[…] in the order of the columns, such as classes_ of a "
    "scikit-learn model, and .to_numpy() of predictions that call them otherwise."
)


@dataclass(frozen=True, eq=False)
class ArraySplit:
    """One split: gold (rows,) or (rows, columns), or None, and each configuration's predictions of it."""

    gold: object
    predictions: Mapping[str, Predicted]


def table_of_arrays(
    splits: Mapping[str, ArraySplit],
    folds: ArrayLike | None,
    labels: Sequence[str] | None,
    groups: Iterable[object] | None,
) -> PredictionTable:
    """The table; what has names of rows or columns, as those of pandas, is put in one order by them.

    Args:
        splits: ``oof``, which has gold, and any other.
        folds: fold of each out-of-fold row, (rows,), by number or name; None: all of one fold.
        labels: names of the columns, of classes what gold says; None: the columns' own, what gold holds, or numbers
            from 0. Tables that have none of these names go by position.
        groups: group of each out-of-fold row.

    Raises:
        DecisionError: arrays that do not fit together, or values that are no gold or no prediction.
    """
    own = read_split("", splits[OOF].gold, splits[OOF].predictions, folds, groups)
    if own.gold is None:
        raise DecisionError("gold of the out-of-fold rows must be an array, got None", REMEDY)
    read = {OOF: own}
    read |= {s: read_split(f" of {s}", each.gold, each.predictions) for s, each in splits.items() if s != OOF}
    kind = _kind(own.gold.values, next(iter(own.predictions.values())).values)
    names = _names(kind, own.gold, own.predictions, labels)
    spellings = spellings_of(names, (table for each in read.values() for table in each.tables), labels is not None)
    notes = [note for each in read.values() for note in each.notes]
    notes += [f"columns {listed(each)} are, by position, {listed(names)}" for each in spellings[1:]]
    if kind == "class" and len(names) == TWO_AXES:
        notes.append(f"two classes, {names[0]} and {names[1]}: {names[1]} is the label that is decided")
    rows = len(own.gold.values)
    numbers, said = (np.zeros(rows), []) if own.folds is None else numbered_folds(own.folds)
    read[OOF] = replace(own, folds=fold_numbers(numbers, rows))
    notes += said
    found = []
    for name in own.predictions:
        parts = {
            split: _split(_Place(kind, spellings, name, split), each)
            for split, each in read.items()
            if name in each.predictions
        }
        shown = names[1:] if _is_yes_no(kind, names) else names
        found.append(ConfigurationPredictions(name, {"name": name}, shown, parts, (), 0))
    known: Kind = "labels" if _is_yes_no(kind, names) else kind
    return PredictionTable(ARRAYS, found[0].labels, tuple(found), tuple(notes), known)


@dataclass(frozen=True)
class _Place:
    kind: Kind
    spellings: Sequence[tuple[str, ...]]
    configuration: str
    split: str

    @property
    def names(self) -> tuple[str, ...]:
        return self.spellings[0]

    @property
    def words(self) -> str:
        return f"{self.configuration} in {self.split}"


def _is_yes_no(kind: Kind, names: Sequence[str]) -> bool:
    """Two classes are one label: its threshold is worth choosing."""
    return kind == "class" and len(names) == TWO_AXES


def _kind(gold: NDArray[Any], predicted: FloatArray) -> Kind:
    """Several columns for one of gold are classes; one is a number, unless both could be a yes-or-no question's."""
    if gold.ndim == 1 and predicted.shape[1] > 1:
        return "class"
    is_number = np.issubdtype(gold.dtype, np.number) or gold.dtype == np.bool_
    if not is_number:
        return "labels"  # refused there, by its values
    is_yes_no = bool(np.isin(gold, (0, 1)).all()) and bool(((predicted >= 0) & (predicted <= 1)).all())
    return "labels" if is_yes_no or not np.issubdtype(gold.dtype, np.floating) else "number"


def _names(
    kind: Kind, gold: NamedArray, predictions: Mapping[str, NamedArray], labels: Sequence[str] | None
) -> tuple[str, ...]:
    """As told, else the names of columns, of gold's first, else what gold holds, else numbers.

    Columns called as the classes of gold stand in the order of these, whose last is the label of two.
    """
    width = next(iter(predictions.values())).values.shape[1]
    tables = (*(() if kind == "class" else (gold,)), *predictions.values())
    own = {each.name for each in predictions.values()}
    told = next((each.columns for each in tables if each.has_own_names and len(each.columns or ()) > 1), None)
    said = _classes(gold.values) if kind == "class" else ()
    if labels is not None:
        names = tuple(map(spelled, labels))
    elif told is not None:
        return said if set(keys_of(said)) == set(keys_of(told)) else told
    elif kind == "class":
        names = said
    elif width == 1:
        return (gold.name or (own.pop() if len(own) == 1 else "") or ("label" if kind == "labels" else "number"),)
    else:
        return tuple(map(str, range(width)))
    if len(names) != width or len(set(keys_of(names))) != width:
        raise DecisionError(
            f"there must be one distinct name for each of the {width} columns of predictions, got {list(names)}",
            OF_CLASSES if kind == "class" else "Give labels=[…] in the order of the columns.",
        )
    return names


def _classes(gold: NDArray[Any]) -> tuple[str, ...]:
    """In scikit-learn's order of ``classes_``."""
    said = pd.unique(gold)
    try:
        return tuple(map(spelled, sorted(said)))
    except TypeError:  # texts among numbers
        return tuple(sorted(map(spelled, said)))


def _split(place: _Place, split: ReadSplit) -> SplitPredictions:
    given = split.predictions[place.configuration]
    if given.values.shape[1] != len(place.names) and not given.has_own_names:
        raise DecisionError(
            f"{place.words}: there must be {len(place.names)} columns, one of {', '.join(place.names)} each, got "
            f"{given.values.shape[1]}",
            REMEDY,
        )
    values = given.by_columns(*place.spellings)
    values = finite(values, place.words) if place.kind == "number" else as_probability(values, place.names)
    gold = None if split.gold is None else _gold(place, split.gold)
    for what, each in (("gold", gold), ("folds", split.folds), ("groups", split.groups)):
        if each is not None and len(each) != len(values):
            problem = f"{place.words}: {what} must have {len(values)} rows as it has, got {len(each)}"
            raise DecisionError(problem, REMEDY)
    if _is_yes_no(place.kind, place.names):
        gold, values = None if gold is None else gold == 1, values[:, 1:]
    groups = None if split.groups is None else tuple(split.groups.tolist())
    return SplitPredictions(tuple(map(str, range(len(values)))), split.folds, gold, values, groups)


def _gold(place: _Place, given: NamedArray) -> NDArray[Any]:
    """(rows, columns), of classes codes (rows, 1)."""
    gold = given.values
    width = 1 if place.kind == "class" else len(place.names)
    if width != (1 if gold.ndim == 1 else gold.shape[1]):
        raise DecisionError(f"{place.words}: gold must have shape (rows, {width}), got {gold.shape}", REMEDY)
    if place.kind == "class":
        codes, found = pd.factorize(gold)
        said, known = [spelled(each) for each in found], keys_of(place.names)
        unknown = sorted(name for name, key in zip(said, keys_of(said), strict=True) if key not in known)
        if unknown:
            raise DecisionError(
                f"{place.words}: gold must be one of {', '.join(place.names)}, got {', '.join(unknown)}", OF_CLASSES
            )
        places = np.array([known.index(key) for key in keys_of(said)], dtype=np.int64)
        return places[codes][:, None]
    columns = gold[:, None] if gold.ndim == 1 else given.by_columns(*place.spellings)
    if place.kind == "number":
        return finite(columns, "gold")
    return as_bool(columns, "gold", TWO_AXES)

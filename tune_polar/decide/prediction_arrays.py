"""A table of predictions from arrays in memory, as ``read_predictions`` makes one from a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tune_polar.decide.array_arguments import REMEDY, TWO_AXES, Predicted, ReadSplit, read_split
from tune_polar.decide.array_checks import FloatArray, as_bool, as_probability, finite, fold_numbers, numbered_folds
from tune_polar.decide.named_arrays import NamedArray
from tune_polar.decide.prediction_columns import Kind
from tune_polar.decide.predictions import OOF, ConfigurationPredictions, PredictionTable, SplitPredictions
from tune_polar.errors import DecisionError

ARRAYS = Path("arrays")  # what messages name in place of a file
ONE = "predictions"  # the name of predictions that have none


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
            from 0.
        groups: group of each out-of-fold row.

    Raises:
        DecisionError: arrays that do not fit together, or values that are no gold or no prediction.
    """
    notes = list[str]()
    own = read_split("", splits[OOF].gold, splits[OOF].predictions, folds, groups)
    if own.gold is None:
        raise DecisionError("gold of the out-of-fold rows must be an array, got None", REMEDY)
    read = {OOF: own}
    read |= {s: read_split(f" of {s}", each.gold, each.predictions) for s, each in splits.items() if s != OOF}
    kind = _kind(own.gold.values, next(iter(own.predictions.values())).values)
    names = _names(kind, own.gold, own.predictions, labels)
    if kind == "class" and len(names) == TWO_AXES:
        notes.append(f"two classes, {names[0]} and {names[1]}: {names[1]} is the label that is decided")
    rows = len(own.gold.values)
    numbers, said = (np.zeros(rows), []) if own.folds is None else numbered_folds(own.folds)
    read[OOF] = replace(own, folds=fold_numbers(numbers, rows))
    notes += said
    found = []
    for name in own.predictions:
        parts = {
            split: _split(_Place(kind, names, name, split), each)
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
    names: tuple[str, ...]
    configuration: str
    split: str

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
    """As told, else the names of columns, of gold's first, else what gold holds, else numbers."""
    width = next(iter(predictions.values())).values.shape[1]
    tables = (*(() if kind == "class" else (gold,)), *predictions.values())
    told = next((each.columns for each in tables if each.columns is not None and each.has_own_names), None)
    if labels is not None:
        names = tuple(map(str, labels))
    elif told is not None:
        names = told
    elif kind == "class":
        names = tuple(map(str, np.unique(gold.values)))  # in scikit-learn's order of classes_
    else:
        alone = gold.name or ("label" if kind == "labels" else "number")
        names = (alone,) if width == 1 else tuple(map(str, range(width)))
    if len(names) != width or len(set(names)) != width:
        raise DecisionError(
            f"there must be one distinct name for each of the {width} columns of predictions, got {list(names)}",
            "Give labels=[…] in the order of the columns, such as classes_ of a scikit-learn model.",
        )
    return names


def _split(place: _Place, split: ReadSplit) -> SplitPredictions:
    given = split.predictions[place.configuration]
    if given.values.shape[1] != len(place.names) and not given.has_own_names:
        raise DecisionError(
            f"{place.words}: there must be {len(place.names)} columns, one of {', '.join(place.names)} each, got "
            f"{given.values.shape[1]}",
            REMEDY,
        )
    values = given.by_columns(place.names)
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
    columns = gold[:, None] if gold.ndim == 1 else given.by_columns(place.names)
    if place.kind == "number":
        return finite(columns, "gold")
    return as_bool(columns, "gold", TWO_AXES)

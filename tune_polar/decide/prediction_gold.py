"""The gold of a predictions file: labels, classes or numbers, checked against its splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, softmax

from tune_polar.data.cell_values import shown
from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.decide.prediction_cells import check_agreement, labels_in, numbers_in, refuse, score_values
from tune_polar.decide.prediction_columns import LOGIT, SPLIT, Columns
from tune_polar.decide.predictions import OOF
from tune_polar.errors import DecisionError

WHOLE = 1e-3  # by which a row's probabilities may miss 1 in all


def predicted_values(frame: pd.DataFrame, columns: Columns, path: Path) -> FloatArray:
    """Probabilities of labels or classes, or numbers; (rows, columns)."""
    scores = score_values(frame, columns, path)
    if columns.kind == "class":
        return np.asarray(softmax(scores, axis=1)) if columns.logits else _whole(scores, columns, path)
    return np.asarray(expit(scores)) if columns.logits else scores


def _whole(shares: FloatArray, columns: Columns, path: Path) -> FloatArray:
    wrong = np.abs(shares.sum(axis=1) - 1) > WHOLE
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DecisionError(
            f"{path}: the probabilities of {', '.join(columns.labels)} must add up to 1, got "
            f"{shares[row].sum():.4g} in row {row + 1}; {int(wrong.sum())} such rows",
            f"Name the columns {LOGIT}<class> if they hold logits; labels that may be given together have a gold "
            "column each.",
        )
    return shares


def gold_values(frame: pd.DataFrame, columns: Columns, path: Path) -> tuple[NDArray[Any], BoolArray]:
    """Gold (rows, columns) and which rows have it (rows,); of classes codes (rows, 1)."""
    if columns.kind == "class":
        values = _codes(frame[columns.gold[0]], columns, path)[:, None]
    elif columns.kind == "number":
        values = np.stack([numbers_in(frame, name, path) for name in columns.gold], axis=1)
    else:
        values = np.stack([labels_in(frame[name], name, path) for name in columns.gold], axis=1)
    absent = np.isnan(values)
    # A split without any gold is one to predict; anything in between is a mistake.
    groups = frame.groupby([*columns.settings, SPLIT], sort=False).ngroup().to_numpy()
    without = np.bincount(groups, weights=absent.all(axis=1)) == np.bincount(groups)
    allowed = without[groups] & (frame[SPLIT] != OOF).to_numpy()
    rule = {"labels": "be 0 or 1", "class": "be a class", "number": "hold numbers"}[columns.kind]
    for place, name in enumerate(columns.gold):
        remedy = "Give the gold of all rows of a split, or of none (never of none for oof)."
        refuse(absent[:, place] & ~allowed, values[:, place], name, rule, remedy, path)
    check_agreement(frame, values, path)
    has_gold = np.asarray(~absent.any(axis=1))
    if columns.kind == "labels":
        return np.asarray(values == 1), has_gold
    filled = np.where(absent, 0.0, values)
    return filled.astype(np.int64) if columns.kind == "class" else filled, has_gold


def _codes(column: pd.Series[Any], columns: Columns, path: Path) -> FloatArray:
    """Places of classes among the columns, (rows,); NaN where a cell is empty."""
    places = {name: float(place) for place, name in enumerate(columns.labels)}
    codes, said = pd.factorize(column)
    known = [_place(str(cell).strip(), places) for cell in said]
    wrong = np.array([value is None for value in known] + [False])[codes]
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DecisionError(
            f"{path}: {columns.gold[0]} must be one of the classes {', '.join(columns.labels)}, got "
            f"{shown(str(column.iloc[row]))} in row {row + 1}; {int(wrong.sum())} such cells",
            "Name each class's column by what stands in gold.",
        )
    return np.array([*known, np.nan], dtype=np.float64)[codes]


def _place(cell: str, places: dict[str, float]) -> float | None:
    if not cell or cell == "nan":
        return places.get(cell, np.nan)
    return places.get(cell, places.get(cell.removesuffix(".0")))  # whole numbers beside empty cells are read as 1.0

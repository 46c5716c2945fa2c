"""The checks of a predictions file's cells. Rows are counted from 1, the first under the header."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tune_polar.data.cell_values import label_of, shown
from tune_polar.decide.array_checks import BoolArray, FloatArray, IntArray, numbered_folds
from tune_polar.decide.prediction_columns import FOLD, GOLD, ID, JUDGED, SPLIT, Columns
from tune_polar.decide.predictions import OOF
from tune_polar.errors import DecisionError

FLOAT_ERROR = 1e-6  # of a probability: a softmax of 32 bits gives 1.0000001


def columns_in_use(frame: pd.DataFrame, columns: Columns) -> tuple[Columns, list[str]]:
    """Less what tells no configuration from another: columns without a name, empty ones, those of single rows.

    A column of single rows has one value for each text, whoever predicts it: an index, a text, a language.
    """
    notes = ["columns without a name are left out"] if columns.unnamed else []
    text = _texts(frame)
    first = _first_rows(text)
    out_of_fold = (frame[SPLIT] == OOF).to_numpy()
    kept = []
    for name in columns.settings:
        codes, values = pd.factorize(frame[name])
        own = codes[out_of_fold] if out_of_fold.any() else codes
        if all(not value.strip() for value in values):
            notes.append(f"column {name} is empty and is left out")
        elif (own != own[0]).any() and np.array_equal(codes, codes[first[text]]):
            notes.append(
                f"column {name} tells rows apart and no configurations, and is left out (--group {name} compares them)"
            )
        else:
            kept.append(name)
    return replace(columns, settings=tuple(kept)), notes


def judged_rows(frame: pd.DataFrame, columns: Columns, path: Path) -> tuple[pd.DataFrame, list[str]]:
    """The rows whose ``judged`` is not 0, and a note where some are left out."""
    if not columns.has_judged:
        return frame, []
    judged = labels_in(frame[JUDGED].astype(str), JUDGED, path) != 0
    if not judged.any():
        raise DecisionError(
            f"{path}: {JUDGED} must be 1 in at least one row, got 0 in all {len(frame)}", "Leave the column out."
        )
    left_out = int(np.count_nonzero(~judged))
    notes = [f"{left_out} rows whose {JUDGED} is 0 are left out"] if left_out else []
    return frame[judged].reset_index(drop=True), notes


def check_splits(frame: pd.DataFrame, path: Path) -> None:
    """Refuse rows without a split or an id."""
    for column in (SPLIT, ID):
        empty = (frame[column].str.strip() == "").to_numpy()
        if empty.any():
            raise DecisionError(
                f"{path}: {column} must not be empty, got '' in row {int(np.argmax(empty)) + 1}; "
                f"{int(empty.sum())} such rows",
                "Write oof, dev or test into split, and the text's id into id.",
            )


def check_ids(frame: pd.DataFrame, columns: Columns, path: Path) -> None:
    """Refuse an id that occurs twice in one split of one configuration; out-of-fold rows, in one fold."""
    keys = [*columns.settings, SPLIT, ID]
    apart = frame[FOLD].where(frame[SPLIT] == OOF) if columns.has_fold else pd.Series(0, frame.index)
    twice = frame[keys].assign(**{FOLD: apart}).duplicated().to_numpy()
    if twice.any():
        row = int(np.argmax(twice))
        raise DecisionError(
            f"{path}: an id must occur once per configuration and split (of oof: and fold), got "
            f"{frame[ID].iloc[row]!r} in split {frame[SPLIT].iloc[row]!r} again in row {row + 1}; "
            f"{int(twice.sum())} such rows",
            "Remove the second copy, or add a column (seed, model …) that tells the configurations apart.",
        )


def numbers_in(frame: pd.DataFrame, column: str, path: Path) -> FloatArray:
    """The column as float64, NaN where a cell is empty."""
    values = pd.to_numeric(frame[column], errors="coerce")
    result = values.to_numpy(dtype=np.float64, na_value=np.nan)
    words = np.isnan(result) & frame[column].notna().to_numpy()
    if words.any():
        row = int(np.argmax(words))
        raise DecisionError(
            f"{path}: {column} must hold numbers, got {frame[column].iloc[row]!r} in row {row + 1}; "
            f"{int(words.sum())} such cells",
            "Write numbers with a decimal point, and leave a cell empty where there is no value.",
        )
    return result


def labels_in(column: pd.Series[Any], name: str, path: Path) -> FloatArray:
    """0 and 1 by the rule of all tables, (rows,); NaN where a cell is empty."""
    codes, said = pd.factorize(column)
    known = [np.nan if not str(cell).strip() else label_of(str(cell)) for cell in said]
    wrong = np.array([value is None for value in known] + [False])[codes]
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DecisionError(
            f"{path}: {name} must be 0 or 1, got {shown(str(column.iloc[row]))} in row {row + 1}; "
            f"{int(wrong.sum())} such cells",
            "Turn the labels into 0 and 1 first.",
        )
    return np.array([*known, np.nan], dtype=np.float64)[codes]  # code −1 is of an empty cell


def refuse(wrong: BoolArray, values: FloatArray, column: str, rule: str, remedy: str, path: Path) -> None:
    """Refuse a column where any cell is ``wrong``; the first is named."""
    if wrong.any():
        row = int(np.argmax(wrong))
        found = "an empty cell" if np.isnan(values[row]) else repr(float(values[row])).removesuffix(".0")
        raise DecisionError(
            f"{path}: {column} must {rule}, got {found} in row {row + 1}; {int(wrong.sum())} such cells",
            remedy,
        )


def drop_empty_labels(frame: pd.DataFrame, columns: Columns, path: Path) -> tuple[Columns, list[str]]:
    """Leave out labels whose gold is empty in every row; a note for each."""
    if columns.kind == "class":
        return columns, []
    empty = [label for label in columns.labels if frame[GOLD + label].isna().all()]
    if len(empty) == len(columns.labels):
        raise DecisionError(
            f"{path}: at least one label must have gold, got empty gold columns for {', '.join(empty)}",
            "Give the gold labels of the out-of-fold rows.",
        )
    kept = [place for place, label in enumerate(columns.labels) if label not in empty]
    notes = [f"label {label} has no gold in any row and is left out" for label in empty]
    return (
        replace(
            columns,
            labels=tuple(columns.labels[place] for place in kept),
            scores=tuple(columns.scores[place] for place in kept),
        ),
        notes,
    )


def score_values(frame: pd.DataFrame, columns: Columns, path: Path) -> FloatArray:
    """Logits, probabilities or values as they are written, (rows, labels)."""
    parts = []
    for column in columns.scores:
        values = numbers_in(frame, column, path)
        if columns.logits or columns.kind == "number":
            remedy = "Look at that fold's training curve: a loss that became NaN leaves such values."
            refuse(~np.isfinite(values), values, column, "hold finite numbers", remedy, path)
        else:
            remedy = f"Name the column logit/{column.partition('/')[2]} if it holds logits."
            wrong = ~((values >= -FLOAT_ERROR) & (values <= 1 + FLOAT_ERROR))
            refuse(wrong, values, column, "lie between 0 and 1", remedy, path)
            values = np.clip(values, 0.0, 1.0)
        parts.append(values)
    return np.stack(parts, axis=1)


def _texts(frame: pd.DataFrame) -> IntArray:
    """Which text each row is of, numbered from 0, (rows,)."""
    return np.asarray(frame.groupby([SPLIT, ID], sort=False).ngroup(), dtype=np.int64)


def _first_rows(text: IntArray) -> IntArray:
    """The first row of each text, (texts,); ``text`` (rows,) numbers them from 0."""
    first = np.full(int(text.max(initial=-1)) + 1, -1, dtype=np.int64)
    first[text[::-1]] = np.arange(len(text))[::-1]
    return first


def check_agreement(frame: pd.DataFrame, gold: FloatArray, path: Path) -> None:
    """Refuse two configurations that disagree on the gold of one text."""
    text = _texts(frame)
    first = _first_rows(text)
    known = ~np.isnan(gold).any(axis=1) & ~np.isnan(gold[first[text]]).any(axis=1)
    wrong = known & (gold != gold[first[text]]).any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DecisionError(
            f"{path}: every configuration must have the same gold for one text, got other labels for "
            f"{frame[ID].iloc[row]!r} in row {row + 1} than in row {int(first[text[row]]) + 1}",
            "Score all configurations against one and the same gold file.",
        )


def fold_column(frame: pd.DataFrame, columns: Columns, path: Path) -> tuple[IntArray, list[str]]:
    """Fold numbers, (rows,), and a note where folds have names; −1 outside the out-of-fold rows."""
    out_of_fold = (frame[SPLIT] == OOF).to_numpy()
    result = np.full(len(frame), -1, dtype=np.int64)
    if not out_of_fold.any():
        return result, []
    if not columns.has_fold:
        raise DecisionError(
            f"{path}: must have the column {FOLD}, since it has rows of split {OOF!r}; got no such column",
            "Write the number of the fold whose model predicted each out-of-fold row.",
        )
    numbered, notes = numbered_folds(frame[FOLD].to_numpy(dtype=object)[out_of_fold])
    if notes:
        result[out_of_fold] = numbered
        return result, notes
    values = numbers_in(frame, FOLD, path)
    wrong = out_of_fold & ~((values >= 0) & (values == np.floor(values)) & np.isfinite(values))
    remedy = "Write the number of the fold whose model predicted each out-of-fold row."
    refuse(wrong, values, FOLD, "be a whole number, 0 or more, in out-of-fold rows", remedy, path)
    result[out_of_fold] = values[out_of_fold].astype(np.int64)
    return result, []

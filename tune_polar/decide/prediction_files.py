"""Read a predictions file: CSV or TSV, plain or packed, or Parquet → ``PredictionTable``."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from tune_polar.data.readers.delimited import Lines, other_separator
from tune_polar.data.readers.form import PARQUET, encoding_of, is_json_lines, start_of
from tune_polar.data.readers.parquet import characters_of, check_characters, text_as_written
from tune_polar.data.readers.places import Place, UnreadableError
from tune_polar.decide.array_checks import IntArray
from tune_polar.decide.prediction_cells import (
    check_ids,
    check_splits,
    columns_in_use,
    drop_empty_labels,
    fold_column,
    judged_rows,
)
from tune_polar.decide.prediction_columns import GOLD, ID, SPLIT, Columns, Kind, columns_of
from tune_polar.decide.prediction_gold import gold_values, predicted_values
from tune_polar.decide.predictions import OOF, ConfigurationPredictions, PredictionTable, SplitPredictions
from tune_polar.errors import DecisionError

# Of a file of predictions, unzipped: far more than any table that one would look at. 1,000 configurations of five folds
# of 5,000 rows each are 25 million rows.
MOST_BYTES = 2**31
MOST_ROWS = 30_000_000
MOST_COLUMNS = 1000
MOST_CELLS = 10**9
LONGEST_HEADER = 2**20  # characters of its line


def read_predictions(path: Path, group: str | None = None) -> PredictionTable:
    """Read ``path`` and check every cell of it.

    Form and labels are recognised as in data files: UTF-8 or UTF-16, gzip and Parquet whatever the name, comment lines
    and a line ``sep=;`` before the header, tabs where the name ends in .tsv.

    ``group`` names a column of it that tells groups of rows apart (a language), not configurations.

    Labels whose gold is empty throughout are dropped, and a note says so. A split other than ``oof`` may come
    without gold. A configuration may lack folds that others have: it says so itself.

    Raises:
        DecisionError: the file cannot be read, or a column or cell breaks a rule; the message names file,
            row, column and value. Row 1 is the first row under the header.
    """
    try:
        frame, columns = _read(path, group)
    except DecisionError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DecisionError(
            f"{path}: must be a readable CSV, TSV or Parquet file of predictions, got: {reason}",
            "Check the path, and that the file is whole and its name ends as its format does.",
        ) from error
    if frame.empty:
        raise DecisionError(f"{path}: must have at least one row, got none", "Write predictions first.")
    return _build(path, frame, columns)


def _read(path: Path, group: str | None) -> tuple[pd.DataFrame, Columns]:
    """The file's cells; text columns and gold as written, others as numbers where they all are."""
    place = Place(str(path))
    try:
        with place.open() as file:
            start = start_of(file)
            if start.startswith(PARQUET):
                return _read_parquet(path, group)
            if place.suffix == ".parquet" or is_json_lines(start):
                raise DecisionError(
                    f"{path}: a table of predictions must be CSV, TSV or Parquet and be called so, got "
                    f"{'JSON lines' if is_json_lines(start) else 'other bytes than those of Parquet'}",
                    "Write it with pandas' to_csv or to_parquet, or name it as what it is.",
                )
            rows = _lines_within_bounds(place)
            separator = "\t" if place.suffix in (".tsv", ".tab") else ","
            with io.TextIOWrapper(file, encoding=encoding_of(start), newline="") as text:
                return _read_text(path, _Checked(path, text), separator, group, rows)
    except UnreadableError as error:
        raise DecisionError(
            f"{path}: a table of predictions {error.message}", "Check the path, and that the file is whole."
        ) from error


def _check_shape(path: Path, rows: int, columns: int) -> None:
    """Refuse more rows, columns or cells than a report can be made of."""
    bounds = ((rows, MOST_ROWS, "rows"), (columns, MOST_COLUMNS, "columns"), (rows * columns, MOST_CELLS, "cells"))
    for found, most, what in bounds:
        if found > most:
            raise DecisionError(
                f"{path}: a table of predictions must have at most {most:,} {what}, got {found:,}",
                "Give fewer configurations, or fewer labels, at once.",
            )


def _lines_within_bounds(place: Place) -> int:
    """How many lines it has; refuses what unzips to more than can be meant, before all of it is in memory."""
    size = lines = 0
    with place.open() as file:
        while part := file.read(2**20):
            size += len(part)
            lines += part.count(b"\n")
            if size > MOST_BYTES:
                raise DecisionError(
                    f"{place}: a table of predictions must have at most {MOST_BYTES:,} bytes, got more",
                    "Give fewer configurations at once, or Parquet.",
                )
    return lines


def _read_parquet(path: Path, group: str | None) -> tuple[pd.DataFrame, Columns]:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        _check_shape(path, file.metadata.num_rows, file.metadata.num_columns)
        characters = 0
        for batch in text_as_written(file, path).iter_batches():
            characters += sum(map(characters_of, batch.columns))
            check_characters(characters, MOST_BYTES)
    frame = pd.read_parquet(path)
    columns = columns_of([str(name) for name in frame.columns], path, group)
    return frame.fillna(dict.fromkeys(columns.texts, "")).astype(dict.fromkeys(columns.texts, str)), columns


def _read_text(
    path: Path, text: _Checked, separator: str, group: str | None, rows: int
) -> tuple[pd.DataFrame, Columns]:
    lines = Lines(iter(text.readline, ""))
    lines.to_header(separator)
    separator = lines.separator or separator
    header = next(csv.reader(lines, delimiter=separator), [])
    other = other_separator(header, separator) if header else None
    if other is not None:
        raise DecisionError(f"{path}, row {lines.number}: {other}", "Do one of these.")
    _check_shape(path, rows, len(header))
    columns = columns_of(header, path, group)
    gold = [name for name in header if name.startswith(GOLD)]
    numbers = [name for name in header if name not in columns.texts and name not in gold]
    text.say_again(header, separator)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # it drops the cells that the header does not name
        try:
            frame = pd.read_csv(
                cast("Any", text),  # what pandas asks of it
                sep=separator,
                dtype=dict.fromkeys(columns.texts, "str") | dict.fromkeys(gold, "category"),
                keep_default_na=False,  # an id may read "NA" or "null"
                na_values={name: [""] for name in [*numbers, *gold]},
                index_col=False,
                low_memory=False,
            )
        except pd.errors.ParserWarning:
            raise DecisionError(
                f"{path}: a row must have as many cells as the header ({len(header)}), got more in the first",
                "Name every column, or write the rows without an index.",
            ) from None
    return frame, columns


class _Checked:
    """A text as pandas reads it, refused at its first NUL character."""

    def __init__(self, path: Path, text: io.TextIOWrapper) -> None:
        self._path, self._text = path, text
        self._again = ""

    def __iter__(self) -> Iterator[str]:
        return iter(self.readline, "")

    def readline(self) -> str:
        """One line."""
        return self._checked(self._text.readline(LONGEST_HEADER))

    def say_again(self, header: Sequence[str], separator: str) -> None:
        """Give the header once more, for whoever reads from here on."""
        line = io.StringIO()
        csv.writer(line, delimiter=separator, lineterminator="\n").writerow(header)
        self._again = line.getvalue()

    def read(self, size: int = -1) -> str:
        """Up to ``size`` characters."""
        if self._again:
            said, self._again = self._again, ""
            return said
        return self._checked(self._text.read(size))

    def _checked(self, said: str) -> str:
        if "\0" in said:
            raise DecisionError(
                f"{self._path}: a table must be text, got a NUL character",
                "Write it as UTF-8; UTF-16 without a byte order mark has such characters.",
            )
        return said


def _build(path: Path, frame: pd.DataFrame, columns: Columns) -> PredictionTable:
    frame, notes = judged_rows(frame, columns, path)
    check_splits(frame, path)
    columns, left_out = columns_in_use(frame, columns)
    keys = list(columns.settings)
    check_ids(frame, columns, path)
    columns, empty = drop_empty_labels(frame, columns, path)
    notes = [*empty, *notes, *left_out]
    probability = predicted_values(frame, columns, path)
    gold, has_gold = gold_values(frame, columns, path)
    kind, labels = columns.kind, columns.labels
    if kind == "class" and len(labels) == 2:  # yes or no: the second class's threshold is worth choosing
        notes.append(f"two classes, {labels[0]} and {labels[1]}: {labels[1]} is the label that is decided")
        kind, labels, gold, probability = "labels", labels[1:], gold == 1, probability[:, 1:]
    fold, named = fold_column(frame, columns, path)
    notes += named
    out_of_fold = (frame[SPLIT] == OOF).to_numpy()
    all_folds, all_rows = np.unique(fold[out_of_fold]), _rows_to_have(frame[out_of_fold], keys)
    ids = frame[ID].to_numpy(dtype=object)
    groups = None if columns.group is None else frame[columns.group].to_numpy(dtype=object)
    found = []
    for values, rows in _groups(frame, keys):
        splits = {}
        for split, own in _groups(frame.iloc[rows], [SPLIT]):
            here = rows[own]
            splits[split[0]] = SplitPredictions(
                ids=tuple(ids[here]),
                fold=fold[here] if split[0] == OOF else None,
                gold=gold[here] if has_gold[here].all() else None,
                probability=probability[here],
                group=None if groups is None else tuple(groups[here]),
            )
        own_folds = splits[OOF].fold if OOF in splits else None
        missing = sorted(set(all_folds.tolist()) - set(() if own_folds is None else own_folds.tolist()))
        found.append(
            ConfigurationPredictions(
                name=" ".join(f"{key}={value}" for key, value in zip(keys, values, strict=True)) or path.stem,
                settings=dict(zip(keys, values, strict=True)),
                labels=labels,
                splits=splits,
                missing_folds=tuple(missing),
                missing_rows=all_rows - (len(splits[OOF]) if OOF in splits else 0),
            )
        )
    notes += _notes(found, kind)
    return PredictionTable(path, labels, tuple(found), tuple(notes), kind)


def _rows_to_have(frame: pd.DataFrame, keys: list[str]) -> int:
    """Out-of-fold rows of a complete configuration: each text as often as any configuration has it."""
    often = frame.groupby([*keys, ID], sort=False).size()
    return int(often.groupby(level=ID, sort=False).max().sum())


def _groups(frame: pd.DataFrame, keys: list[str]) -> list[tuple[tuple[str, ...], IntArray]]:
    """Values of ``keys`` and the positions of the rows that have them, in order of first appearance."""
    if not keys:
        return [((), np.arange(len(frame)))]
    number = frame.groupby(keys, sort=False).ngroup().to_numpy()
    order = np.argsort(number, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
    return [(tuple(str(frame[key].iloc[rows[0]]) for key in keys), rows) for rows in parts]


def _notes(configurations: list[ConfigurationPredictions], kind: Kind) -> list[str]:
    """What is missing where; a note that holds for all configurations alike is given once."""
    notes: dict[str, list[str]] = {}
    for each in configurations:
        if each.flaw:
            notes.setdefault(f"scores too high out of fold: {each.flaw}", []).append(each.name)
        if each.missing_folds:
            text = f"lacks fold {', '.join(map(str, each.missing_folds))}: left out of BBC-CV"
            notes.setdefault(text, []).append(each.name)
        elif each.missing_rows:
            text = f"lacks {each.missing_rows} out-of-fold rows that others have: left out of BBC-CV"
            notes.setdefault(text, []).append(each.name)
        if OOF in each.splits and (again := len(each.splits[OOF]) - len(set(each.splits[OOF].ids))):
            text = f"has {again} rows of texts that other folds held out too: all are judged, and texts are drawn whole"
            notes.setdefault(text, []).append(each.name)
        for split, part in each.splits.items():
            if part.gold is None:
                notes.setdefault(f"has no gold in {split}: scores there are not applicable", []).append(each.name)
            elif part.fold is not None and kind == "labels":
                for number in np.unique(part.fold):
                    absent = ~part.gold[part.fold == number].any(axis=0)
                    for label in np.flatnonzero(absent):
                        text = f"has no positive row of {each.labels[label]} in fold {number}"
                        notes.setdefault(text, []).append(each.name)
    everyone = len(configurations)
    return [
        f"{'every configuration' if len(names) == everyone and everyone > 1 else ', '.join(names)} {text}"
        for text, names in notes.items()
    ]

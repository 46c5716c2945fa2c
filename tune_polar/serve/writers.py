"""Predictions written part by part as CSV, TSV, JSON lines or Parquet, under their name once they are whole."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from tune_polar.control_characters import visible
from tune_polar.errors import DataError
from tune_polar.store.training_facts import Array
from tune_polar.whole_file import whole_file

DIGITS = 6  # of a number as text, behind the point
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
STANDARD_OUTPUT = "-"


class Writer(Protocol):
    """Where predictions go."""

    def write(self, columns: Mapping[str, Array]) -> None:
        """Some rows; the columns are those of the first rows."""


@contextmanager
def predictions_at(address: str, told: Callable[[str], None]) -> Iterator[Writer]:
    """A file of predictions: nothing is under its name until all rows are there, and nothing is left of half of them.

    Args:
        address: a path whose name ends in ``.csv``, ``.tsv``, ``.jsonl`` (each also ``.gz``) or ``.parquet``; ``-``:
            CSV on standard output.
        told: hears once where text has other cells than were given.

    Raises:
        DataError: the name says no such format, or the file cannot be written.
    """
    if address == STANDARD_OUTPUT:
        yield _Csv(_Shown() if sys.stdout.isatty() else sys.stdout, ",", told)
        sys.stdout.flush()
        return
    path = Path(address)
    form = _form(path)
    with (
        whole_file(path, partial(_fault, path)) as file,
        _writer(file, form, told, is_zipped=path.suffix == ".gz") as writer,
    ):
        yield writer


def _form(path: Path) -> str:
    suffixes = path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]
    form = suffixes[0].lower() if suffixes else ""
    if form not in _FORMATS or (form == ".parquet" and path.suffix == ".gz"):
        raise DataError(
            f"predictions must go to a file named {', '.join(_FORMATS)} (text also .gz), got {path.name!r}",
            "For example -o predictions.csv; leave -o out for CSV on standard output.",
        )
    return form


def _fault(path: Path, why: str) -> DataError:
    return DataError(
        f"{path} must be a file that can be written, but: {why}", "Give another place with -o, or free space there."
    )


@contextmanager
def _writer(file: IO[bytes], form: str, told: Callable[[str], None], *, is_zipped: bool) -> Iterator[Writer]:
    if form == ".parquet":
        parquet = _Parquet(file)
        yield parquet
        parquet.close()
        return
    with gzip.open(file, "wb") if is_zipped else contextlib.nullcontext(file) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        try:
            yield _JsonLines(text) if form == ".jsonl" else _Csv(text, "\t" if form == ".tsv" else ",", told)
        finally:
            text.detach()  # writes what is left; whoever opened the file closes it


class _Csv:
    def __init__(self, file: Any, separator: str, told: Callable[[str], None]) -> None:
        self._writer = csv.writer(file, delimiter=separator, lineterminator="\n")
        self._begun = False
        self._told: Callable[[str], None] | None = told

    def write(self, columns: Mapping[str, Array]) -> None:
        if not self._begun:
            self._writer.writerow([_defused(name) for name in columns])
            self._begun = True
        cells = {name: _cells(values) for name, values in columns.items()}
        if self._told is not None:
            self._tell(columns, cells)
        self._writer.writerows(zip(*cells.values(), strict=True))

    def _tell(self, columns: Mapping[str, Array], cells: Mapping[str, list[Any]]) -> None:
        for name, values in columns.items():
            pairs = zip(values.tolist(), cells[name], strict=True) if values.dtype == object else ()
            first = next((one for one, other in pairs if str(one) != other), None)
            if first is not None and self._told is not None:
                self._told(
                    f"{name} {first!r} and others that begin with {' '.join(_FORMULA_STARTS[:4])} stand behind a ' in "
                    "this file, lest a spreadsheet take them for formulas; .jsonl and .parquet have them as they are"
                )
                self._told = None
                return


class _Shown:
    """Standard output where it is a terminal, which what is in a text or an id must not steer."""

    def write(self, text: str) -> None:
        sys.stdout.write(visible(text))


class _JsonLines:
    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, columns: Mapping[str, Array]) -> None:
        names = list(columns)
        values = [_rounded(each) for each in columns.values()]
        for row in zip(*values, strict=True):
            self._file.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n")


class _Parquet:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._writer: Any = None

    def write(self, columns: Mapping[str, Array]) -> None:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        words = {name: pa.array(each.tolist(), pa.string()) for name, each in columns.items() if each.dtype == object}
        table = pa.table({**columns, **words})
        if self._writer is None:
            self._writer = ParquetWriter(self._file, table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _cells(values: Array) -> list[Any]:
    if values.dtype == object:
        return [_defused(str(value)) for value in values]
    if values.dtype.kind == "f":
        return [f"{value:.{DIGITS}f}" for value in values.tolist()]
    found: list[Any] = values.tolist()
    return found


def _rounded(values: Array) -> list[Any]:
    found: list[Any] = (np.round(values.astype(np.float64), DIGITS) if values.dtype.kind == "f" else values).tolist()
    return found


def _defused(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; numbers stay what they are."""
    if not cell.startswith(_FORMULA_STARTS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell

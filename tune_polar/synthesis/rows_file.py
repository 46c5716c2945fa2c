"""The file of synthetic rows, as a search reads it: where it may be written, and how."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tune_polar.errors import DataError
from tune_polar.synthesis.generate import Row
from tune_polar.synthesis.own_rows import Columns
from tune_polar.whole_file import check_writable, whole_text


def write_rows(path: Path, rows: Sequence[Row], columns: Columns) -> None:
    """A CSV file that ``data.extra.file`` takes: id, source_id, text, the label, groups, and how each row was made.

    Raises:
        DataError: it cannot be written.
    """
    with whole_text(path, partial(_fault, path), errors="replace") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns.head)
        for row in rows:
            groups = [row.language if name == columns.language else "" for name in columns.groups]
            made = (row.strategy, row.model, row.prompt)
            writer.writerow([row.id, row.source_id, row.text, row.label, *groups, *made])


def _fault(path: Path, why: str) -> DataError:
    return DataError(f"the file {path} must be writable, but: {why}", "Choose another --into.")


def journal_of(path: Path) -> Path:
    """Where the answers stand, of which the rows of a file are made.

    Raises:
        DataError: ``path`` is the name of no file.
    """
    if path.name in ("", ".."):
        raise DataError(f"--into must name a CSV file, got {str(path)!r}", "For example --into synthetic.csv.")
    return path.with_name(path.name + ".jsonl")


def check_place(path: Path, columns: Columns, files: Sequence[str]) -> None:
    """Refuse to write where rows cannot be written, or over what these commands did not write.

    Args:
        path: the file to be.
        columns: of it.
        files: of the data, which no file and no journal may take the place of.

    Raises:
        DataError: it is so.
    """
    journal = journal_of(path)
    for each in (path, journal):
        if any(_is_same(each, file) for file in files):
            raise DataError(f"--into must not write {each}, got a file of the data", "Choose another --into.")
    check_writable(path, partial(_fault, path))  # told before anything is paid for
    if os.path.lexists(journal) and not journal.is_file():
        raise DataError(f"the journal {journal} must be a file, got something else", "Choose another --into.")
    if os.path.lexists(path) and not (journal.is_file() and _head(path) == columns.head):
        raise DataError(
            f"--into must name a new file, or one that `data synthesize` wrote for these columns, with its journal "
            f"{journal.name} beside it; got {path}",
            "Choose another --into; the file is left as it is.",
        )


def _is_same(path: Path, file: str) -> bool:
    try:
        return os.path.samefile(path, file)
    except (OSError, ValueError):  # one is not there, or an address of the web
        return False


def _head(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            line = file.readline(100_000).decode("utf-8", "replace")
        return next(csv.reader([line.rstrip("\n")]), [])
    except (OSError, csv.Error):
        return []

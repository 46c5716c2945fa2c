"""The file of synthetic rows, as a search reads it: where it may be written, and how."""

from __future__ import annotations

import contextlib
import csv
import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from tune_polar.errors import DataError
from tune_polar.synthesis.generate import Row
from tune_polar.synthesis.own_rows import Columns


def write_rows(path: Path, rows: Sequence[Row], columns: Columns) -> None:
    """A CSV file that ``data.extra.file`` takes: id, source_id, text, the label, groups, and how each row was made.

    Raises:
        DataError: it cannot be written.
    """
    with _beside(path) as (file, temporary):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns.head)
        for row in rows:
            groups = [row.language if name == columns.language else "" for name in columns.groups]
            made = (row.strategy, row.model, row.prompt)
            writer.writerow([row.id, row.source_id, row.text, row.label, *groups, *made])
        file.close()
        os.replace(temporary, path)


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[tuple[IO[str], str]]:
    """A file in the folder of ``path`` that becomes it or is gone at the end."""
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="") as file:
            os.chmod(temporary, 0o666 & ~_umask())
            yield file, temporary
    except OSError as error:
        raise DataError(
            f"the file {path} must be writable, got {error.strerror or error}", "Choose another --into."
        ) from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


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
    with _beside(path):  # it can be written: told before anything is paid for
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder")
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
    with path.open("rb") as file:
        line = file.readline(100_000).decode("utf-8", "replace")
    try:
        return next(csv.reader([line.rstrip("\n")]), [])
    except csv.Error:
        return []

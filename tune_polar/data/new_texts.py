"""Texts that nothing is known of yet, read part by part: a file of any size takes the memory of one part."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import IO

from tune_polar.data.column_request import ID, TEXT
from tune_polar.data.findings import Faults, data_error, errors_in
from tune_polar.data.readers import Place, RawTable, read_parts
from tune_polar.data.readers.places import UnreadableError
from tune_polar.data.readers.raw import MOST_CHARACTERS, header_shown
from tune_polar.data.suggestions import did_you_mean
from tune_polar.data.texts import is_empty, seen

STANDARD_INPUT = "-"
PLAIN_SUFFIX = ".txt"  # one text a line
_REMEDY = "Correct the file; `--text COLUMN` names the column with the texts, `--id COLUMN` that of the ids."


@dataclass(frozen=True)
class TextColumns:
    """Which columns of a file hold what.

    Args:
        text: the column as asked for; None: one of ``usual``.
        id: the same of the rows' ids; None: one of ``usual_ids``, else rows are counted.
        usual: columns that may hold the texts, the likeliest first.
        usual_ids: the same of ids.
        groups: columns that decisions go by, each with what the files call it.
        words: what stands for such a column on every row of a file that lacks it.
    """

    text: str | None = None
    id: str | None = None
    usual: tuple[str, ...] = (TEXT,)
    usual_ids: tuple[str, ...] = (ID,)
    groups: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def candidates(self) -> Sequence[str]:
        """Where the texts may be."""
        return (self.text,) if self.text else self.usual

    def no_groups(self, rows: int) -> dict[str, tuple[str, ...]]:
        """Of texts that come without columns: the word of each, else as cells that are empty."""
        return {name: (seen(self.words.get(name, "")),) * rows for name in self.groups}

    def id_among(self, header: Container[str]) -> str | None:
        """The column with the ids of a file with these columns; None: its rows are counted."""
        return self.id or next((name for name in self.usual_ids if name in header), None)

    @property
    def id_of_search(self) -> str | None:
        """What a search called its ids, where it called them otherwise than everybody does."""
        return None if self.usual_ids[0] == ID else self.usual_ids[0]

    def remedy(self, lacking: Collection[str]) -> str:
        """How to name those of the columns that a file lacks: texts, ids, and each column of groups by its own."""
        groups = [name for name, column in self.groups.items() if column in lacking]
        said = ["`--text COLUMN` names the column with the texts"] if self.candidates[0] in lacking else []
        said += ["`--id COLUMN` names the column with the ids"] if self.id in lacking else []
        said += [f"`--column {name}=COLUMN` names the column with each row's {name}" for name in groups]
        return "; ".join(said) + (
            ". Where a cell of it is empty, what was chosen on all rows decides." if groups else "."
        )


@dataclass(frozen=True)
class NewTexts:
    """Some rows of one file."""

    file: str  # its name without the folders it lies in; the address as typed where another has that name
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by column, as a search reads them
    id_lacking: str | None = None  # what the search called its ids, where the rows had to be counted

    def __len__(self) -> int:
        return len(self.texts)


def new_texts(addresses: Sequence[str], columns: TextColumns, rows: int) -> Iterator[NewTexts]:
    """The rows of files in their order, at most ``rows`` at once.

    Args:
        addresses: of CSV, TSV, JSON lines, Parquet (plain or .gz, also of the hub), of ``.txt`` files with a text a
            line, or ``-`` for lines of standard input. Of texts a line, blank ones are passed over and ids are the
            lines' numbers.
        columns: which columns hold what.
        rows: of one part.

    Raises:
        DataError: a file cannot be read, has no rows or lacks a column, or a row has no text.

    Example:
        >>> for part in new_texts(["tweets.csv.gz"], TextColumns("tweet"), 4096): …
    """
    often = Counter(Place(address).name for address in addresses)
    for address in addresses:
        parts = _parts(address, columns, rows)
        yield from parts if often[Place(address).name] == 1 else (replace(part, file=address) for part in parts)


def check_begin(addresses: Sequence[str], columns: TextColumns) -> None:
    """Whether each file begins as it must: it can be read and has rows and columns.

    Standard input is passed by: it can be read once.

    Args:
        addresses, columns: as of ``new_texts``.

    Raises:
        DataError: one does not.
    """
    for address in addresses:
        if address != STANDARD_INPUT:
            next(new_texts([address], columns, 1), None)


def _parts(address: str, columns: TextColumns, rows: int) -> Iterator[NewTexts]:
    if address == STANDARD_INPUT:
        return _lines("standard input", sys.stdin.buffer, columns, rows)
    place = Place(address)
    return (_plain if place.suffix == PLAIN_SUFFIX else _tables)(place, columns, rows)


def _plain(place: Place, columns: TextColumns, rows: int) -> Iterator[NewTexts]:
    try:
        with place.open() as file:
            yield from _lines(str(place), file, columns, rows)
    except UnreadableError as error:
        faults = Faults(str(place))
        faults.add(error.code, None, None, error.message)
        raise data_error(faults.findings(), _REMEDY) from None


def _lines(name: str, file: IO[bytes], columns: TextColumns, rows: int) -> Iterator[NewTexts]:
    faults, ids, texts, characters, any_row = Faults(name), list[str](), list[str](), 0, False
    short = Place(name).name
    lines = io.TextIOWrapper(file, encoding="utf-8-sig", errors="strict")
    try:
        for number, line in enumerate(lines, start=1):
            text = line.rstrip("\n")
            if is_empty(text):
                continue
            ids.append(str(number))
            texts.append(text)
            characters += len(text)
            if len(texts) == rows or characters >= MOST_CHARACTERS:
                yield NewTexts(short, tuple(ids), tuple(texts), columns.no_groups(len(ids)))
                ids, texts, characters, any_row = [], [], 0, True
    except UnicodeDecodeError:
        faults.add("encoding", None, None, "must be UTF-8, got a byte that is not")
        raise data_error(faults.findings(), _REMEDY) from None
    finally:
        lines.detach()  # whoever opened the file closes it
    if texts:
        yield NewTexts(short, tuple(ids), tuple(texts), columns.no_groups(len(ids)))
    elif not any_row:
        faults.add("empty-file", None, None, "must hold a text a line, got an empty file")
        raise data_error(faults.findings(), _REMEDY)


def _tables(place: Place, columns: TextColumns, rows: int) -> Iterator[NewTexts]:
    faults, numbers = Faults(str(place)), count(1)
    ids = (columns.id,) if columns.id else columns.usual_ids
    wanted = {*columns.candidates, *ids, *columns.groups.values()}
    for table in read_parts(place, faults, wanted, rows):
        _refuse(faults)
        yield _rows(place, table, columns, faults, numbers)
    _refuse(faults)


def _rows(place: Place, table: RawTable, columns: TextColumns, faults: Faults, numbers: Iterator[int]) -> NewTexts:
    text = next((name for name in columns.candidates if name in table.cells), columns.candidates[0])
    row_id = columns.id_among(table.cells)
    groups = {
        name: column for name, column in columns.groups.items() if column in table.cells or name not in columns.words
    }
    wanted = dict.fromkeys([text, *([] if row_id is None else [row_id]), *groups.values()])
    lacking = [name for name in wanted if name not in table.cells]
    for name in lacking:
        rule = f"the file must have the column {name!r}, got {header_shown(table.header)}"
        faults.add("missing-column", 1, name, rule + did_you_mean(name, table.header))
    _refuse(faults, columns.remedy(lacking))
    texts = table.cells[text]
    for line, cell in zip(table.lines.tolist(), texts, strict=True):
        if is_empty(cell):
            faults.add("empty-text", line, text, "a text must not be empty")
    if row_id is not None:
        for line, cell in zip(table.lines.tolist(), table.cells[row_id], strict=True):
            if is_empty(cell):
                faults.add("empty-id", line, row_id, "an id must not be empty")
    _refuse(faults)
    ids = [str(next(numbers)) for _ in texts] if row_id is None else table.cells[row_id]
    found = columns.no_groups(len(texts)) | {
        name: tuple(map(seen, table.cells[column])) for name, column in groups.items()
    }
    return NewTexts(place.name, tuple(ids), tuple(texts), found, columns.id_of_search if row_id is None else None)


def _refuse(faults: Faults, remedy: str = _REMEDY) -> None:
    errors = errors_in(faults.findings())
    if errors:
        raise data_error(errors, remedy)

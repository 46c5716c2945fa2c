"""Reads CSV and TSV files row by row, and says everything that is wrong with one as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import IO, Final

from tune_polar.data.findings import Faults
from tune_polar.data.readers.bounds import bounded_lines, check_columns, check_rows, repeated
from tune_polar.data.readers.form import UTF_8, encoding_of, start_of
from tune_polar.data.readers.places import Place
from tune_polar.data.readers.raw import Gathered, RawTable

SEPARATORS: Final = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
ROWS_A_LOOK = 1024
LARGEST_CELL = 1 << 24  # characters; a quote that is never closed must not swallow ten gigabytes

_NOT_OF_PROSE = "\t|"
_SWALLOWED = (
    "a quoted cell should not hold whole rows: if a text begins with a quote that is its own, write it in quotes and "
    "double its own, as pandas' to_csv does"
)
_SEPARATOR_LINE = "sep="  # a first line by which spreadsheets tell each other the separator


def read_delimited(
    place: Place,
    file: IO[bytes],
    faults: Faults,
    wanted: Collection[str] | None,
    rows: int | None,
    *,
    separator: str,
) -> Iterator[RawTable]:
    """The columns ``wanted`` (None: all) of a file, ``rows`` a part (None: all at once); none that is no cells.

    Read are UTF-8 and UTF-16; lines ended in any way; quoted cells with line ends in them;
    comment lines ("# …") and a line ``sep=;`` before the header; cells of any length up to LARGEST_CELL. Rows with
    too few or too many cells are faults and left out, so that the other rows can still be looked at.

    Raises:
        UnreadableError: the file cannot be read.
    """
    encoding = encoding_of(start_of(file))
    text = io.TextIOWrapper(file, encoding=encoding, errors="strict", newline="")
    lines = Lines(bounded_lines(text.readline))
    try:
        with text:
            yield from _parts(place, lines, faults, wanted, rows, separator)
    except UnicodeDecodeError as error:
        row, found = _undecodable(place) if encoding == UTF_8 else (None, f"the byte {error.start}")
        faults.add("encoding", row, None, f"must be UTF-8 or UTF-16, got {found}")
    except NulError:
        rule = "must be text, got a NUL byte: is it a binary file, or UTF-16 without a byte order mark?"
        faults.add("binary-file", lines.number, None, rule)


class NulError(Exception):
    """A line holds a NUL byte."""


class Lines:
    """The lines of a text, counted; those before the header that are no cells are passed over."""

    def __init__(self, text: Iterable[str]) -> None:
        self._lines: Iterator[str] = iter(text)
        self._first: str | None = None
        self.number = 0  # of the line given last
        self.given: list[str] = []  # since somebody last emptied it: those of one row
        self.separator: str | None = None  # that a line sep= names

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = next(self._lines) if self._first is None else self._first
        self._first = None
        self.number += 1
        if "\0" in line:
            raise NulError
        self.given.append(line)
        return line

    def to_header(self, separator: str) -> bool:
        """Go to the line of the header, whose cells ``separator`` parts unless a line says otherwise; False: none."""
        for line in self:
            check_rows(self.number)
            said = line.strip("\r\n")
            if said.lower().startswith(_SEPARATOR_LINE) and len(said) == len(_SEPARATOR_LINE) + 1:
                self.separator = said[-1]
            elif said.strip() and not _is_comment(said, self.separator or separator):
                self._first = line
                self.number -= 1
                return True
        return False


def _is_comment(line: str, separator: str) -> bool:
    """Whether a line before the header is none: "# …", or a word behind # that is not the first of several cells."""
    return line.startswith("#") and (line[1:2] in ("", " ") or separator not in line)


def _parts(
    place: Place, lines: Lines, faults: Faults, wanted: Collection[str] | None, rows: int | None, separator: str
) -> Iterator[RawTable]:
    if not lines.to_header(separator):
        faults.add("empty-file", None, None, "must hold a header and rows, got an empty file")
        return
    separator = lines.separator or separator
    # strict: a quote that is never closed is an error instead of a cell that swallows the rest of the file
    reader = csv.reader(lines, delimiter=separator, strict=True)
    limit = csv.field_size_limit(LARGEST_CELL)
    line = lines.number + 1
    header: list[str] = []
    gathered, is_first = Gathered(()), True
    try:
        header = next(reader)
        if not _check_header(header, line, faults, separator):
            return
        gathered = Gathered([name for name in header if name and (wanted is None or name in wanted)])
        place_of = {name: place for place, name in enumerate(header)}
        places = [(place_of[name], cells) for name, cells in gathered.cells.items()]
        line = lines.number + 1
        lines.given.clear()
        for number, cells in enumerate(reader, start=1):
            if len(lines.given) > 1 and _are_rows(lines.given, separator, len(header)):
                faults.add(
                    "swallowed-rows", line, None, _SWALLOWED, f"lines {line} to {lines.number}", severity="warning"
                )
            lines.given.clear()
            if rows is None and not number % ROWS_A_LOOK:
                check_rows(number)
            if len(cells) == len(header):
                gathered.lines.append(line)
                for at, column in places:
                    column.append(gathered.kept(cells[at]))
            elif cells:  # else a blank line, usually the last
                rule = f"a row must have as many cells as the header ({len(header)})"
                faults.add("ragged-row", line, None, rule, str(len(cells)))
            line = lines.number + 1
            if gathered.fills(rows):
                yield gathered.table(place, header)
                gathered, is_first = gathered.emptied(), False
                places = [(place_of[name], cells) for name, cells in gathered.cells.items()]
    except csv.Error as error:
        faults.add("not-csv", line, None, f"must be well-formed CSV, got: {error}{_hint(error)}")
    finally:
        csv.field_size_limit(limit)
    if not header:
        return
    if is_first and not gathered.lines and not faults.has_errors():
        faults.add("no-rows", None, None, "must have rows, got a header alone")
    if is_first or gathered.lines:
        yield gathered.table(place, header)


def _are_rows(lines: Sequence[str], separator: str, columns: int) -> bool:
    """Whether each of the lines that quotes make one row would be a row without them.

    Prose has commas, so that two lines of a text may look like two rows by chance: there it takes more.
    """
    least = (2, 2) if separator in _NOT_OF_PROSE else (3, 3)
    if columns < least[0] or len(lines) < least[1]:
        return False
    return all(line.count(separator) == columns - 1 for line in lines)


def _check_header(header: list[str], line: int, faults: Faults, separator: str) -> bool:
    """Whether cells can be told apart by their columns. Columns without a name are of an index, and nobody's."""
    good = True
    check_columns(len(header))
    for name in repeated(header):
        faults.add("duplicate-column", line, name, f"a column name must be unique, got {name!r} again")
        good = False
    said = other_separator(header, separator)
    if said is not None:
        faults.add("delimiter", line, None, said)
    return good and said is None


def other_separator(header: Sequence[str], separator: str) -> str | None:
    """What is wrong with a header whose cells are parted by another character, and the remedy; None: nothing."""
    other = next((mark for mark in SEPARATORS if mark in header[0] and mark != separator), None)
    if len(header) > 1 or other is None:
        return None
    suffix = {",": "name the file .csv, or ", "\t": "name the file .tsv, or "}.get(other, "")
    shown = "sep= and a tab" if other == "\t" else f"sep={other}"
    rule = f"cells must be separated by {SEPARATORS.get(separator, repr(separator))}, got {SEPARATORS[other]}"
    return f"{rule}; {suffix}put a first line {shown} before the header"


def _hint(error: csv.Error) -> str:
    said = str(error)
    return ": is a quote not closed?" if "field limit" in said or "end of data" in said else ""


def _undecodable(place: Place) -> tuple[int | None, str]:
    """Line and value of the first byte that is not UTF-8."""
    with place.open() as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return number, f"the byte 0x{line[error.start]:02x}"
    return None, "half a character at its end"

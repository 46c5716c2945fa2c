"""Reads a CSV file as cells with line numbers, and says everything that is wrong with it as a file."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tune_polar.data.findings import Finding, data_error, errors_in

FILE_REMEDY = "Mend or replace the file, or name the right one; `tune-polar data check` lists every finding."

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True)
class CsvRow:
    """The cells of one record; ``line`` is the line of the file it starts on, counted from 1."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class CsvTable:
    """A CSV file whose rows all have as many cells as its header."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[CsvRow, ...]

    def column(self, name: str) -> list[str]:
        """The cells under ``name``, which must be in ``header``."""
        index = self.header.index(name)
        return [row.cells[index] for row in self.rows]


def did_you_mean(wanted: str, names: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` when one of ``names`` looks like ``wanted``, else nothing."""
    by_lower_case = {name.strip().lower(): name for name in names}
    close = difflib.get_close_matches(wanted.strip().lower(), by_lower_case, n=1, cutoff=0.6)
    return f"; did you mean {by_lower_case[close[0]]!r}?" if close else ""


def scan_table(path: Path) -> tuple[CsvTable | None, list[Finding]]:
    """Read ``path`` and collect every finding about it as a file.

    Rows whose number of cells differs from the header's are reported and left out, so that the other rows
    can still be looked at. The table is None when nothing of the file can be read as CSV.
    """
    text, finding = _text_of(path)
    if finding is not None:
        return None, [finding]
    return _parse(path, text)


def read_table(path: Path) -> CsvTable:
    """Read ``path``.

    Raises:
        DataError: the file is missing, a folder, empty, binary, not UTF-8, not CSV, has a duplicate column
            name, a row with too few or too many cells, or no rows.
    """
    table, findings = scan_table(path)
    errors = errors_in(findings)
    if errors or table is None:
        raise data_error(errors, FILE_REMEDY)
    return table


def missing_columns(table: CsvTable, names: Sequence[str]) -> list[Finding]:
    """A finding for each of ``names`` that is not a column of ``table``."""
    return [
        Finding(
            "error",
            "missing-column",
            table.path,
            1,
            name,
            f"the file must have the column {name!r}, got {list(table.header)}{did_you_mean(name, table.header)}",
        )
        for name in names
        if name not in table.header
    ]


def _text_of(path: Path) -> tuple[str, Finding | None]:
    """The decoded file, or the finding that says why there is none."""

    def wrong(code: str, message: str, row: int | None = None) -> tuple[str, Finding]:
        return "", Finding("error", code, path, row, None, message)

    if path.is_dir():
        return wrong("not-a-file", "must be a CSV file, got a folder")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return wrong("missing-file", "must exist, got no such file")
    except OSError as error:
        return wrong("unreadable-file", f"must be readable, got {error.strerror}")
    if not raw.strip():
        return wrong("empty-file", f"must hold a header and rows, got an empty file of {len(raw)} bytes")
    if raw.startswith(_UTF16_MARKS):
        return wrong("encoding", "must be UTF-8, got a UTF-16 byte order mark", 1)
    if b"\0" in raw:
        row = raw[: raw.index(b"\0")].count(b"\n") + 1
        return wrong("binary-file", "must be text, got a NUL byte: is it a binary file?", row)
    try:
        return raw.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        return wrong("encoding", f"must be UTF-8, got the byte 0x{raw[error.start]:02x}", row)


def _parse(path: Path, text: str) -> tuple[CsvTable | None, list[Finding]]:
    findings: list[Finding] = []
    header: tuple[str, ...] | None = None
    rows: list[CsvRow] = []
    # strict: an unclosed quote is an error instead of a cell that swallows the rest of the file
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if not cells:
                pass  # a blank line, usually the last
            elif header is None:
                header = tuple(cells)
                findings += _header_findings(path, line, header)
            elif len(cells) != len(header):
                message = f"a row must have as many cells as the header ({len(header)}), got {len(cells)}"
                findings.append(Finding("error", "ragged-row", path, line, None, message))
            else:
                rows.append(CsvRow(line, tuple(cells)))
            line = reader.line_num + 1
    except csv.Error as error:
        findings.append(Finding("error", "not-csv", path, line, None, f"must be well-formed CSV, got: {error}"))
    if header is None or len(set(header)) != len(header):
        return None, findings
    if not rows and not errors_in(findings):
        findings.append(Finding("error", "no-rows", path, None, None, "must have rows, got a header alone"))
    return CsvTable(path, header, tuple(rows)), findings


def _header_findings(path: Path, line: int, header: tuple[str, ...]) -> list[Finding]:
    findings = [
        Finding("error", "duplicate-column", path, line, name, f"a column name must be unique, got {name!r} again")
        for index, name in enumerate(header)
        if name in header[:index]
    ]
    if len(header) == 1:
        findings += [
            Finding("error", "delimiter", path, line, None, f"cells must be separated by commas, got {name}")
            for mark, name in _OTHER_DELIMITERS.items()
            if mark in header[0]
        ]
    return findings

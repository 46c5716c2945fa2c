"""Reads JSON lines: one object a line, a key a column."""

from __future__ import annotations

import codecs
import io
import json
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import IO, Any

from tune_polar.data.findings import Faults
from tune_polar.data.readers.bounds import LONGEST_LINE, check_columns, check_rows
from tune_polar.data.readers.form import UTF_8, encoding_of, start_of
from tune_polar.data.readers.places import Place
from tune_polar.data.readers.raw import Gathered, RawTable

_OBJECT_RULE = "a line must be a JSON object"
_HALF_PAIR = "a text must be whole characters, got half a surrogate pair"


def read_json_lines(
    place: Place, file: IO[bytes], faults: Faults, wanted: Collection[str] | None, rows: int | None
) -> Iterator[RawTable]:
    """The keys ``wanted`` (None: all) of every line, ``rows`` a part (None: all at once); none of no line.

    A key that a line lacks, or that is null there, is an empty cell; numbers and true/false are what CSV would hold.
    Lists and objects under a wanted key are faults.

    Raises:
        UnreadableError: the file cannot be read.
    """
    gathered, is_first = Gathered(() if wanted is None else wanted), True
    header: dict[str, None] = {}
    start = start_of(file)
    encoding = encoding_of(start)
    if (other := _other_than_lines(start.decode(encoding, errors="ignore"))) is not None:
        faults.add("not-json", 1, None, f"{_OBJECT_RULE}, got {other}")
        return
    for line, said in enumerate(_lines(file, encoding, faults), start=1):
        if rows is None:
            check_rows(line)
        if not said.strip():
            continue
        row = _object(said, line, faults)
        if row is None:
            continue
        escaped = b"\\ud" in said or b"\\uD" in said
        header.update(dict.fromkeys(row))
        check_columns(len(header))
        if wanted is None:
            for name in row.keys() - gathered.cells.keys():
                gathered.cells[name] = [""] * len(gathered.lines)
        gathered.lines.append(line)
        for name, column in gathered.cells.items():
            cell = cell_text(row.get(name), line, name, faults)
            if escaped and not _is_whole(cell):
                faults.add("encoding", line, name, _HALF_PAIR)
            column.append(gathered.kept(cell))
        if gathered.fills(rows):
            yield _table(gathered, place, header)
            gathered, is_first = gathered.emptied(), False
    if is_first and not gathered.lines and not faults.has_errors():
        faults.add("empty-file", None, None, "must hold an object a line, got an empty file")
    if gathered.lines:
        yield _table(gathered, place, header)


def _table(gathered: Gathered, place: Place, header: Collection[str]) -> RawTable:
    """Without the columns that no line has named so far."""
    found = gathered.table(place, list(header))
    return replace(found, cells={name: cells for name, cells in found.cells.items() if name in header})


def _other_than_lines(start: str) -> str | None:
    """What a file is that begins so, where it holds no line of JSON; None: it may hold some."""
    said = start.lstrip()
    if not said or said[0] == "{":
        return None
    if said[0] == "[":
        return "one list of all rows: write it with pandas' to_json(…, orient='records', lines=True) or jq -c '.[]'"
    return f"{said.splitlines()[0][:40]!r}: name the file .csv or .tsv if it is one"


def _lines(file: IO[bytes], encoding: str, faults: Faults) -> Iterator[bytes]:
    """Lines in UTF-8, without a mark."""
    utf_8 = encoding == UTF_8
    lines: Any = file if utf_8 else io.TextIOWrapper(file, encoding=encoding, newline="")
    number = 0
    try:
        while line := lines.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                rule = f"a line must have at most {LONGEST_LINE:,} characters, got more: is it one list of all rows?"
                faults.add("long-line", number, None, rule)
                return
            if utf_8:
                yield line if number > 1 else line.removeprefix(codecs.BOM_UTF8)
            else:
                yield line.removeprefix("\ufeff").encode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        faults.add("encoding", number + 1, None, f"must be whole characters in {encoding.upper()}, got half a one")
    finally:
        lines.close()


def cell_text(value: Any, line: int, column: str, faults: Faults) -> str:
    """A typed value as the cell a CSV file would hold; None is an empty one."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    kind = "dict" if isinstance(value, dict) else type(value).__name__
    faults.add("cell-type", line, column, "a cell must be text, a number, true, false or empty", kind)
    return ""


def _is_whole(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class _Repeated(dict[str, Any]):
    """An object that had the key ``name`` twice."""

    name = ""


def _of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated, times = _Repeated(found), Counter(name for name, _ in pairs)
    repeated.name = next(name for name in found if times[name] > 1)
    return repeated


_DECODER = json.JSONDecoder(object_pairs_hook=_of_pairs)


def _object(said: bytes, line: int, faults: Faults) -> dict[str, Any] | None:
    try:
        row = _DECODER.decode(said.decode(json.detect_encoding(said), "surrogatepass"))
    except UnicodeDecodeError as error:
        faults.add("encoding", line, None, f"must be UTF-8, got the byte 0x{said[error.start]:02x}")
        return None
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits
        faults.add("not-json", line, None, _OBJECT_RULE, str(error)[:80])
        return None
    if not isinstance(row, dict):
        faults.add("not-json", line, None, _OBJECT_RULE, type(row).__name__)
        return None
    if isinstance(row, _Repeated):
        faults.add("repeated-key", line, None, "an object must have each key once", f"{row.name!r} twice")
        return None
    return row

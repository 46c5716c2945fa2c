"""Reads JSON lines: one object a line, a key a column."""

from __future__ import annotations

import codecs
import json
from collections.abc import Collection
from typing import Any

from tune_polar.data.findings import Faults
from tune_polar.data.readers.places import Place
from tune_polar.data.readers.raw import Gathered, RawTable

_OBJECT_RULE = "a line must be a JSON object"
_HALF_PAIR = "a text must be whole characters, got half a surrogate pair"


def read_json_lines(
    place: Place, faults: Faults, wanted: Collection[str] | None, most_rows: int | None
) -> RawTable | None:
    """The keys ``wanted`` (None: all) of every line; None where no line can be read.

    A key that a line lacks, or that is null there, is an empty cell; numbers and true/false are what CSV would hold.
    Lists and objects under a wanted key are faults.

    Raises:
        UnreadableError: the file cannot be read.
    """
    gathered = Gathered(() if wanted is None else wanted)
    header: dict[str, None] = {}
    with place.open() as file:
        for line, raw in enumerate(file, start=1):
            said = raw.removeprefix(codecs.BOM_UTF8) if line == 1 else raw
            if not said.strip():
                continue
            row = _object(said, line, faults)
            if row is None:
                if line == 1 and said.lstrip().startswith(b"["):
                    break
                continue
            escaped = b"\\ud" in said or b"\\uD" in said
            header.update(dict.fromkeys(row))
            if wanted is None:
                for name in row.keys() - gathered.cells.keys():
                    gathered.cells[name] = [""] * len(gathered.lines)
            gathered.lines.append(line)
            for name, column in gathered.cells.items():
                cell = cell_text(row.get(name), line, name, faults)
                if escaped and not _is_whole(cell):
                    faults.add("encoding", line, name, _HALF_PAIR)
                column.append(gathered.kept(cell))
            if len(gathered.lines) == most_rows:
                break
    if not gathered.lines and not faults.has_errors():
        faults.add("empty-file", None, None, "must hold an object a line, got an empty file")
    if not gathered.lines:
        return None
    for name in [name for name in gathered.cells if name not in header]:
        del gathered.cells[name]
    return gathered.table(place, list(header))


def cell_text(value: Any, line: int, column: str, faults: Faults) -> str:
    """A typed value as the cell a CSV file would hold; None is an empty one."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    faults.add("cell-type", line, column, "a cell must be text, a number, true, false or empty", type(value).__name__)
    return ""


def _is_whole(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _object(said: bytes, line: int, faults: Faults) -> dict[str, Any] | None:
    try:
        row = json.loads(said)
    except UnicodeDecodeError as error:
        faults.add("encoding", line, None, f"must be UTF-8, got the byte 0x{said[error.start]:02x}")
        return None
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits
        faults.add("not-json", line, None, _OBJECT_RULE, str(error)[:80])
        return None
    if not isinstance(row, dict):
        faults.add("not-json", line, None, _OBJECT_RULE, type(row).__name__)
        return None
    return row

"""What the first bytes of a file say that it is, whatever its name says."""

from __future__ import annotations

import codecs
import io
from collections.abc import Mapping
from typing import IO, Final

LOOKED_AT = 256  # bytes
GZIP: Final = b"\x1f\x8b"
PARQUET: Final = b"PAR1"

# What people give for a table and nobody here unpacks.
PACKED: Mapping[bytes, str] = {
    b"PK\x03\x04": "a zip archive or a spreadsheet: unpack it and give the file in it, or save the sheet as CSV",
    b"PK\x05\x06": "an empty zip archive: give the table itself",
    b"\xd0\xcf\x11\xe0": "a spreadsheet (.xls): save the sheet as CSV",
    b"BZh": "a bzip2 file: unpack it, or pack it with gzip",
    b"\xfd7zXZ": "an xz file: unpack it, or pack it with gzip",
    b"\x28\xb5\x2f\xfd": "a zstd file: unpack it, or pack it with gzip",
    b"7z\xbc\xaf": "a 7z archive: unpack it and give the file in it",
}

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
UTF_8 = "utf-8-sig"


def start_of(file: IO[bytes]) -> bytes:
    """The first LOOKED_AT bytes of a file that nothing was read of, which stay to be read."""
    if isinstance(file, io.BufferedReader) or hasattr(file, "peek"):
        return bytes(file.peek(LOOKED_AT)[:LOOKED_AT])
    start = file.read(LOOKED_AT)
    file.seek(0)
    return start


def packed_as(start: bytes) -> str | None:
    """What kind of archive begins so, and what to do with it; None: none that is known."""
    return next((said for mark, said in PACKED.items() if start.startswith(mark)), None)


def encoding_of(start: bytes) -> str:
    """The encoding of a text that begins so: by its mark; UTF-16 without one by the NUL bytes of a header in ASCII."""
    for mark, name in _MARKS.items():
        if start.startswith(mark):
            return name
    even, odd = start[0::2], start[1::2]
    if len(odd) > 1 and 0 not in even and odd.count(0) * 2 > len(odd):
        return "utf-16-le"
    if len(odd) > 1 and 0 not in odd and even.count(0) * 2 > len(even):
        return "utf-16-be"
    return UTF_8


def is_json_lines(start: bytes) -> bool:
    """Whether a text that begins so holds an object a line: no table of cells has such a header."""
    said = start.decode(encoding_of(start), errors="ignore").lstrip()
    return said.startswith('{"') and '":' in said

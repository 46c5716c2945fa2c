"""Readers of data files, chosen by what a file holds and, where that leaves it open, by its name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import IO

from tune_polar.data.findings import Faults, Finding
from tune_polar.data.readers.delimited import read_delimited
from tune_polar.data.readers.form import PARQUET, is_json_lines, start_of
from tune_polar.data.readers.frames import read_frame
from tune_polar.data.readers.json_lines import read_json_lines
from tune_polar.data.readers.parquet import read_parquet
from tune_polar.data.readers.places import Place, UnreadableError
from tune_polar.data.readers.raw import RawTable

__all__ = ["READERS", "Place", "RawTable", "read_parts", "read_raw"]

_Reader = Callable[[Place, IO[bytes], Faults, Collection[str] | None, int | None], Iterator[RawTable]]

# By suffix, behind which .gz may stand; a file without one of these is read as CSV.
READERS: Mapping[str, _Reader] = {
    ".csv": partial(read_delimited, separator=","),
    ".tsv": partial(read_delimited, separator="\t"),
    ".tab": partial(read_delimited, separator="\t"),
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json_lines,
    ".parquet": read_parquet,
}


def read_raw(
    place: Place, wanted: Collection[str] | None = None, *, most_rows: int | None = None
) -> tuple[RawTable | None, list[Finding]]:
    """The columns ``wanted`` (None: all) of a file as text, and every finding about it as a file.

    Args:
        place: where it lies.
        wanted: columns; those that the file lacks are left out.
        most_rows: as many of the first rows are read; None: all.

    Returns:
        The table, None when nothing of the file can be read, and the findings.

    Example: ``table, findings = read_raw(Place("train.tsv.gz"), {"text", "label"})``.
    """
    faults = Faults(str(place))
    with closing(read_parts(place, faults, wanted, most_rows)) as parts:
        return next(parts, None), faults.findings()


def read_parts(
    place: Place, faults: Faults, wanted: Collection[str] | None = None, rows: int | None = None
) -> Generator[RawTable, None, None]:
    """The same part by part, of ``rows`` rows each: a file of any size takes the memory of one.

    What is wrong with the file is told to ``faults``, up to the part that was read last.

    Example: ``for table in read_parts(place, faults, {"text"}, 4096): …``
    """
    if place.frame is not None:
        whole = read_frame(place.frame, place, faults, wanted, rows)
        yield from () if whole is None else (whole,)
        return
    try:
        if place.is_folder():
            raise UnreadableError("not-a-file", "must be a file, got a folder")
        with place.open() as file:
            yield from _reader_of(place, start_of(file))(place, file, faults, wanted, rows)
    except UnreadableError as error:
        faults.add(error.code, None, None, error.message)


def _reader_of(place: Place, start: bytes) -> _Reader:
    if start.startswith(PARQUET):
        return read_parquet
    return read_json_lines if is_json_lines(start) else READERS.get(place.suffix, READERS[".csv"])

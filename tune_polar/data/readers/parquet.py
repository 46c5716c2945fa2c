"""Reads Parquet files batch by batch, only the columns that are wanted."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections.abc import Collection
from typing import IO, cast

from tune_polar.data.findings import Faults
from tune_polar.data.readers.form import PARQUET, start_of
from tune_polar.data.readers.json_lines import cell_text
from tune_polar.data.readers.places import Place
from tune_polar.data.readers.raw import Gathered, RawTable

ROWS_A_BATCH = 8192


def read_parquet(
    place: Place, file: IO[bytes], faults: Faults, wanted: Collection[str] | None, most_rows: int | None
) -> RawTable | None:
    """The columns ``wanted`` (None: all) of a file; None where it is not Parquet. Rows are counted from 1.

    Raises:
        UnreadableError: the file cannot be read.
    """
    if not isinstance(cast("object", file), gzip.GzipFile):
        return _table(place, file, faults, wanted, most_rows)
    with tempfile.TemporaryFile() as unzipped:  # Parquet is read from its end
        shutil.copyfileobj(file, unzipped)
        unzipped.seek(0)
        return _table(place, unzipped, faults, wanted, most_rows)


def _table(
    place: Place, file: IO[bytes], faults: Faults, wanted: Collection[str] | None, most_rows: int | None
) -> RawTable | None:
    if not start_of(file).startswith(PARQUET):
        named = "; name it .csv, .tsv or .jsonl if it is one of these"
        faults.add("not-parquet", None, None, f"must be a Parquet file as its name says, got other bytes{named}")
        return None
    from pyarrow.parquet import ParquetFile

    try:
        parquet = ParquetFile(file)
        header = list(parquet.schema_arrow.names)
        for name in dict.fromkeys(name for name in header if header.count(name) > 1):
            faults.add("duplicate-column", None, name, f"a column name must be unique, got {name!r} again")
            return None
        gathered = Gathered([name for name in header if name and (wanted is None or name in wanted)])
        rows = 0
        last = parquet.metadata.num_rows if most_rows is None else min(most_rows, parquet.metadata.num_rows)
        for batch in parquet.iter_batches(ROWS_A_BATCH, columns=list(gathered.cells)):
            part = batch.slice(0, last - rows)
            for name, column in gathered.cells.items():
                cells = part.column(name).to_pylist()
                column += [
                    gathered.kept(cell_text(cell, rows + place_of, name, faults))
                    for place_of, cell in enumerate(cells, start=1)
                ]
            rows += part.num_rows
            if rows == last:
                break
        gathered.lines.extend(range(1, last + 1))
    except Exception as error:  # noqa: BLE001 - pyarrow raises any kind of it for a damaged file
        faults.add("not-parquet", None, None, f"must be a Parquet file, got: {str(error)[:200]}")
        return None
    if not gathered.lines and not faults.has_errors():
        faults.add("no-rows", None, None, "must have rows, got none")
    return gathered.table(place, header)

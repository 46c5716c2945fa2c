"""Reads Parquet files batch by batch, only the columns that are wanted."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Collection, Iterator
from typing import IO, TYPE_CHECKING, Any, cast

from tune_polar.data.findings import Faults
from tune_polar.data.readers.bounds import check_columns, check_rows, repeated
from tune_polar.data.readers.form import PARQUET, start_of
from tune_polar.data.readers.json_lines import cell_text
from tune_polar.data.readers.places import Place, UnreadableError
from tune_polar.data.readers.raw import Gathered, RawTable

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

ROWS_A_BATCH = 8192
MOST_UNZIPPED = 1 << 32  # bytes of a file that is zipped though its format is; of texts where rows repeat them
_TEXTS = ("string", "large_string", "binary", "large_binary")
MOST_REPEATED = 64  # times the bytes of a file, of its texts where rows repeat them


def read_parquet(
    place: Place, file: IO[bytes], faults: Faults, wanted: Collection[str] | None, rows: int | None
) -> Iterator[RawTable]:
    """The columns ``wanted`` (None: all) of a file, ``rows`` a part (None: all at once); none of one that is not
    Parquet. Rows are counted from 1.

    Raises:
        UnreadableError: the file cannot be read.
    """
    if not isinstance(cast("object", file), gzip.GzipFile):
        yield from _parts(place, file, faults, wanted, rows)
        return
    with tempfile.TemporaryFile() as unzipped:  # Parquet is read from its end
        size = 0
        while part := file.read(1 << 20):
            size += unzipped.write(part)
            if size > MOST_UNZIPPED:
                rule = f"a zipped Parquet file must unzip to at most {MOST_UNZIPPED:,} bytes, got more"
                raise UnreadableError("too-large", f"{rule}: unzip it, Parquet is compressed by itself")
        unzipped.seek(0)
        yield from _parts(place, unzipped, faults, wanted, rows)


def text_as_written(parquet: ParquetFile, file: Any) -> ParquetFile:
    """The same file, in which a text that many rows repeat is in memory once: a few bytes may stand for terabytes."""
    from pyarrow.parquet import ParquetFile

    texts = [field.name for field in parquet.schema_arrow if str(field.type) in _TEXTS]
    return ParquetFile(file, metadata=parquet.metadata, read_dictionary=texts)


def most_characters(parquet: ParquetFile) -> int:
    """How many bytes of text a file may stand for: some gigabytes, and more where it is large itself."""
    about = parquet.metadata
    written: int = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    return max(MOST_UNZIPPED, MOST_REPEATED * written)


def characters_of(column: Any) -> int:
    """Bytes of text that a column of a batch stands for."""
    from pyarrow import compute
    from pyarrow.types import is_dictionary

    if not is_dictionary(column.type) or str(column.type.value_type) not in _TEXTS:
        return 0
    lengths = compute.take(compute.cast(compute.binary_length(column.dictionary), "int64"), column.indices)
    return int(compute.sum(lengths).as_py() or 0)


def check_characters(characters: int, most: int) -> None:
    """Refuse more text than a file may stand for.

    Raises:
        UnreadableError: it stands for more.
    """
    if characters > most:
        raise UnreadableError(
            "too-large",
            f"must hold texts of at most {most:,} bytes, each row that repeats one counted, got more",
        )


def cells_of(column: Any) -> list[Any]:
    """The cells of a column; rows that repeat a text have one and the same."""
    from pyarrow.types import is_dictionary

    if not is_dictionary(column.type):
        cells: list[Any] = column.to_pylist()
        return cells
    values = column.dictionary.to_pylist()
    return [None if place is None else values[place] for place in column.indices.to_pylist()]


def _parts(
    place: Place, file: IO[bytes], faults: Faults, wanted: Collection[str] | None, rows: int | None
) -> Iterator[RawTable]:
    if not start_of(file).startswith(PARQUET):
        named = "; name it .csv, .tsv or .jsonl if it is one of these"
        faults.add("not-parquet", None, None, f"must be a Parquet file as its name says, got other bytes{named}")
        return
    from pyarrow.parquet import ParquetFile

    try:
        parquet = text_as_written(ParquetFile(file), file)
        header = list(parquet.schema_arrow.names)
        check_columns(len(header))
        if rows is None:
            check_rows(parquet.metadata.num_rows)
        for name in repeated(header):
            faults.add("duplicate-column", None, name, f"a column name must be unique, got {name!r} again")
            return
        gathered, first = Gathered([name for name in header if name and (wanted is None or name in wanted)]), 1
        characters, most = 0, most_characters(parquet)
        for batch in parquet.iter_batches(min(rows or ROWS_A_BATCH, ROWS_A_BATCH), columns=list(gathered.cells)):
            characters += sum(characters_of(column) for column in batch.columns)
            check_characters(characters, most)
            begun = 0
            while begun < batch.num_rows:
                part = batch.slice(begun, None if rows is None else rows - len(gathered.lines))
                start = first + len(gathered.lines)
                for name, column in gathered.cells.items():
                    cells = cells_of(part.column(name))
                    column += [gathered.kept(cell_text(c, row, name, faults)) for row, c in enumerate(cells, start)]
                gathered.lines.extend(range(start, start + part.num_rows))
                begun += part.num_rows
                if gathered.fills(rows):
                    yield gathered.table(place, header)
                    first += len(gathered.lines)
                    gathered = gathered.emptied()
    except UnreadableError:
        raise
    except Exception as error:  # noqa: BLE001 - pyarrow raises any kind of it for a damaged file
        faults.add("not-parquet", None, None, f"must be a Parquet file, got: {str(error)[:200]}")
        return
    if first == 1 and not gathered.lines and not faults.has_errors():
        faults.add("no-rows", None, None, "must have rows, got none")
    if first == 1 or gathered.lines:
        yield gathered.table(place, header)

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from tune_polar.data.readers import Place, read_raw

TABLE = {
    "text": ["a", "b", "c"],
    "hate": [True, False, True],
    "score": [1.0, 2.5, None],
    "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
    "number": pa.array([1, 2, 123456789012345678], pa.int64()),
}


@pytest.mark.parametrize("zipped", [False, True])
def test_typed_cells_are_what_csv_would_hold(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.table(TABLE), path, row_group_size=2)
    if zipped:
        path = tmp_path / "rows.parquet.gz"
        path.write_bytes(gzip.compress((tmp_path / "rows.parquet").read_bytes()))

    table, findings = read_raw(Place(str(path)))

    assert findings == []
    assert table is not None
    assert table.lines.tolist() == [1, 2, 3]
    assert dict(table.cells) == {
        "text": ["a", "b", "c"],
        "hate": ["True", "False", "True"],
        "score": ["1.0", "2.5", ""],
        "kind": ["x", "y", "x"],
        "number": ["1", "2", "123456789012345678"],
    }


def test_other_columns_are_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.table({"text": ["a"], "tokens": [[1, 2]]}), path)

    table, findings = read_raw(Place(str(path)), {"text"})
    assert (findings, table and table.header) == ([], ("text", "tokens"))
    none, _ = read_raw(Place(str(path)), {"absent"})
    assert none is not None
    assert (len(none), dict(none.cells)) == (1, {})
    _, findings = read_raw(Place(str(path)))
    assert [(finding.code, finding.column, finding.row) for finding in findings] == [("cell-type", "tokens", 1)]


def test_the_first_rows_may_be_enough(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.table(TABLE), path, row_group_size=2)
    for most_rows in (1, 2, 3, 9):
        table, _ = read_raw(Place(str(path)), {"text"}, most_rows=most_rows)
        assert table is not None
        assert list(table.cells["text"]) == ["a", "b", "c"][:most_rows]
        assert len(table) == min(3, most_rows)


def test_refuses_what_is_no_parquet_and_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"text,hate\nx,1\n" * 9)
    assert [finding.code for finding in read_raw(Place(str(path)))[1]] == ["not-parquet"]
    parquet.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    assert [finding.code for finding in read_raw(Place(str(path)))[1]] == ["no-rows"]

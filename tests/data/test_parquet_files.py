from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from tune_polar.data.readers import Place, read_raw
from tune_polar.decide.prediction_files import read_predictions
from tune_polar.errors import DecisionError

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


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()])
def test_a_text_that_many_rows_repeat_is_in_memory_once(tmp_path: Path, kind: pa.DataType) -> None:
    """A file of two megabytes whose rows stand for four terabytes."""
    path = tmp_path / "rows.parquet"
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 200_000, pa.int32()), pa.array(["x" * 20_000_000]).cast(kind))
    parquet.write_table(pa.table({"text": text}), path, store_schema=kind == pa.string())
    table, findings = read_raw(Place(str(path)), {"text"})
    assert table is None or len(table) == 0
    assert [finding.code for finding in findings] == ["too-large"]
    assert "must hold texts of at most 4,294,967,296 bytes, each row that repeats one counted" in findings[0].message


def test_a_table_of_predictions_that_repeats_a_text(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    ids = pa.DictionaryArray.from_arrays(pa.array([0] * 50_000, pa.int32()), pa.array(["x" * 1_000_000]))
    columns = {"id": ids, "gold/a": [n % 2 for n in range(50_000)], "prob/a": [0.5] * 50_000}
    parquet.write_table(pa.table(columns), path)
    with pytest.raises(DecisionError, match="must hold texts of at most 2,147,483,648 bytes"):
        read_predictions(path)

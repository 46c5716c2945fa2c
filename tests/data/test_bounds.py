"""Files that hold more than is read: told in seconds, by what was found, before it is in memory."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from tune_polar.data.findings import Finding
from tune_polar.data.readers import Place, bounds, delimited, json_lines, parquet, read_raw


def finding(path: Path) -> Finding:
    table, findings = read_raw(Place(str(path)))
    assert table is None or not len(table) or findings
    (one,) = findings
    return one


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", b"text,hate\n" + b"a,1\n" * 101),
        ("blank.csv", b"text,hate\n" + b"\n" * 101),
        ("ragged.tsv", b"text\thate\n" + b"\n" * 101),
        ("no_header.csv", b"\n" * 101),
        ("comments.csv", b"# \n" * 101 + b"text,hate\na,1\n"),
        ("rows.jsonl", b'{"text": "a", "hate": 1}\n' * 101),
        ("blank.jsonl", b"\n" * 101),
    ],
)
def test_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes) -> None:
    monkeypatch.setattr(bounds, "MOST_ROWS", 100)
    monkeypatch.setattr(delimited, "ROWS_A_LOOK", 1)
    for path in (tmp_path / name, tmp_path / f"{name}.gz"):
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        assert finding(path).code == "too-many-rows"
        assert "at most 100 rows, got more" in finding(path).message


def test_rows_of_parquet_are_known_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_ROWS", 100)
    pd.DataFrame({"text": ["a"] * 101}).to_parquet(tmp_path / "rows.parquet")
    assert finding(tmp_path / "rows.parquet").code == "too-many-rows"
    table, findings = read_raw(Place(str(tmp_path / "rows.parquet")), most_rows=5)
    assert table is not None
    assert (len(table), findings) == (5, [])


def test_columns_are_counted_once(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(100_000)]
    (tmp_path / "wide.csv").write_text(",".join(names) + "\n", encoding="utf-8")
    assert finding(tmp_path / "wide.csv").message.startswith("a file must have at most 10,000 columns, got 100,000")
    some = names[:9_000] + names[:3]
    (tmp_path / "twice.csv").write_text(",".join(some) + "\n", encoding="utf-8")
    _, findings = read_raw(Place(str(tmp_path / "twice.csv")))
    assert [each.column for each in findings] == ["c0", "c1", "c2"]


def test_keys_of_json_lines_are_counted_over_all_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_COLUMNS", 10)
    lines = [f'{{"text": "a", "k{number}": 1}}' for number in range(11)]
    (tmp_path / "keys.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert finding(tmp_path / "keys.jsonl").code == "too-many-columns"


@pytest.mark.parametrize("name", ["long.csv.gz", "long.jsonl.gz"])
def test_a_line_without_an_end_is_not_read_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for module in (bounds, json_lines):
        monkeypatch.setattr(module, "LONGEST_LINE", 1000)
    (tmp_path / name).write_bytes(gzip.compress(b"text,hate\n" * name.count("csv") + b" " * 10_000_000))
    assert "at most 1,000 characters, got" in finding(tmp_path / name).message


def test_parquet_that_unzips_to_more_than_can_be_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MOST_UNZIPPED", 1_000_000)
    (tmp_path / "bomb.parquet.gz").write_bytes(gzip.compress(bytes(3_000_000)))
    assert finding(tmp_path / "bomb.parquet.gz").code == "too-large"


def test_json_nested_deep_is_one_line(tmp_path: Path) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    (tmp_path / "deep.jsonl").write_text(f'{{"text": {deep}}}\n' * 3, encoding="utf-8")
    assert (finding(tmp_path / "deep.jsonl").code, finding(tmp_path / "deep.jsonl").count) == ("not-json", 3)


def test_a_million_ragged_rows_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "ragged.csv").write_bytes(b"text,hate\n" + b"a,1,2\n" * 1_000_000)
    assert finding(tmp_path / "ragged.csv").count == 1_000_000

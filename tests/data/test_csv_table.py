from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_polar.data.csv_table import did_you_mean, read_table, scan_table
from tune_polar.errors import DataError


def written(tmp_path: Path, raw: bytes) -> Path:
    path = tmp_path / "rows.csv"
    path.write_bytes(raw)
    return path


def test_reads_bom_crlf_quotes_and_blank_lines(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, b'\xef\xbb\xbfid,text\r\na,"x, ""y"""\r\n\r\nb,z\r\n'))

    assert table.header == ("id", "text")
    assert [(row.line, row.cells) for row in table.rows] == [(2, ("a", 'x, "y"')), (4, ("b", "z"))]
    assert table.column("text") == ['x, "y"', "z"]


def test_a_row_is_named_by_the_line_it_starts_on(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, b'id,text\na,"one\ntwo\nthree"\nb,four\n'))

    assert [row.line for row in table.rows] == [2, 5]


@pytest.mark.parametrize(
    ("raw", "code", "row", "message"),
    [
        (b"", "empty-file", None, "got an empty file of 0 bytes"),
        (b" \r\n \r\n", "empty-file", None, "must hold a header and rows"),
        (b"id,text\na,\0\n", "binary-file", 2, "must be text, got a NUL byte"),
        ("id,text\na,中文\n".encode("gb18030"), "encoding", 2, "must be UTF-8, got the byte 0xd6"),
        ("id,text\n".encode("utf-16"), "encoding", 1, "UTF-16 byte order mark"),
        (b"id,text\na,b,c\n", "ragged-row", 2, r"as many cells as the header \(2\), got 3"),
        (b"id,text\na\n", "ragged-row", 2, r"as many cells as the header \(2\), got 1"),
        (b"id,text,id\na,b,c\n", "duplicate-column", 1, "must be unique, got 'id' again"),
        (b"id,text\n", "no-rows", None, "must have rows, got a header alone"),
        (b"id;text\na;b\n", "delimiter", 1, "separated by commas, got semicolons"),
        (b"id\ttext\na\tb\n", "delimiter", 1, "separated by commas, got tabs"),
        (b'id,text\na,b\nc,"never closed\nd,e\n', "not-csv", 3, "must be well-formed CSV"),
        (b'id,text\na,"b"c\n', "not-csv", 2, "must be well-formed CSV"),
    ],
)
def test_refuses_bad_files_by_place_and_rule(
    tmp_path: Path, raw: bytes, code: str, row: int | None, message: str
) -> None:
    path = written(tmp_path, raw)

    _, findings = scan_table(path)

    assert [(finding.severity, finding.code, finding.path, finding.row) for finding in findings] == [
        ("error", code, path, row)
    ]
    with pytest.raises(DataError, match=message):
        read_table(path)


def test_refuses_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must exist, got no such file"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="must be a CSV file, got a folder"):
        read_table(tmp_path)


def test_keeps_good_rows_beside_ragged_ones(tmp_path: Path) -> None:
    table, findings = scan_table(written(tmp_path, b"id,text\na\nb,c\nd,e,f\n"))

    assert table is not None
    assert [row.line for row in table.rows] == [3]
    assert [finding.row for finding in findings] == [2, 4]


@given(raw=st.binary(max_size=200))
def test_no_bytes_lead_to_anything_but_a_table_or_findings(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    table, findings = scan_table(written(tmp_path_factory.mktemp("any"), raw))

    if table is None or not table.rows:
        assert findings
    else:
        assert {len(row.cells) for row in table.rows} == {len(table.header)}


@pytest.mark.parametrize(
    ("wanted", "hint"), [("Text", "; did you mean 'text'?"), ("txt", "; did you mean 'text'?"), ("qqq", "")]
)
def test_did_you_mean(wanted: str, hint: str) -> None:
    assert did_you_mean(wanted, ["id", "text"]) == hint

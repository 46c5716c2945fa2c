from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_polar.data.findings import Finding
from tune_polar.data.readers import Place, RawTable, read_raw


def zipped(raw: bytes) -> bytes:
    return gzip.compress(raw, mtime=0)  # the parameters of a test must be the same in every process


def read(tmp_path: Path, raw: bytes, name: str = "rows.csv", wanted: set[str] | None = None) -> RawTable | None:
    path = tmp_path / name
    path.write_bytes(raw)
    table, findings = read_raw(Place(str(path)), wanted)
    assert findings == []
    return table


def findings_of(tmp_path: Path, raw: bytes, name: str = "rows.csv") -> tuple[RawTable | None, list[Finding]]:
    path = tmp_path / name
    path.write_bytes(raw)
    return read_raw(Place(str(path)))


PLAIN = {"id": ["a", "b"], "text": ['x, "y"', "z"]}


@pytest.mark.parametrize(
    ("raw", "name", "lines"),
    [
        (b'id,text\na,"x, ""y"""\nb,z\n', "rows.csv", [2, 3]),
        (b'\xef\xbb\xbfid,text\r\na,"x, ""y"""\r\n\r\nb,z\r\n', "rows.csv", [2, 4]),
        (b'id,text\ra,"x, ""y"""\rb,z', "rows.csv", [2, 3]),
        (b'id\ttext\na\t"x, ""y"""\nb\tz\n', "rows.tsv", [2, 3]),
        (b'sep=;\r\nid;text\r\na;"x, ""y"""\r\nb;z\r\n', "rows.csv", [3, 4]),
        (b'SEP=\t\nid\ttext\na\t"x, ""y"""\nb\tz\n', "rows.csv", [3, 4]),
        (b'# made in May, by hand\n\n# twice\nid,text\na,"x, ""y"""\nb,z\n', "rows.csv", [5, 6]),
        ('id\ttext\na\t"x, ""y"""\nb\tz\n'.encode("utf-16"), "rows.tsv", [2, 3]),
        ('id\ttext\na\t"x, ""y"""\nb\tz\n'.encode("utf-16-le"), "rows.tsv", [2, 3]),
        ('id,text\na,"x, ""y"""\nb,z\n'.encode("utf-16-be"), "rows.csv", [2, 3]),
        ('id,text\na,"x, ""y"""\nb,z\n'.encode("utf-32"), "rows.csv", [2, 3]),
        (b'#made by hand\n# id,text\nid,text\na,"x, ""y"""\nb,z\n', "rows.csv", [4, 5]),
        (b'sep=,\r\nid,text\r\na,"x, ""y"""\r\nb,z\r\n', "rows.csv", [3, 4]),
        (zipped(b'id,text\na,"x, ""y"""\nb,z\n'), "rows.csv", [2, 3]),
        (zipped(b'id,text\na,"x, ""y"""\nb,z\n'), "rows.csv.gz", [2, 3]),
        (zipped(b"\xfe\xff" + 'id\ttext\na\t"x, ""y"""\nb\tz\n'.encode("utf-16-be")), "r.TSV.GZ", [2, 3]),
        (b'id,text,,\na,"x, ""y""",,\nb,z,,\n', "rows.csv", [2, 3]),
        (b'id,text\na,"x, ""y"""\nb,z\n', "rows.txt", [2, 3]),
    ],
)
def test_one_table_in_many_forms(tmp_path: Path, raw: bytes, name: str, lines: list[int]) -> None:
    table = read(tmp_path, raw, name)

    assert table is not None
    assert {column: list(cells) for column, cells in table.cells.items()} == PLAIN
    assert table.lines.tolist() == lines


def test_a_row_is_named_by_the_line_it_starts_on(tmp_path: Path) -> None:
    table = read(tmp_path, b'id,text\na,"one\ntwo\nthree"\nb,four\n')

    assert table is not None
    assert table.lines.tolist() == [2, 5]
    assert table.cells["text"][0] == "one\ntwo\nthree"


def test_only_wanted_columns_are_kept_and_hashes_in_texts_are_no_comments(tmp_path: Path) -> None:
    table = read(tmp_path, b"text,label\n#news today,1\n# alone,0\n", wanted={"text", "absent"})

    assert table is not None
    assert table.header == ("text", "label")
    assert dict(table.cells) == {"text": ["#news today", "# alone"]}


def test_cells_may_be_long_and_other_readers_keep_their_limit(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    table = read(tmp_path, b"id,text\na," + b"word " * 60_000 + b"\n")

    assert table is not None
    assert len(table.cells["text"][0]) == 300_000
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("raw", "name", "code", "row", "message"),
    [
        (b"", "r.csv", "empty-file", None, "must hold a header and rows, got an empty file"),
        (b" \r\n \r\n", "r.csv", "empty-file", None, "must hold a header and rows"),
        (b"# nothing else\n", "r.csv", "empty-file", None, "must hold a header and rows"),
        (b"id,text\na,\0\n", "r.csv", "binary-file", 2, "must be text, got a NUL byte"),
        ("id,text\na,中文\n".encode("gb18030"), "r.csv", "encoding", 2, "got the byte 0xd6"),
        ("id,text\na,中文".encode()[:-1], "r.csv", "encoding", 2, "must be UTF-8"),
        ("id,text\n".encode("utf-16")[:-1], "r.csv", "encoding", None, "must be UTF-8 or UTF-16, got the byte"),
        (b"id,text\na,b,c\n", "r.csv", "ragged-row", 2, "as many cells as the header (2), got 3"),
        (b"id,text\na\n", "r.csv", "ragged-row", 2, "as many cells as the header (2), got 1"),
        (b"id,text,id\na,b,c\n", "r.csv", "duplicate-column", 1, "must be unique, got 'id' again"),
        (b"id,text\n", "r.csv", "no-rows", None, "must have rows, got a header alone"),
        (
            b"id;text\na;b\n",
            "r.csv",
            "delimiter",
            1,
            "separated by commas, got semicolons; put a first line sep=; before the header",
        ),
        (b"id\ttext\na\tb\n", "r.csv", "delimiter", 1, "separated by commas, got tabs; name the file .tsv, or put"),
        (b"id,text\na,b\n", "r.tsv", "delimiter", 1, "separated by tabs, got commas; name the file .csv, or put"),
        (b"sep=,\nid;text\na;b\n", "r.csv", "delimiter", 2, "separated by commas, got semicolons"),
        (b'id,text\na,b\nc,"never closed\nd,e\n', "r.csv", "not-csv", 3, "is a quote not closed?"),
        (b'id,text\na,"b"c\n', "r.csv", "not-csv", 2, "must be well-formed CSV"),
        (b"a;b\n1;2\n" * 200, "r.csv", "delimiter", 1, "got semicolons"),
        (b"PK\x03\x04 and so on", "r.csv", "packed", None, "got a zip archive or a spreadsheet: unpack it and give"),
        (b"BZh91AY", "r.csv.gz", "packed", None, "got a bzip2 file: unpack it, or pack it with gzip"),
        (b"\xd0\xcf\x11\xe0\xa1", "r.xls", "packed", None, "got a spreadsheet (.xls): save the sheet as CSV"),
        (b"id,text\na,b\n", "r.parquet", "not-parquet", None, "got other bytes; name it .csv, .tsv or .jsonl"),
        (b"id,text\na,b\n", "r.csv.gz", "not-gzip", None, "must be a whole gzip file"),
        (zipped(b"id,text\na,b\n" * 99)[:-12], "r.csv.gz", "not-gzip", None, "must be a whole gzip file"),
    ],
)
def test_refuses_bad_files_by_place_and_rule(
    tmp_path: Path, raw: bytes, name: str, code: str, row: int | None, message: str
) -> None:
    _, findings = findings_of(tmp_path, raw, name)

    assert [(finding.severity, finding.code, finding.row) for finding in findings] == [("error", code, row)]
    assert message in findings[0].message
    assert findings[0].path == str(tmp_path / name)


def test_a_hash_may_begin_the_name_of_a_column(tmp_path: Path) -> None:
    table = read(tmp_path, b"#id,text\na,b\n")

    assert table is not None
    assert table.header == ("#id", "text")


def test_keeps_good_rows_beside_ragged_ones_and_counts_these(tmp_path: Path) -> None:
    table, findings = findings_of(tmp_path, b"id,text\na\nb,c\nd,e,f\ng,h,i,j\n")

    assert table is not None
    assert table.lines.tolist() == [3]
    assert [(finding.rows, finding.count) for finding in findings] == [((2, 4, 5), 3)]


def test_a_missing_file_and_a_folder_are_findings(tmp_path: Path) -> None:
    for address, code in ((tmp_path / "absent.csv", "missing-file"), (tmp_path, "not-a-file")):
        table, findings = read_raw(Place(str(address)))
        assert (table, [finding.code for finding in findings]) == (None, [code])
    for address in ("nul\0.csv", "x" * 5000):
        assert len(read_raw(Place(address))[1]) == 1


@given(raw=st.binary(max_size=200), name=st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.csv.gz"]))
def test_no_bytes_lead_to_anything_but_a_table_or_findings(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, name: str
) -> None:
    table, findings = findings_of(tmp_path_factory.mktemp("any"), raw, name)

    if table is None or not len(table):
        assert findings
    else:
        assert {len(cells) for cells in table.cells.values()} <= {len(table)}


ROW = "0\ta text of its own\n"


@pytest.mark.parametrize(
    ("rows", "name", "told"),
    [
        (ROW + '1\t"so they said\n' + ROW * 2 + '0\tthat was "\n' + ROW, "a.tsv", ["3 lines 3 to 6"]),
        (
            '1\t"so they said\n0\tthat was "\n' + ROW + '1\t"and\n0\tso "\n',
            "a.tsv",
            ["2 lines 2 to 3", "5 lines 5 to 6"],
        ),
        ('1\t"a text\nof two lines"\n', "a.tsv", []),
        ('1\t"a text\tof two\tlines\nand of tabs"\n', "a.tsv", []),
    ],
)
def test_rows_that_a_quote_makes_one_are_told(tmp_path: Path, rows: str, name: str, told: list[str]) -> None:
    _, findings = findings_of(tmp_path, f"label\ttext\n{rows}".encode(), name)
    said = [(each.severity, each.code) for each in findings]
    assert said == [("warning", "swallowed-rows")] * bool(told)
    if told:
        assert f"row {told[0].split()[0]}: a quoted cell should not hold whole rows" in str(findings[0])
        assert all(each.partition(" ")[2] in findings[0].message for each in told)
        assert "double its own" in findings[0].message


def test_two_lines_of_prose_with_commas_are_no_rows(tmp_path: Path) -> None:
    prose = b'text,label\n"Hello, you\nand all",1\n"Hello, you\nall",0\n"a, b\nc, d\ne",0\n'
    assert findings_of(tmp_path, prose)[1] == []
    swallowed = b'id,label,text\n1,0,"so\n2,1,b\n3,1,c\n4,0,d"\n5,1,e\n'
    (found,) = findings_of(tmp_path, swallowed)[1]
    assert (found.code, found.row) == ("swallowed-rows", 2)
    assert "got lines 2 to 5" in found.message

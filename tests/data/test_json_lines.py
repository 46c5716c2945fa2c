from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tune_polar.data.readers import Place, json_lines, read_raw


def test_keys_are_columns_and_what_is_not_there_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    first = '{"text": "一\\n", "hate": 1, "score": 1.5}'
    said = f'\ufeff{first}\n\n{{"text": "b", "hate": true, "late": null, "id": 123456789012345678}}\n'
    path.write_bytes(gzip.compress(said.encode()))

    table, findings = read_raw(Place(str(path)))

    assert findings == []
    assert table is not None
    assert table.header == ("text", "hate", "score", "late", "id")
    assert table.lines.tolist() == [1, 3]
    assert dict(table.cells) == {
        "text": ["一\n", "b"],
        "hate": ["1", "True"],
        "score": ["1.5", ""],
        "late": ["", ""],
        "id": ["", "123456789012345678"],
    }


def test_a_wanted_key_may_come_late_and_an_absent_one_is_no_column(tmp_path: Path) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_text('{"text": "a"}\n{"text": "b", "implied": "c"}\n')

    table, _ = read_raw(Place(str(path)), {"text", "implied", "absent"})

    assert table is not None
    assert dict(table.cells) == {"text": ["a", "b"], "implied": ["", "c"]}


@pytest.mark.parametrize(
    ("raw", "code", "row", "message"),
    [
        (b"", "empty-file", None, "must hold an object a line"),
        (b'{"a": 1}\n{"a": \n', "not-json", 2, "a line must be a JSON object, got Expecting value"),
        (b"[1, 2]\n", "not-json", 1, "a line must be a JSON object, got one list of all rows: write"),
        (b"id,text\nr1,hello\n", "not-json", 1, "got 'id,text': name the file .csv or .tsv if it is one"),
        ('{"a": 1}\n'.encode("utf-16")[:-1], "encoding", 1, "must be whole characters in UTF-16"),
        (b'{"a": 1}\n"x"\n', "not-json", 2, "a line must be a JSON object, got str"),
        (b'{"a": [1]}\n', "cell-type", 1, "a cell must be text, a number, true, false or empty, got list"),
        (b'{"a": {"b": 1}}\n', "cell-type", 1, "got dict"),
        (
            b'{"a": 1}\n{"a": 1, "b": 2, "a": 2}\n',
            "repeated-key",
            2,
            "an object must have each key once, got 'a' twice",
        ),
        (b'{"a": {"b": 1, "b": 2}}\n', "cell-type", 1, "got dict"),
        (b'{"a": "\xff"}\n', "encoding", 1, "must be UTF-8, got the byte 0xff"),
        (b'{"a": "\\ud83d"}\n', "encoding", 1, "got half a surrogate pair"),
        (b'{"a": ' + b"9" * 5000 + b"}\n", "not-json", 1, "a line must be a JSON object"),
        (b'{"a": ' + b"[" * 100_000 + b"}\n", "not-json", 1, "a line must be a JSON object"),
    ],
)
def test_refuses_bad_lines_by_place_and_rule(
    tmp_path: Path, raw: bytes, code: str, row: int | None, message: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(raw)

    _, findings = read_raw(Place(str(path)))

    assert [(finding.code, finding.row) for finding in findings] == [(code, row)]
    assert message in findings[0].message


def test_whole_pairs_are_characters(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('{"a": "\\ud83d\\ude00"}\n')

    table, findings = read_raw(Place(str(path)))

    assert (findings, table and list(table.cells["a"])) == ([], ["😀"])


def test_lines_that_are_no_objects_are_one_fault(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("{nonsense\n" * 40)

    _, findings = read_raw(Place(str(path)))

    assert [finding.count for finding in findings] == [40]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows"])
def test_lines_in_other_encodings_and_under_other_names(tmp_path: Path, encoding: str, name: str) -> None:
    (tmp_path / name).write_bytes('{"text": "语文 a", "n": 1}\n\n{"text": "b", "n": 2.5}\n'.encode(encoding))
    table, findings = read_raw(Place(str(tmp_path / name)))
    assert findings == []
    assert table is not None
    assert {key: list(cells) for key, cells in table.cells.items()} == {"text": ["语文 a", "b"], "n": ["1", "2.5"]}
    assert table.lines.tolist() == [1, 3]


def test_a_file_of_one_endless_line_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "LONGEST_LINE", 1000)
    (tmp_path / "rows.jsonl").write_bytes(b'{"a": 1}\n{"a": "' + b"x" * 5000 + b'"}\n')
    _, findings = read_raw(Place(str(tmp_path / "rows.jsonl")))
    assert [(finding.code, finding.row) for finding in findings] == [("long-line", 2)]

from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.data.column_request import DataRequest, ExtraRequest, column_specs
from tune_polar.data.corpus_checks import check_data
from tune_polar.data.findings import Finding, data_error
from tune_polar.data.plans import make_plans
from tune_polar.data.polar_writer import write_polar
from tune_polar.data.readers.polar import COLUMNS
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.source import Source, parse_source
from tune_polar.data.table import Corpus
from tune_polar.errors import DataError

POLAR = DataRequest(column_specs(labels=["polarization"]))


def check_polar(folder: Path) -> list[Finding]:
    return check_data(Source(kind="polar", path=str(folder), language="zho"), POLAR)


def row(row_id: str, text: str, labels: str = "0" * 12) -> str:
    return ",".join([row_id, text, *labels])


def write(path: Path, *rows: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\r\n".join([",".join(COLUMNS), *rows, ""]).encode())
    return str(path)


def test_clean_data_has_no_findings(tmp_path: Path) -> None:
    write_polar(sample_corpus(rows_train=60, rows_dev=20, rows_test=20), tmp_path, "zho")

    assert check_polar(tmp_path) == []
    assert check_data(Source(kind="sample"), POLAR) == []


def test_collects_every_finding_with_its_place(tmp_path: Path) -> None:
    train = write(
        tmp_path / "train/zho.csv",
        row("a", "One text", "1" + "0" * 11),  # polarized without a type
        row("b", "two", "0" + "10000" + "100000"),  # labels without polarization
        row("b", "three"),  # id again
        row("c", "  "),  # empty
        row("d", "TWO\u200b", "0" * 12),  # text again
        row("f", "two"),  # and again
        row("g", "four", "0" + "70000" + "000000"),  # not a label
        "e,ragged",
    )
    dev = write(tmp_path / "dev/zho.csv", row("a", "ｏｎｅ　ｔｅｘｔ"))
    test = tmp_path / "test/zho.csv"
    test.parent.mkdir()
    test.write_bytes(b"id\0")

    found = {(f.severity, f.code, f.path, f.row, f.column, f.count) for f in check_polar(tmp_path)}

    assert found == {
        ("error", "ragged-row", train, 9, None, 1),
        ("error", "empty-text", train, 5, "text", 1),
        ("error", "label-value", train, 8, "political", 1),
        ("error", "label-without-polarization", train, 3, "stereotype", 1),
        ("warning", "polarized-without-type", train, 2, None, 1),
        ("error", "duplicate-id", train, 4, "id", 1),
        ("warning", "duplicate-text", train, 6, "text", 2),
        ("error", "id-in-two-splits", dev, 2, "id", 1),
        ("warning", "text-in-two-splits", dev, 2, "text", 1),
        ("error", "binary-file", str(test), 1, None, 1),
    }


def test_missing_columns_do_not_hide_other_findings(tmp_path: Path) -> None:
    path = tmp_path / "train/zho.csv"
    path.parent.mkdir()
    path.write_text("id,txt,polarization\na,x,5\n")

    codes = [(finding.code, finding.column) for finding in check_polar(tmp_path)]

    assert codes == [("unknown-column", "txt"), ("missing-column", "text"), ("label-value", "polarization")]


def test_nothing_to_check_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must have the file train/<language>\.csv"):
        check_polar(tmp_path)


def test_checks_files_of_ones_own(tmp_path: Path) -> None:
    train, dev = tmp_path / "a.csv", tmp_path / "b.csv"
    train.write_text("tweet,hate,kind\nx,1,1\ny,maybe,0\nz,0,1\n")
    dev.write_text("tweet,hate\nX ,0\n")
    source = parse_source(str(train), dev=str(dev), test=str(tmp_path / "absent.csv"), columns={"text": "tweet"})
    request = DataRequest(column_specs(labels=["hate", "kind"]), under={"kind": {"hate": 1}})

    found = check_data(source, request)

    assert [(finding.code, finding.row, finding.column) for finding in found] == [
        ("label-value", 3, "hate"),
        ("missing-file", None, None),
        ("text-in-two-splits", 2, "tweet"),
    ]
    assert str(found[0]) == f"{train}, row 3, column hate: a label must be 0 or 1, got 'maybe'"
    train.write_text("tweet,hate,kind\nx,1,1\ny,0,0\nz,0,1\n")
    (outside,) = [each for each in check_data(source, request) if each.row == 4]
    assert str(outside) == f"{train}, row 4, column kind: should be 0 unless hate is 1, got 1"
    assert outside.severity == "warning"


def test_what_no_search_takes_does_not_pass(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,hate\n" + "".join(f"text {number},0\n" for number in range(30)))

    def folds(corpus: Corpus) -> list[Finding]:
        make_plans("stratified", corpus, stages={"model": {}}, targets={"model": ["hate"]}, count=5, seed=42)
        return []

    source, request = parse_source(str(path)), DataRequest(column_specs(labels=["hate"]))
    (finding,) = check_data(source, request, take=folds)
    assert (finding.severity, finding.code) == ("error", "not-searchable")
    assert "both classes of 'hate' must be there to split, got 0 positive of 30 rows. Give rows" in finding.message

    path.write_text("text,hate\n" + "".join(f"text {number},{number % 2}\n" for number in range(30)))
    assert check_data(source, request, take=folds) == []


def test_repetitions_within_extra_rows_and_evaluation_sets_are_named_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,hate\nx,1\ny,0\n")
    (tmp_path / "e.csv").write_text("text,hate\nX,1\nz,0\n")
    request = DataRequest(column_specs(labels=["hate"]), extra=ExtraRequest(str(tmp_path / "e.csv")))

    found = check_data(parse_source(str(tmp_path / "a.csv")), request)

    assert [(each.severity, each.code, each.row) for each in found] == [
        ("warning", "no-source-id", None),
        ("warning", "text-in-two-splits", 2),
    ]


def test_an_error_lists_some_findings_and_counts_the_rest() -> None:
    findings = [Finding("error", "x", "a.csv", number, None, "must be") for number in range(11)]

    assert str(data_error(findings, "Mend it.")).endswith("a.csv, row 7: must be\nand 3 more\n  Remedy: Mend it.")

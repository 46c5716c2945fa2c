from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.data.checks import check_csv, check_polar, normalised
from tune_polar.data.generic_csv import ColumnNames
from tune_polar.data.polar_csv import COLUMNS
from tune_polar.data.sample import sample_corpus, write_polar
from tune_polar.errors import DataError


def row(row_id: str, text: str, labels: str = "0" * 12) -> str:
    return ",".join([row_id, text, *labels])


def write(path: Path, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\r\n".join([",".join(COLUMNS), *rows, ""]).encode())
    return path


def test_clean_data_has_no_findings(tmp_path: Path) -> None:
    write_polar(sample_corpus(rows_train=60, rows_dev=20, rows_test=20), tmp_path, "zho")

    assert check_polar(tmp_path, "zho") == []


def test_collects_every_finding_with_its_place(tmp_path: Path) -> None:
    train = write(
        tmp_path / "train/zho.csv",
        row("a", "One text", "1" + "0" * 11),  # polarized without a type
        row("b", "two", "0" + "10000" + "100000"),  # labels without polarization
        row("b", "three"),  # id again
        row("c", "  "),  # empty
        row("d", "TWO", "7" + "0" * 11),  # not a label; text again
        "e,ragged",
    )
    dev = write(tmp_path / "dev/zho.csv", row("a", "ｏｎｅ　ｔｅｘｔ"))
    test = tmp_path / "test/zho.csv"
    test.parent.mkdir()
    test.write_bytes(b"id\0")

    found = {(f.severity, f.code, f.path, f.row, f.column) for f in check_polar(tmp_path, "zho")}

    assert found == {
        ("warning", "polarized-without-type", train, 2, None),
        ("error", "label-without-polarization", train, 3, "political"),
        ("error", "label-without-polarization", train, 3, "stereotype"),
        ("error", "duplicate-id", train, 4, "id"),
        ("error", "empty-text", train, 5, "text"),
        ("error", "label-value", train, 6, "polarization"),
        ("warning", "duplicate-text", train, 6, "text"),
        ("error", "ragged-row", train, 7, None),
        ("error", "id-in-two-splits", dev, 2, "id"),
        ("warning", "text-in-two-splits", dev, 2, "text"),
        ("error", "binary-file", test, 1, None),
    }


def test_missing_columns_do_not_hide_other_findings(tmp_path: Path) -> None:
    path = tmp_path / "train/zho.csv"
    path.parent.mkdir()
    path.write_text("id,txt,polarization\na,x,5\n")

    codes = [(finding.code, finding.column) for finding in check_polar(tmp_path, "zho")]

    assert codes == [("unknown-column", "txt"), ("missing-column", "text"), ("label-value", "polarization")]


def test_checks_the_order_file_that_is_there(tmp_path: Path) -> None:
    write(tmp_path / "train/zho.csv", row("a", "x"), row("b", "y"))
    order = tmp_path / "zho_competition_order.txt"
    order.write_text("a\nq\n")

    found = [(finding.code, finding.path, finding.row) for finding in check_polar(tmp_path, "zho")]

    assert found == [("order-file", order, 2), ("order-file", order, None)]


def test_nothing_to_check_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must have the file train/<language>\.csv"):
        check_polar(tmp_path, "zho")


def test_checks_files_of_ones_own(tmp_path: Path) -> None:
    train, dev = tmp_path / "a.csv", tmp_path / "b.csv"
    train.write_text("tweet,hate\nx,1\ny,maybe\n")
    dev.write_text("tweet,hate\nX ,0\n")
    columns = ColumnNames(None, "tweet", {"polarization": "hate"})

    found = check_csv(train, dev=dev, test=tmp_path / "absent.csv", columns=columns)

    assert [(finding.code, finding.row, finding.column) for finding in found] == [
        ("label-value", 3, "hate"),
        ("missing-file", None, None),
        ("text-in-two-splits", 2, "tweet"),
    ]
    assert str(found[0]) == f"{train}, row 3, column hate: a label must be 0 or 1, got 'maybe'"


def test_normalised_ignores_width_case_and_outer_space() -> None:
    assert normalised(" ＡＢc　") == normalised("abC") == "abc"


@pytest.mark.shared
def test_finds_the_dev_text_that_stands_in_train(shared_dir: Path) -> None:
    findings = check_polar(shared_dir / "data" / "polar", "zho")

    assert [(f.severity, f.code, f.path.parent.name, f.row) for f in findings] == [
        ("warning", "text-in-two-splits", "dev", 95)
    ]
    assert "train/zho.csv, row 4099" in findings[0].message

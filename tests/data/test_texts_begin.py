"""Whether files of new texts begin as they must is known before anything heavy is loaded, from their first rows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tune_polar.data.new_texts import TextColumns, check_begin, new_texts
from tune_polar.errors import DataError


def test_a_wrong_column_an_empty_file_and_none_are_refused(tmp_path: Path) -> None:
    good = tmp_path / "good.csv"
    good.write_text("text\na\nb\n", encoding="utf-8")
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    (tmp_path / "blank.txt").write_text("\n\n", encoding="utf-8")
    check_begin([str(good)], TextColumns())
    cases = {"good.csv": TextColumns("said"), "empty.csv": TextColumns(), "none.csv": TextColumns()}
    for name, columns in {**cases, "blank.txt": TextColumns()}.items():
        with pytest.raises(DataError):
            check_begin([str(good), str(tmp_path / name)], columns)


def test_the_first_rows_alone_are_read(tmp_path: Path) -> None:
    late = tmp_path / "late.csv"
    late.write_text("id,text\n1,a\n2,\n", encoding="utf-8")
    check_begin([str(late)], TextColumns())
    with pytest.raises(DataError, match="row 3"):
        list(new_texts([str(late)], TextColumns(), 10))


@pytest.mark.parametrize(
    ("columns", "remedy"),
    [
        (TextColumns("said"), "`--text COLUMN` names the column with the texts."),
        (TextColumns(id="row"), "`--id COLUMN` names the column with the ids."),
        (
            TextColumns("said", "row", groups={"language": "lg"}),
            "`--text COLUMN` names the column with the texts; `--id COLUMN` names the column with the ids; "
            "`--column language=COLUMN` names the column with each row's language. Where a cell of it is empty, what "
            "was chosen on all rows decides.",
        ),
    ],
    ids=["texts", "ids", "all"],
)
def test_each_column_that_is_lacking_has_its_own_remedy(tmp_path: Path, columns: TextColumns, remedy: str) -> None:
    (tmp_path / "new.csv").write_text("text\na\n", encoding="utf-8")
    with pytest.raises(DataError) as told:
        check_begin([str(tmp_path / "new.csv")], columns)
    assert told.value.remedy == remedy
    assert told.value.problem.count("the file must have the column") == remedy.count("names the column")


def test_standard_input_is_left_to_who_reads_it_and_a_pipe_is_refused(tmp_path: Path) -> None:
    check_begin(["-"], TextColumns())
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="got a pipe"):
        check_begin([str(tmp_path / "pipe.csv")], TextColumns())

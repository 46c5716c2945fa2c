"""A competition's file holds what is decided, of the ids that are wanted, once each; or it is not there."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tune_polar.errors import DataError, SpecError, TunePolarError
from tune_polar.recipe.submission import Submission
from tune_polar.serve.submission_file import Answered, SubmissionFile

LABELS = Answered("labels", ("loud", "sly/mean"))
DECIDED = np.array([[True, False], [False, False], [True, True]])
IDS = ["a1", "a2", "a3"]
NO_GROUPS = ["", "", ""]


def form(**settings: Any) -> Submission:
    return Submission(**{"member": "answers.csv", **settings})


def read(path: Path) -> Mapping[str, str]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def write(path: Path, settings: Submission, answered: Answered = LABELS, **about: Any) -> Mapping[str, int]:
    file = SubmissionFile(settings, answered)
    file.add(about.get("ids", IDS), about.get("groups", NO_GROUPS), about.get("decided", DECIDED))
    return file.write(path, about.get("expected"))


def test_rows_stand_in_their_order_under_the_columns_wanted(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    assert write(path, form()) == {"answers.csv": 3}
    assert read(path) == {"answers.csv": "id,loud,sly/mean\na1,1,0\na2,0,0\na3,1,1\n"}
    write(path, form(columns=("sly/mean", "loud"), id="row", header={"loud": "L"}, words=("no", "yes"), format="tsv"))
    assert read(path) == {"answers.csv": "row\tsly/mean\tL\na1\tno\tyes\na2\tno\tno\na3\tyes\tyes\n"}


def test_each_group_has_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    written = write(path, form(member="sub/pred_{language}.csv", columns=("loud",)), groups=["zho", "eng", "zho"])
    assert written == {"sub/pred_zho.csv": 2, "sub/pred_eng.csv": 1}
    assert read(path) == {"sub/pred_eng.csv": "id,loud\na2,0\n", "sub/pred_zho.csv": "id,loud\na1,1\na3,1\n"}


def test_parts_make_one_file_and_equal_answers_equal_bytes(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.zip", tmp_path / "parts.zip"
    write(whole, form())
    file = SubmissionFile(form(), LABELS)
    for row in range(3):
        file.add(IDS[row : row + 1], [""], DECIDED[row : row + 1])
    file.write(parts, expected=reversed(IDS))
    assert whole.read_bytes() == parts.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"whole.zip", "parts.zip"}


def test_classes_numbers_and_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "x"
    topics = Answered("class", ("topic",), ("news", "sport, other"))
    write(path, form(archive="none"), topics, decided=np.array([[1.0], [0.0], [1.0]]))
    assert path.read_text() == 'id,topic\na1,"sport, other"\na2,news\na3,"sport, other"\n'
    write(path, form(archive="none"), Answered("number", ("grade",)), decided=np.array([[1 / 3], [-2.0], [1e-9]]))
    assert path.read_text() == "id,grade\na1,0.333333\na2,-2.0\na3,0.0\n"
    write(path, form(archive="none", format="jsonl"), ids=["a", "b", "\u00e9"])
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"id": "a", "loud": 1, "sly/mean": 0},
        {"id": "b", "loud": 0, "sly/mean": 0},
        {"id": "\u00e9", "loud": 1, "sly/mean": 1},
    ]


@pytest.mark.parametrize(
    ("about", "error"),
    [
        ({"ids": ["a1", "a2", "a1"]}, "answers.csv: every id must be there once, but these are repeated: 'a1'"),
        (
            {"expected": [*IDS, "b7", "b8"]},
            "every id that is wanted must be answered, but these are missing: 'b7', 'b8'",
        ),
        ({"expected": ["a1", "a3"]}, "no other id must be answered, but these are extra: 'a2'"),
        ({"expected": [*IDS, "a3"]}, "the file of ids must name each once, but these are repeated: 'a3'"),
        (
            {"expected": map(str, range(30))},
            "missing: '0', '1', .*'9' and 20 more\n.*these are extra: 'a1', 'a2', 'a3'",
        ),
        ({"ids": ["a1", " ", "a3"]}, "every text must have an id, but that of one is empty"),
    ],
)
def test_ids_that_are_not_those_wanted_are_named(tmp_path: Path, about: dict[str, Any], error: str) -> None:
    with pytest.raises(DataError, match=error):
        write(tmp_path / "x.zip", form(), **about)
    assert not list(tmp_path.iterdir())


def test_one_id_may_stand_in_two_files(tmp_path: Path) -> None:
    write(tmp_path / "x.zip", form(member="{l}.csv"), ids=["1", "2", "1"], groups=["a", "a", "b"])
    assert set(read(tmp_path / "x.zip")) == {"a.csv", "b.csv"}


@pytest.mark.parametrize("group", ["", " ", "..", "../up", "a/b", "a\\b", "a:b", "a\nb", "*"])
def test_a_group_that_leads_out_of_the_archive_is_refused(tmp_path: Path, group: str) -> None:
    member = "{language}" if group == ".." else "pred_{language}.csv"
    with pytest.raises(DataError, match=r"language must make a name of a file in '.*', got "):
        write(tmp_path / "x.zip", form(member=member), groups=["zho", group, "zho"])


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    cases: list[tuple[Path, Submission, list[str], type[TunePolarError], str]] = [
        (tmp_path / "folder", form(), NO_GROUPS, DataError, "must be a file that can be written, but: it is a folder"),
        (
            tmp_path / "none/x.zip",
            form(),
            NO_GROUPS,
            DataError,
            "must be a file that can be written, but: No such file",
        ),
        (
            tmp_path / "x",
            form(member="{l}.csv", archive="none"),
            ["a", "b", "a"],
            SpecError,
            "must have one file, got 2",
        ),
    ]
    for path, settings, groups, kind, error in cases:
        with pytest.raises(kind, match=error):
            write(path, settings, groups=groups)
    with pytest.raises(DataError, match="must have rows, got none"):
        SubmissionFile(form(), LABELS).write(tmp_path / "x.zip", None)
    with pytest.raises(SpecError, match=r"columns that are decided, of \['loud', 'sly/mean'\], got 'sly'"):
        SubmissionFile(form(columns=("sly",)), LABELS)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]

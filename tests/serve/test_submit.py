"""Which file of a submission a row belongs to, and what is refused before anything is predicted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.data.new_texts import NewTexts
from tune_polar.errors import DataError, SpecError
from tune_polar.recipe.strict_yaml import read_yaml
from tune_polar.recipe.submission import EXAMPLE, Submission
from tune_polar.serve.submit import Grouping, expected_ids, grouping_of, have_column, required

BY_LANGUAGE = Submission(member="pred_{language}.csv")
POLAR = {"data": {"source": {"kind": "polar", "language": "zho"}}}
PART = NewTexts("eng.csv.gz", ("1", "2"), ("a", "b"), {"language": ("zho", "eng")})


@pytest.mark.parametrize(
    ("form", "files", "manifest", "has_column", "word", "groups"),
    [
        (Submission(member="all.csv"), ["x.csv"], POLAR, True, "deu", ["", ""]),
        (BY_LANGUAGE, ["x.csv"], POLAR, True, "deu", ["deu", "deu"]),
        (BY_LANGUAGE, ["x.csv"], POLAR, True, None, ["zho", "eng"]),
        (BY_LANGUAGE, ["zho.csv", "eng.csv.gz"], POLAR, False, None, ["eng", "eng"]),
        (BY_LANGUAGE, ["x.csv"], POLAR, False, None, ["zho", "zho"]),
    ],
)
def test_rows_are_told_apart_by_what_is_said_first(form, files, manifest, has_column, word, groups) -> None:
    grouping = grouping_of(form, files, manifest, has_column=has_column, word=word)
    assert list(grouping.of(PART)) == groups


@pytest.mark.parametrize(
    "manifest",
    [
        None,
        {"data": {"source": {"kind": "polar", "language": "all"}}},
        {"data": {"source": {"kind": "polar", "language": "zho,eng"}}},
        {"data": {"source": {"kind": "files", "language": "zho"}}},
        {},
    ],
)
def test_a_language_that_nobody_says_is_asked_for(manifest) -> None:
    with pytest.raises(SpecError, match=r"x.csv must have the column 'language', .*(.|\n)*--language"):
        grouping_of(BY_LANGUAGE, ["x.csv"], manifest, has_column=False, word=None)


def test_a_recipe_without_the_section_is_told_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="st9 must say what the competition wants in a section `submission`, got none"):
        required(None, "st9")
    assert required(BY_LANGUAGE, "st9") is BY_LANGUAGE
    path = tmp_path / "example.yaml"
    path.write_text(EXAMPLE)
    assert Submission.model_validate(read_yaml(path).content["submission"]).by == "language"


def test_ids_are_read_from_any_table(tmp_path: Path) -> None:
    (tmp_path / "ids.tsv").write_text("a\tid\n1\tx\n2\ty\n")
    assert list(expected_ids(str(tmp_path / "ids.tsv"), "id")) == ["x", "y"]
    with pytest.raises(DataError, match="the file must have the column 'row'"):
        list(expected_ids(str(tmp_path / "ids.tsv"), "row"))
    (tmp_path / "empty.csv").write_text("")
    for name in ("none.csv", "empty.csv"):
        with pytest.raises(DataError, match=name):
            list(expected_ids(str(tmp_path / name), "id"))


def test_a_column_is_one_of_every_file(tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.jsonl"
    one.write_text("id,language\n1,zho\n")
    other.write_text('{"id": "1"}\n')
    assert have_column([str(one)], "language")
    assert not have_column([str(one), str(other)], "language")
    assert not have_column([str(tmp_path / "none.csv")], "language")
    assert Grouping("language", None).of(PART) == ("zho", "eng")

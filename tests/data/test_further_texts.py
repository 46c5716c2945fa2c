"""Cells of a further text that are none: taken as what they mean, and told with their number."""

from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.data.column_request import DataRequest, column_specs
from tune_polar.data.findings import Finding
from tune_polar.data.load import load_corpus
from tune_polar.data.plans import corpus_for
from tune_polar.data.source import parse_source


def read(tmp_path: Path, rows: str, **texts: object) -> tuple[list[str], dict[str, Finding]]:
    path = tmp_path / "posts.csv"
    path.write_text(f"text,hate,implied,augmented\n{rows}", encoding="utf-8")
    corpus = load_corpus(parse_source(str(path)), DataRequest(column_specs(labels=["hate"], texts={"positive": texts})))
    return corpus.train.words("positive"), {finding.code: finding for finding in corpus.warnings}


ROWS = """one,1,they lie,a
two,0,nan,b
three,0,NaN ,c
four,0,,d
five,1,"['they cheat', 'x']",e
six,1,[not a list],f
"""


def test_nan_is_no_text_and_a_list_is_its_first(tmp_path: Path) -> None:
    found, told = read(tmp_path, ROWS, column="implied", otherwise="augmented")
    assert found == ["they lie", "b", "c", "d", "they cheat", "[not a list]"]
    assert (told["text-nan"].count, told["text-list"].count) == (2, 1)
    assert told["text-nan"].rows == (3, 4)
    assert "own-text" not in told


@pytest.mark.parametrize("empty", ["", "nan", " NaN ", "\u200b"])
@pytest.mark.parametrize(
    ("stand_in", "taken", "codes"),
    [
        ("they lie", "they lie", set()),
        ("\"['they lie', 'x']\"", "they lie", {"text-list"}),
        ("nan", "one", {"text-nan", "own-text"}),
        ("", "one", {"own-text"}),
        ("\"['']\"", "one", {"text-list", "own-text"}),
    ],
)
def test_what_stands_in_is_read_as_any_further_text_is(
    tmp_path: Path, empty: str, stand_in: str, taken: str, codes: set[str]
) -> None:
    rows = f"one,1,{empty},{stand_in}\ntwo,0,said,other\n"
    found, told = read(tmp_path, rows, column="implied", otherwise="augmented")
    assert found == [taken, "said"]
    assert set(told) - {"text-nan"} == codes - {"text-nan"}
    assert codes <= set(told)
    if "own-text" in codes:
        assert (told["own-text"].column, told["own-text"].row, told["own-text"].count) == ("implied", 2, 1)
        assert "or in 'augmented', which stands in" in told["own-text"].message


def test_a_column_that_also_stands_in_is_told_of_once(tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_text("text,hate,implied,augmented\none,1,,\"['a']\"\ntwo,0,,nan\n")
    texts = {"positive": {"column": "implied", "otherwise": "augmented"}, "augmented": "augmented"}

    corpus = load_corpus(parse_source(str(tmp_path / "posts.csv")), DataRequest(column_specs(texts=texts)))

    assert corpus.train.words("positive") == corpus.train.words("augmented") == ["a", "two"]
    assert [(each.code, each.column, each.count) for each in corpus.warnings] == [
        ("text-list", "augmented", 1),
        ("text-nan", "augmented", 1),
        ("own-text", "implied", 1),
        ("own-text", "augmented", 1),
    ]


def test_rows_that_stand_in_for_themselves_are_counted(tmp_path: Path) -> None:
    found, told = read(tmp_path, ROWS, column="implied")
    assert found == ["they lie", "two", "three", "four", "they cheat", "[not a list]"]
    assert told["own-text"].count == 3
    assert "otherwise" in told["own-text"].message


@pytest.mark.parametrize(
    ("dev", "positives", "told"),
    [
        ("text,hate,implied,augmented\nten,1,mean,j\nelf,0,,k\n", ["mean", "k"], []),
        ("text,hate,implied\nten,1,mean\nelf,0,nan\n", ["mean", "elf"], [("own-text", 3, 1), ("own-text", None, 2)]),
        ("text,hate,augmented\nten,1,j\nelf,0,k\n", ["j", "k"], []),
        ("text,hate\nten,1\nelf,0\n", ["ten", "elf"], [("own-text", None, 2), ("own-text", None, 2)]),
        ("text,hate,implied\nten,1,\nelf,0,\n", ["ten", "elf"], [("own-text", None, 2), ("own-text", None, 2)]),
    ],
)
def test_rows_of_dev_that_join_train_have_the_further_texts_that_there_are(
    tmp_path: Path, dev: str, positives: list[str], told: list[tuple[str, int | None, int]]
) -> None:
    (tmp_path / "train.csv").write_text(f"text,hate,implied,augmented\n{ROWS}")
    (tmp_path / "dev.csv").write_text(dev)
    texts = {"positive": {"column": "implied", "otherwise": "augmented"}, "augmented": "augmented"}
    request = DataRequest(column_specs(labels=["hate"], texts=texts, given_by="split"))

    corpus = corpus_for("given", load_corpus(parse_source(str(tmp_path)), request), column="split")

    assert corpus.train.words("positive")[6:] == positives
    assert [(each.code, each.row, each.count) for each in corpus.warnings if each.code == "own-text"] == told
    assert all(" , " not in str(each) for each in corpus.warnings)


@pytest.mark.parametrize(
    "cell", ['"[\'open"', '["\'"]', '"[]"', "\"['a' + 'b']\"", '"' + "['" * 3000 + "']" * 3000 + '"']
)
def test_what_only_looks_like_a_list_stays_as_it_is(tmp_path: Path, cell: str) -> None:
    found, told = read(tmp_path, f"one,1,{cell},a\ntwo,0,b,c\n", column="implied", otherwise="augmented")
    assert found[0]
    assert "text-list" not in told or told["text-list"].count == 1

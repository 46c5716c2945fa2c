"""Wrong tables: `data check` and a search say the same of each, and neither is silent."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from tune_polar.api.run_search import data_warnings
from tune_polar.cli.main import app
from tune_polar.data.column_request import DataRequest, ExtraRequest, column_specs
from tune_polar.data.corpus_checks import check_data
from tune_polar.data.findings import Finding, errors_in
from tune_polar.data.infer import infer_columns
from tune_polar.data.load import load_corpus
from tune_polar.data.plans import make_plans
from tune_polar.data.readers.places import Place, UnreadableError
from tune_polar.data.source import parse_source
from tune_polar.data.table import Corpus
from tune_polar.errors import DataError, TunePolarError

ROWS = 40
Change = Callable[[pd.DataFrame], pd.DataFrame]


def table(prefix: str = "r") -> pd.DataFrame:
    rows = range(ROWS)
    return pd.DataFrame({"id": [f"{prefix}{n}" for n in rows], "text": [f"{prefix} said {n}" for n in rows]}).assign(
        hate=[n % 2 for n in rows], author=[f"a{n // 2}" for n in rows]
    )


def cells(column: str, *values: object) -> Change:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{column: [*values, *frame[column][len(values) :]]})

    return change


def folds(corpus: Corpus) -> list[Finding]:
    about = {"stages": {"model": {}}, "targets": {"model": ["hate"]}, "count": 5, "seed": 1}
    make_plans("stratified", corpus, together=["author"], **about)
    return []


UNSEEN = ["\u200b", "\ufeff", "\u00ad", "\u00a0", "\ufe0f", "\U000e0041", "\u2800", "\u200d\u2060", " \t\u3164"]


@pytest.mark.parametrize(
    ("train", "dev", "code", "message"),
    [
        *((cells("text", text), None, "empty-text", "a text must not be empty") for text in UNSEEN),
        *((cells("id", text), None, "empty-id", "an id must not be empty") for text in UNSEEN[:3]),
        (cells("id", "x", "x"), None, "duplicate-id", "an id must be unique, got 'x', which row 2 has too"),
        (cells("id", "x", "x\u200b"), None, "duplicate-id", "got 'x\\u200b', which row 2 has too"),
        (cells("id", "é", unicodedata.normalize("NFD", "é")), None, "duplicate-id", "which row 2 has too"),
        (None, cells("id", "r1"), "id-in-two-splits", "an id must stand in one file only, got 'r1'"),
        (cells("hate", 0, "maybe"), None, "label-value", "a label must be 0 or 1, got 'maybe'"),
        (cells("hate", *["1\u200b"] * 20), None, None, ""),
        (cells("hate", *[0] * ROWS), None, "not-searchable", "both classes of 'hate' must be there"),
        (cells("author", *["one"] * ROWS), None, "not-searchable", "must leave a group for each of 5 folds, got 1"),
        (lambda frame: frame.drop(columns="author"), None, "missing-column", "must have the column 'author'"),
        (lambda frame: frame.rename(columns={"hate": "hatte"}), None, "missing-column", "did you mean 'hatte'?"),
        (cells("text", "r said 9\u200b"), None, "duplicate-text", "a text should stand once in a split"),
        (cells("text", "R SAID 9 "), None, "duplicate-text", "the text of row 2 again"),
        (cells("text", "ｒ　said 9"), None, "duplicate-text", "the text of row 2 again"),
        (None, cells("text", "r said\u2060 9"), "text-in-two-splits", "a text should stand in one split only"),
        (None, lambda frame: frame.drop(columns="hate"), "missing-gold", "dev has no ['hate']: its rows are predicted"),
        (None, lambda frame: frame.rename(columns={"hate": "hat"}), "missing-gold", "did you mean 'hat'?"),
        (None, cells("hate", "", ""), "label-value", "a label must be 0 or 1, got ''"),
    ],
)
def test_check_and_search_say_the_same(
    tmp_path: Path, train: Change | None, dev: Change | None, code: str | None, message: str
) -> None:
    for name, change in (("train", train), ("dev", dev)):
        frame = table("r" if name == "train" else "d")
        (frame if change is None else change(frame)).to_csv(tmp_path / f"{name}.csv", index=False)
    source = parse_source(str(tmp_path / "train.csv"), dev=str(tmp_path / "dev.csv"))
    request = DataRequest(column_specs(labels=["hate"], told_apart_by=["author"]))

    found = check_data(source, request, take=folds)
    assert [finding.code for finding in found] == ([] if code is None else [code])
    assert all(message in str(finding) for finding in found)
    if not errors_in(found):
        corpus = load_corpus(source, request)
        folds(corpus)
        assert data_warnings(corpus) == [f"warning: {finding}" for finding in found]
        return
    with pytest.raises(TunePolarError) as refused:
        folds(load_corpus(source, request))
    assert refused.value.problem in (str(found[0]), found[0].message.rpartition(f". {refused.value.remedy}")[0])


def written(folder: Path, **columns: list[str]) -> str:
    pd.DataFrame({"text": [f"said {n}" for n in range(len(next(iter(columns.values()))))], **columns}).to_csv(
        folder / "t.csv", index=False
    )
    return str(folder / "t.csv")


def test_an_invisible_character_tells_no_class_word_or_group_apart(tmp_path: Path) -> None:
    path = written(
        tmp_path, topic=["news", "news\u200b", "sport ", "\ufeffart"] * 3, author=["a", "a\u2060", "b", "b"] * 3
    )
    assert infer_columns(path, ["topic"]).classes == {"topic": ("art", "news", "sport")}
    specs = column_specs(classes={"topic": ["art", "news", "sport"]}, groups=["author"])
    corpus = load_corpus(parse_source(path), DataRequest(specs))
    assert corpus.train.columns["topic"].words()[:4] == ["news", "news", "sport", "art"]
    assert corpus.train.columns["author"].names == ("a", "b")
    word = DataRequest(column_specs(labels=["good"]))
    said = load_corpus(parse_source(path, columns={"good": "topic=news"}), word)
    assert said.train.values("good").tolist()[:4] == [1, 1, 0, 0]


@pytest.mark.parametrize("words", [["Yes", "yes"], ["News", "news", "art"], ["ａ", "a", "b"]])
def test_words_that_differ_by_case_or_width_alone_are_no_classes(tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(DataError, match="must differ by more than case or width, got"):
        infer_columns(written(tmp_path, topic=words * 5), ["topic"])


def test_the_cell_that_is_no_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must hold finite numbers alone, got 'NaN' in 'score'"):
        infer_columns(written(tmp_path, score=["NaN", *(f"{n / 7}" for n in range(90))]), ["score"])


def test_a_target_is_not_the_text(tmp_path: Path) -> None:
    path = written(tmp_path, hate=["0", "1"] * 9)
    with pytest.raises(DataError, match="hate must be another column than that of the texts, got 'hate'"):
        load_corpus(parse_source(path, columns={"text": "hate"}), DataRequest(column_specs(labels=["hate"])))


@pytest.mark.parametrize(
    ("column", "wanted", "said"),
    [
        (unicodedata.normalize("NFD", "häss"), "häss", "which is written U+0308 and not U+00E4"),
        ("häss", unicodedata.normalize("NFD", "häss"), "which is written U+00E4 and not U+0308"),
        ("ha\u200bte", "hate", "did you mean 'ha\\u200bte', which is written U+200B and not in ASCII alone"),
        (" hate", "hate", "did you mean ' hate'?"),
        ("Hate", "hate", "did you mean 'Hate'?"),
    ],
)
def test_the_difference_of_a_columns_name_is_said(tmp_path: Path, column: str, wanted: str, said: str) -> None:
    path = written(tmp_path, **{column: ["0", "1"] * 9})
    for read in (
        lambda: load_corpus(parse_source(path), DataRequest(column_specs(labels=[wanted]))),
        lambda: infer_columns(path, [wanted]),
    ):
        with pytest.raises(DataError) as caught:
            read()
        assert said in caught.value.problem


def test_extra_rows_need_not_tell_folds_apart(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "train.csv", index=False)
    table("e").drop(columns="author").assign(source_id="r1").to_csv(tmp_path / "extra.csv", index=False)
    specs = column_specs(labels=["hate"], told_apart_by=["author"])
    corpus = load_corpus(
        parse_source(str(tmp_path / "train.csv")), DataRequest(specs, extra=ExtraRequest(str(tmp_path / "extra.csv")))
    )
    assert (len(corpus.train), len(corpus.sources)) == (2 * ROWS, ROWS)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet", "rows.csv.gz"])
def test_a_pipe_is_no_table_and_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(UnreadableError) as error, Place(str(tmp_path / name)).open():
        pass
    assert error.value.message.startswith("must be a file, got a pipe or device")
    answer = CliRunner().invoke(app, ["data", "check", str(tmp_path / name)])
    assert answer.exit_code == 1, answer.output
    assert "got a pipe or device" in answer.output

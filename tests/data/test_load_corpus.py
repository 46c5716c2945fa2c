from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.data.column_request import DataRequest, EvaluationFile, column_specs
from tune_polar.data.header import columns_lacking
from tune_polar.data.load import load_corpus
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.source import Source, parse_source
from tune_polar.data.table import Corpus
from tune_polar.errors import DataError

HATE = column_specs(labels=["hate"])


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def load(train: str, specs: object = HATE, *, request: dict[str, object] | None = None, **options: object) -> Corpus:
    wanted = DataRequest(specs, **(request or {}))  # type: ignore[arg-type]
    return load_corpus(parse_source(train, **options), wanted)  # type: ignore[arg-type]


def test_renames_columns_and_ignores_others(tmp_path: Path) -> None:
    train = write(tmp_path / "mine.csv", "key,lang,tweet,class\n7,zh,早,yes\n8,zh,晚,no\n")

    corpus = load(train, columns={"id": "key", "text": "tweet", "hate": "class=yes"})

    assert corpus.name == "mine"
    assert (corpus.train.ids, corpus.train.texts) == (("7", "8"), ("早", "晚"))
    assert corpus.train.values("hate").tolist() == [1, 0]
    assert corpus.dev is None


def test_a_column_of_ids_is_read_where_there_is_one_and_rows_are_numbered_else(tmp_path: Path) -> None:
    train = write(tmp_path / "a.csv", "id,text,hate\n7,x,1\n8,y,0\n")
    dev = write(tmp_path / "b.csv", "text,hate\nz,1\n")

    corpus = load(train, dev=dev)

    assert corpus.train.ids == ("7", "8")
    assert corpus.dev is not None
    assert corpus.dev.ids == ("dev-1",)


def test_files_of_one_data_set_may_be_of_many_formats_and_names(tmp_path: Path) -> None:
    train = write(tmp_path / "a.tsv", "ID\tpost\tclass\n1\tx\thate\n2\ty\tnone\n")
    dev = write(tmp_path / "b.jsonl", '{"text": "z", "hate": 1}\n')
    test = write(tmp_path / "c.csv", "post\nw\n")

    corpus = load(train, dev=dev, test=test, columns={"id": "ID", "text": "post", "hate": "class=hate"})

    assert corpus.dev is not None
    assert corpus.dev.values("hate").tolist() == [1]
    assert corpus.splits["test"].columns == {}
    assert corpus.splits["test"].missing == ("hate",)


def test_all_kinds_of_columns(tmp_path: Path) -> None:
    specs = column_specs(
        labels=["hate"],
        classes={"topic": ["news", "sport"]},
        numbers={"warmth": [1, 5]},
        groups=["language"],
        texts={"positive": {"column": "implied", "otherwise": "augmented"}},
        given_by="split",
    )
    head = "text,hate,topic,warmth,language,implied,augmented\n"
    train = write(tmp_path / "a.csv", head + "x,1,sport,1.5,zho,said,other\ny,0,news,5,eng, ,stands in\n")
    dev = write(tmp_path / "b.csv", "text,hate,warmth,language\nz,1,,fra\n")

    corpus = load(train, specs, dev=dev)

    assert corpus.train.values("topic").tolist() == [1, 0]
    assert corpus.train.values("warmth").tolist() == [1.5, 5]
    assert corpus.train.words("positive") == ["said", "stands in"]
    assert corpus.train.missing == ("split",)
    assert corpus.train.columns["language"].names == ("eng", "fra", "zho")
    assert corpus.dev is not None
    assert corpus.dev.values("language").tolist() == [1]
    assert corpus.dev.missing == ("topic", "warmth", "positive", "split")


def test_evaluation_sets_have_their_own_names_of_columns_and_ids(tmp_path: Path) -> None:
    train = write(tmp_path / "a.csv", "id,text,hate\n1,x,1\n2,y,0\n")
    sbic = write(tmp_path / "sbic.csv", "id,post,offensive\n1,z,offensive\n2,w,not\n")
    dyna = write(tmp_path / "dyna.tsv", "text\thate\nv\t0.0\n")

    columns = {"sbic.text": "post", "sbic.hate": "offensive=offensive"}
    sets = {"sbic": EvaluationFile(sbic), "dynahate": EvaluationFile(dyna)}
    corpus = load(train, columns=columns, request={"evaluate": sets})

    assert list(corpus.splits) == ["train", "sbic", "dynahate"]
    assert corpus.splits["sbic"].values("hate").tolist() == [1, 0]
    assert corpus.splits["dynahate"].ids == ("dynahate-1",)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (
            "key,Texts,hate\n1,x,1\n",
            {},
            "column text: the file must have the column 'text', got .*did you mean 'Texts'",
        ),
        ("text,hate\nx,yes\n", {}, r"column hate: a label must be 0 or 1, got 'yes'(.|\n)*--column hate=class=hateful"),
        ("id,text,hate\n1,x,1\n1,y,1\n", {}, "row 3, column id: an id must be unique, got '1', which row 2 has too"),
        ("id,text,hate\n,x,1\n", {}, "row 2, column id: an id must not be empty"),
        ("text,hate\n", {}, "must have rows"),
        ("text,hate\n\u200b,1\n", {}, r"a text must not be empty, got '\\u200b'"),
        (
            "text,hate\nx,1\n",
            {"columns": {"hte": "hate"}},
            "text, id, hate, source_id, alone or as SPLIT.NAME, got 'hte'; did you mean 'hate'",
        ),
        ("text,hate\nx,1\n", {"columns": {"hate": "hateful"}}, "the column 'hateful', got .*did you mean 'hate'"),
        ("text,hate\nx,1\n", {"columns": {"id": "key"}}, "must have the column 'key'"),
        ("a\n1\n", {}, r"column text(.|\n)*column hate"),
    ],
)
def test_refuses_bad_files(tmp_path: Path, rows: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(write(tmp_path / "a.csv", rows), **options)


def test_a_text_with_a_stand_in_needs_both_columns_and_neither_text(tmp_path: Path) -> None:
    specs = column_specs(texts={"positive": {"column": "implied", "otherwise": "augmented"}})

    only = load(write(tmp_path / "o.csv", "text,implied\nx,\n"), column_specs(texts={"positive": "implied"}))
    assert only.train.words("positive") == ["x"]  # the row's own
    neither = load(write(tmp_path / "a.csv", "text,implied,augmented\nx,,\n"), specs)
    assert neither.train.words("positive") == ["x"]
    with pytest.raises(DataError, match="must have the column 'augmented'"):
        load(write(tmp_path / "b.csv", "text,implied\nx,y\n"), specs)
    renamed = load(write(tmp_path / "c.csv", "text,a,b\nx,,y\n"), specs, columns={"positive": "a", "augmented": "b"})
    assert renamed.train.words("positive") == ["y"]


def test_an_error_names_all_files_at_once_and_ids_of_two(tmp_path: Path) -> None:
    train = write(tmp_path / "a.csv", "id,text,hate\n1,x,2\n")
    dev = write(tmp_path / "b.csv", "id,text,hate\n1,,1\n")

    with pytest.raises(DataError) as caught:
        load(train, dev=dev)

    for message in (
        "a.csv, row 2, column hate: a label must be 0 or 1, got '2'",
        "b.csv, row 2, column text: a text must not be empty",
        "b.csv, row 2, column id: an id must stand in one file only, got '1', which",
    ):
        assert message in str(caught.value)


def test_the_sample_has_what_it_has(tmp_path: Path) -> None:
    assert load("sample", column_specs(labels=["polarization"])).fingerprint == sample_corpus(0).fingerprint
    with pytest.raises(DataError, match=r"the sample polar has the columns .*, got a recipe that reads \['hate'\]"):
        load("sample")
    other = write(tmp_path / "o.csv", "tweet\nx\n")
    request = {"evaluate": {"other": EvaluationFile(other)}}
    every = load("sample", column_specs(), request=request, columns={"other.text": "tweet"})
    assert list(every.splits) == ["train", "dev", "test", "other"]


@pytest.mark.parametrize("name", ["train", "dev", "extra"])
def test_an_evaluation_set_has_a_name_of_its_own(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"an evaluation set must have a name of its own, got '{name}'"):
        load("sample", column_specs(), request={"evaluate": {name: EvaluationFile("x.csv")}})


def test_competition_order_needs_a_polar_folder() -> None:
    with pytest.raises(
        DataError, match=r"folds\.order: competition must be used with a POLAR folder, got data 'sample'"
    ):
        load_corpus(Source(kind="sample"), DataRequest((), order="competition"))


def test_a_split_may_have_columns_of_its_own(tmp_path: Path) -> None:
    train = write(tmp_path / "a.csv", "tweet,class\nx,yes\n")
    dev = write(tmp_path / "b.csv", "post,class,y\nz,?,1\n")
    test = write(tmp_path / "c.csv", "tweet,class\nw,no\n")

    names = {"text": "tweet", "dev.text": "post", "hate": "class=yes", "dev.hate": "y"}
    corpus = load(train, dev=dev, test=test, columns=names)

    assert corpus.splits["test"].values("hate").tolist() == [0]  # no yes in it

    assert corpus.dev is not None
    assert (corpus.dev.texts, corpus.dev.values("hate").tolist()) == (("z",), [1])


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.csv", "text,class\nx,1\n"), ("a.jsonl", '{"text": "x", "class": 1}\n'), ("a.csv", '"text",class\n"x')],
)
def test_columns_are_known_before_all_is_read(tmp_path: Path, name: str, text: str) -> None:
    source = parse_source(write(tmp_path / name, text), columns={"hate": "class=1"})

    assert columns_lacking(source, ["hate", "insult"]) == ("insult",)
    assert columns_lacking(parse_source("sample"), ["insult"]) == ()
    (tmp_path / name).unlink()
    assert columns_lacking(source, ["insult"]) == ()

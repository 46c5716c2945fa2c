"""Texts in other words, by a WordNet of six words in WordNet's own files."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from tune_polar.data import augment
from tune_polar.data.augment import augment_file, in_other_words
from tune_polar.data.column_request import DataRequest, column_specs
from tune_polar.data.load import load_corpus
from tune_polar.data.readers import Place
from tune_polar.data.source import parse_source
from tune_polar.data.wordnet import POS, WordNet
from tune_polar.errors import DataError

SENSES = {
    "noun": [("car", "automobile", "motor_car"), ("boat",), ("Car", "gondola")],
    "verb": [("buy", "purchase"), ("steal",)],
    "adj": [("big", "large", "galore(ip)")],
    "adv": [("fast", "quickly")],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As wndb(5WN) describes it: senses at byte offsets, and an index of lower-case words."""
    path = tmp_path / "wordnet"
    path.mkdir()
    licence = "  1 This software and database\n"
    for pos in POS:
        data, index = licence, dict[str, list[int]]()
        for words in SENSES[pos]:
            for word in words:
                index.setdefault(word.partition("(")[0].lower(), []).append(len(data))
            listed = " ".join(f"{word} 0" for word in words)
            data += f"{len(data):08d} 06 {pos[0]} {len(words):02x} {listed} 001 @ 00001740 n 0000 | a gloss\n"
        lines = (
            f"{word} {pos[0]} {len(places)} 1 @ {len(places)} 0 {' '.join(f'{place:08d}' for place in places)}  \n"
            for word, places in sorted(index.items())
        )
        (path / f"data.{pos}").write_text(data, encoding="ascii")
        (path / f"index.{pos}").write_text(licence + "".join(lines), encoding="ascii")
    return path


def test_synonyms_are_those_of_the_first_sense(folder: Path) -> None:
    known = WordNet(folder)
    assert known.synonyms("Car") == ("automobile", "motor car")
    assert known.synonyms("big") == ("galore", "large")
    assert known.synonyms("boat") == known.synonyms("nothing") == ()


def test_as_many_words_give_way_as_asked_and_no_other_changes(folder: Path) -> None:
    known = WordNet(folder).synonyms
    text = "Buy a BIG car, @car! #big http://car.big fast-food the boat… fast"
    seen = set()
    for seed in range(30):
        other, number = in_other_words(text, known, seed, 0.3)
        assert (other, number) == in_other_words(text, known, seed, 0.3)
        assert number == 2  # of seven words: Buy, BIG, car, the, boat and fast may be looked at
        seen.add(other)
        kept = re.sub(r"Purchase|Buy|LARGE|GALORE|BIG|automobile|motor car|car(?=,)|quickly$|fast$", "·", other)
        assert kept == "· a · ·, @car! #big http://car.big fast-food the boat… ·"
    assert len(seen) > 10
    assert in_other_words("the boat is not", known, 0, 0.3) == ("the boat is not", 0)
    assert in_other_words("", known, 0, 1.0) == ("", 0)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_a_file_gets_a_column_and_keeps_the_others(
    folder: Path, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(augment, "ROWS_AT_ONCE", 2)
    rows = {
        "csv": 'id,text,note\n1,"big, fast",\n2,the boat,x\n3,"a\nbig"" car",y\n',
        "tsv": "id\ttext\tnote\n1\tbig, fast\t\n2\tthe boat\tx\n3\ta big car\ty\n",
        "jsonl": '{"id":"1","text":"big, fast","note":""}\n{"id":"2","text":"the boat","note":"x"}\n'
        '{"id":"3","text":"big car","note":"y"}\n',
    }[ending]
    (tmp_path / f"posts.{ending}").write_text(rows, encoding="utf-8")
    known = WordNet(folder).synonyms
    out = tmp_path / "out.csv"
    written = augment_file(
        Place(str(tmp_path / f"posts.{ending}")),
        "text",
        out,
        "augmented",
        lambda text: in_other_words(text, known, 0, 1),
    )
    with out.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert (written.rows, written.changed) == (3, 2)
    assert [row["note"] for row in found] == ["", "x", "y"]
    assert found[0]["augmented"] in ("large, quickly", "galore, quickly")
    assert found[1]["augmented"] == ""
    assert found[2]["augmented"] != found[2]["text"]


def test_what_is_written_trains_where_no_word_gave_way_too(folder: Path, tmp_path: Path) -> None:
    posts, out = tmp_path / "posts.csv", tmp_path / "out.csv"
    posts.write_text("text,hate,implied\nbig,1,they lie\nfast,0,\nthe boat,0,\n", encoding="utf-8")
    known = WordNet(folder).synonyms
    augment_file(Place(str(posts)), "text", out, "augmented", lambda text: in_other_words(text, known, 0, 1))
    texts = {"positive": {"column": "implied", "otherwise": "augmented"}, "augmented": "augmented"}

    corpus = load_corpus(parse_source(str(out)), DataRequest(column_specs(labels=["hate"], texts=texts)))

    assert corpus.train.words("positive") == ["they lie", "quickly", "the boat"]
    assert corpus.train.words("augmented")[1:] == ["quickly", "the boat"]
    assert [(each.code, each.rows) for each in corpus.warnings] == [("own-text", (4,)), ("own-text", (4,))]


def test_what_cannot_be_augmented_is_refused_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    posts = tmp_path / "posts.csv"
    posts.write_text("id,text,augmented\n1,big,x\n", encoding="utf-8")
    (tmp_path / "ragged.csv").write_text("id,text\n1,big\n2\n", encoding="utf-8")
    before = sorted(path.name for path in tmp_path.iterdir())

    def made(place: Path, text: str = "text", name: str = "other", out: str = "out.csv") -> None:
        augment_file(Place(str(place)), text, tmp_path / out, name, lambda said: (said, 1))

    for call, message in (
        (lambda: made(posts, "txt"), r"must have the column 'txt', got .*did you mean 'text'"),
        (lambda: made(posts, name="augmented"), "must not have the column 'augmented' yet"),
        (lambda: made(posts, out="posts.csv"), "must not be there yet"),
        (lambda: made(posts, out="nowhere/out.csv"), "must be a file that can be written"),
        (lambda: made(tmp_path / "absent.csv"), "absent.csv"),
        (lambda: made(tmp_path / "ragged.csv"), "ragged.csv, row 3"),
    ):
        with pytest.raises(DataError, match=message):
            call()
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("index.noun", "car n x\n", "index.noun:1: must be a line of WordNet's index, got 'car n x'"),
        ("data.noun", "nothing\n", "data.noun: must have a sense at byte"),
        ("data.noun", "", "data.noun: must have a sense at byte"),
    ],
)
def test_a_folder_that_is_no_wordnet_is_refused(folder: Path, name: str, content: str, message: str) -> None:
    (folder / name).write_text(content, encoding="ascii")
    with pytest.raises(DataError, match=message):
        WordNet(folder).synonyms("car")
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"WordNet's files, but {name}"):
        WordNet(folder)


def test_columns_that_later_rows_name_are_of_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "ROWS_AT_ONCE", 2)
    said = ['{"text": "a", "label": 1}'] * 3 + ['{"text": "b", "id": 7}', '{"text": "c", "late": "x"}', '{"text": "d"}']
    (tmp_path / "rows.jsonl").write_text("\n".join(said))
    out = tmp_path / "out.csv"

    written = augment_file(Place(str(tmp_path / "rows.jsonl")), "text", out, "other", lambda text: (text.upper(), 1))

    assert (written.rows, written.changed, written.words) == (6, 6, 6)
    assert out.read_text().splitlines() == [
        "text,label,id,late,other",
        *["a,1,,,A"] * 3,
        "b,,7,,B",
        "c,,,x,C",
        "d,,,,D",
    ]

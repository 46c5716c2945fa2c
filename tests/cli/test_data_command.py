"""What `data check` says of a data set: everything that is wrong, and what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def rows_of(out: str) -> dict[str, list[str]]:
    """The table's rows by their first word."""
    return {words[0]: words[1:] for line in out.splitlines() if (words := line.split())}


def test_each_label_has_a_row_with_its_share_in_each_split(run: Run) -> None:
    ran = run("data", "check", "sample")
    assert ran.code == 0
    rows = rows_of(ran.out)
    assert rows["column"] == ["train", "dev", "test"]
    assert rows["rows"] == ["1,000", "200", "400"]
    assert rows["lack_of_empathy"][0] == "15.5%", "among the rows that may have it"
    assert len(rows["gender/sexual"]) == 3
    assert "invalidation: of the rows where polarization is 1" in ran.out


@pytest.mark.usefixtures("tweets")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--target", "rude"), {"rude": ["50.0%"]}),
        (("--target", "mood"), {"mood": ["50.0%"]}),
        (("--target", "rude", "--target", "loud"), {"rude": ["50.0%"], "loud": ["33.3%"]}),
        (("--target", "a", "--target", "b", "--column", "a=mood=calm", "--column", "b=topic=art"), {"b": ["33.3%"]}),
        (("--target", "topic"), {"topic": ["=", "art", "33.3%"]}),
        (("--target", "warmth"), {"warmth,": ["mean", "2.95"]}),
        (("--target", "rude", "--group", "author"), {"author": ["=", "author", "9", "6.7%"]}),
        (("--recipe", "st1", "--column", "polarization=rude"), {"polarization": ["50.0%"]}),
        ((), {"rows": ["60"]}),
    ],
)
def test_columns_are_looked_at_as_a_search_would(run: Run, words: tuple[str, ...], says: dict[str, list[str]]) -> None:
    ran = run("data", "check", "tweets.csv", "--text", "tweet", *words)
    assert ran.code == 0, ran.err
    assert "0 errors, 0 warnings" in ran.out
    rows = rows_of(ran.out)
    assert {name: rows[name] for name in says} == ({"topic": ["=", "sport", "33.3%"]} if "topic" in says else says)


@pytest.mark.usefixtures("tweets")
def test_what_a_search_would_refuse_is_an_error_here(run: Run, tmp_path: Path) -> None:
    lines = (tmp_path / "tweets.csv").read_text().splitlines()
    (tmp_path / "few.csv").write_text("\n".join(lines[:4]))
    ran = run("data", "check", "few.csv", "--text", "tweet", "--target", "rude")
    assert ran.code == 1
    assert "[not-searchable]" in ran.out
    assert "1 error" in ran.out
    told = json.loads(run("data", "check", "few.csv", "--text", "tweet", "--target", "rude", "--json").out)
    assert [each["code"] for each in told] == ["not-searchable"]


def test_texts_that_are_not_there_are_told_with_their_rows(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("text,rude\na,1\n,0\nb,x\n")
    ran = run("data", "check", "bad.csv", "--recipe", "classifier", "--column", "label=rude")
    assert ran.code == 1
    assert "bad.csv, row 3, column text: a text must not be empty" in ran.out
    assert "bad.csv, row 4, column rude: a label must be 0 or 1, got 'x'" in ran.out
    assert "2 errors, 0 warnings" in ran.out


def test_a_column_that_says_one_thing_is_told_before_it_is_named(run: Run, tmp_path: Path) -> None:
    rows = [f"r{n},text {n},{n % 2},0" for n in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["id,text,hate,rude", *rows]), encoding="utf-8")
    ran = run("data", "check", "t.csv")
    assert ran.code == 0
    assert "warning: " in ran.out
    assert "column rude: a column to learn must have two values or more, got '0' in all 20 rows" in ran.out
    assert "column hate" not in ran.out
    assert "0 errors, 1 warning" in ran.out


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("id,text", "dev has no ['hate', 'rude']: its rows are predicted, and not scored by what needs them"),
        ("id,text,hatte,rude", "dev has no ['hate'], only ['rude']: its rows are predicted"),
        ("id,text,hate,rude", None),
    ],
)
def test_a_split_with_less_than_all_says_so(run: Run, tmp_path: Path, header: str, said: str | None) -> None:
    rows = [f"r{n},text {n},{n % 2},{n // 2 % 2}" for n in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["id,text,hate,rude", *rows]), encoding="utf-8")
    width = len(header.split(","))
    dev = [",".join([f"d{n}", f"dev text {n}", "1", "0"][:width]) for n in range(4)]
    (tmp_path / "dev.csv").write_text("\n".join([header, *dev]), encoding="utf-8")
    ran = run("data", "check", "t.csv", "--text", "text", "--target", "hate", "--target", "rude", "--dev", "dev.csv")
    assert ran.code == 0
    assert (said in ran.out) if said else ("missing-gold" not in ran.out)


def test_of_a_large_file_the_first_rows_are_looked_at(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tune_polar.data.unnamed_columns.MOST_ROWS", 10)
    rows = [f"r{n},text {n},{int(n > 15)}" for n in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["id,text,hate", *rows]), encoding="utf-8")
    assert "got '0' in the first 11 rows" in run("data", "check", "t.csv").out

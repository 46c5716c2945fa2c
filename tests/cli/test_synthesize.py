"""`data synthesize`: what is told before anything is sent, what is written, and that a search takes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.model.conftest import bert_folder as bert_folder
from tests.synthesis.endpoint import Endpoint
from tune_polar.data.source import parse_source
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.search.recipe_data import read_corpus
from tune_polar.trial.frozen_vectors import FrozenEncoder

Run = Callable[..., Any]


WORDS = ("data", "synthesize", "tweets.csv", "--text", "tweet", "--target", "mood", "--written-in", "English")


@pytest.mark.usefixtures("table")
def test_nothing_is_sent_unless_it_is_said_and_what_comes_back_trains_where_its_source_does(run: Run) -> None:
    with Endpoint() as server:
        words = (*WORDS, "--base-url", server.url, "--model", "made", "--rows", "80")
        words += ("--into", "new.csv", "--parallel", "24")
        ran = run(*words)
        assert ran.code == 0
        assert "72 questions for made at http://127.0.0.1" in ran.out
        assert "(40 direct, 24 paraphrase, 8 contrastive)" in ran.out
        assert "texts of the data would leave this machine" in ran.out
        assert "nothing was sent: add --yes to send it" in ran.out
        assert server.asked == []
        assert not list(Path().glob("new.csv*"))

        ran = run(*words, "--yes", "--json")
        assert ran.code == 0
        found = json.loads(ran.out)
        assert found["requests"]["answered now"] == 72
        made = pd.read_csv("new.csv", dtype=str, keep_default_na=False)
        assert list(made.columns) == ["id", "source_id", "text", "mood", "strategy", "model", "prompt"]
        assert len(made) == found["texts"]["kept"] > 10
        assert set(made["mood"]) == {"kind", "not kind"}  # the rarer word is 1

        ran = run(*words, "--yes")
        assert "72 answered before" in ran.out
        assert len(server.asked) < 2 * 72 + 40

    ran = run("data", "check", "tweets.csv", "--text", "tweet", "--target", "mood", "--json")
    assert ran.code == 0
    changes = {
        "data.extra": {"file": "new.csv", "by": "strategy"},
        "data.labels": ["mood"],
        "model.task.target": "mood",
    }
    recipe = load_recipe("classifier", RecipeOptions(encoder="tiny", changes=changes)).recipe
    corpus = read_corpus(recipe, parse_source("tweets.csv", columns={"text": "tweet", "mood": "mood=kind"}))
    assert len(corpus.sources) == len(made)
    labels = corpus.train.values("mood")
    made_from = corpus.sources >= 0
    assert (corpus.train.words("strategy")[24:] == made["strategy"]).all()
    assert (labels[24:][made_from] == labels[corpus.sources[made_from]]).all()


@pytest.mark.usefixtures("table")
def test_texts_are_compared_by_an_encoder_and_judged_by_a_model(run: Run, bert_folder: Path) -> None:
    with Endpoint() as server:
        words = (*WORDS, "--base-url", server.url, "--model", "made", "--rows", "80", "--parallel", "24")
        assert run(*words, "--into", "plain.csv", "--yes").code == 0
        plain = pd.read_csv("plain.csv", dtype=str, keep_default_na=False)
        near = ("--near-encoder", str(bert_folder), "--near-cosine", "0.995", "--judge", "strict", "--into", "new.csv")
        assert "then strict is asked of each text that is left" in run(*words, *near).out
        ran = run(*words, *near, "--yes", "--json")
        assert ran.code == 0
        found = json.loads(ran.out)
        asked = [each for each in server.asked if each["model"] == "strict"]
        assert all(each["temperature"] == 0.3 for each in asked)
        ran = run(*words, *near, "--yes", "--json")
        assert json.loads(ran.out)["texts"] == found["texts"]
        assert len([each for each in server.asked if each["model"] == "strict"]) == len(asked), "nothing is asked twice"

    made, texts = pd.read_csv("new.csv", dtype=str, keep_default_na=False), found["texts"]
    near_by = sum(texts.get(f"near in meaning to {what}", 0) for what in ("one before", "a row"))
    assert near_by > 0
    assert texts["kept"] + texts["judged unfit"] == len(plain) - near_by
    assert len(made) == texts["kept"] > 0 < texts["judged unfit"]
    assert set(made["text"]) < set(plain["text"])
    vectors = FrozenEncoder(str(bert_folder))([*made["text"], *pd.read_csv("tweets.csv")["tweet"]])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = np.tril(vectors @ vectors.T, -1)[:, : len(made)]
    assert cosines.max() < 0.995


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--model", ""), "--model must be given, got nothing"),
        (("--rows", "0"), "--rows must be at least 1, got 0"),
        (("--strategy", "pivot=1"), "--strategy must be NAME=SHARE with a name of direct, paraphrase, contrastive"),
        (("--strategy", "direct=0.5"), "the shares of --strategy must sum to 1, got 0.5"),
        (("--base-url", "localhost:8000"), "--base-url must be an http or https address"),
        (("--prompts", "none.yaml"), "none.yaml"),
        (("--judge", ""), "--judge must name a model, got nothing"),
        (("--near-encoder", "./nowhere"), "nowhere"),
        (("--near-cosine", "nan"), "--near-cosine must be above 0 and at most 1, got nan"),
        (("--by", "author"), "--by must name a group of the recipe, one of [], got 'author'"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(
    run: Run, words: tuple[str, ...], message: str
) -> None:
    ran = run(*WORDS, "--model", "made", *words, "--yes")
    assert ran.code == 2
    assert message in ran.err
    assert not list(Path().glob("synthetic*"))


@pytest.mark.usefixtures("table")
def test_the_language_must_be_known_and_the_target_one_column(run: Run) -> None:
    ran = run(*WORDS[:-2], "--model", "made")
    assert (ran.code, "the language of the texts must be known" in ran.err) == (2, True)
    ran = run("data", "synthesize", "sample", "--recipe", "st3", "--model", "made")
    assert (ran.code, "must be made for one column of labels or classes" in ran.err) == (2, True)


@pytest.mark.usefixtures("table")
def test_a_server_that_is_not_there_is_told_and_nothing_is_lost(run: Run) -> None:
    with Endpoint(status=401) as server:
        words = (*WORDS, "--base-url", server.url, "--model", "made", "--rows", "10", "--yes")
        ran = run(*words)
    assert ran.code == 1
    assert "stopped: status 401: no such thing. The same command goes on where it was stopped." in ran.out
    assert "not asked" in ran.out


@pytest.mark.usefixtures("table")
def test_prompts_are_written_to_be_edited(run: Run) -> None:
    ran = run("data", "synthesize", "--write-prompts", "mine.yaml")
    assert ran.code == 0
    said = Path("mine.yaml").read_text(encoding="utf-8")
    Path("mine.yaml").write_text(said.replace("Write one post in", "Compose one note in"), encoding="utf-8")
    with Endpoint(wrong=False) as server:
        words = ("--base-url", server.url, "--model", "made", "--rows", "4", "--strategy", "direct=1", "--yes")
        assert run(*WORDS, *words, "--prompts", "mine.yaml").code == 0
        assert all("Compose one note in English" in ask["messages"][1]["content"] for ask in server.asked)
    assert run("data", "synthesize", "--write-prompts", "mine.yaml").code == 2

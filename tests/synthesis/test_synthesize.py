"""Synthetic rows against a server that is slow, wrong and mortal: every question and every text is accounted for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.synthesis.endpoint import Endpoint as Server
from tests.synthesis.endpoint import sentence, verdict
from tune_polar.cli.synthesize_command import PROMPTS
from tune_polar.errors import DataError, SpecError
from tune_polar.recipe.prompts import Prompts, read_prompts
from tune_polar.synthesis.answers import NotATextError, texts_of
from tune_polar.synthesis.client import Client, Endpoint, GivenUpError, StopError, _seconds
from tune_polar.synthesis.filters import Meaning, Written, sieve
from tune_polar.synthesis.generate import Counts, Job, Row, collect, rows_of
from tune_polar.synthesis.journal import Entry, Journal
from tune_polar.synthesis.judge import judge_asks, judged
from tune_polar.synthesis.languages import written_out
from tune_polar.synthesis.patterns import Patterns
from tune_polar.synthesis.row_requests import Ask, OwnRows, asks_for

NONE = Patterns("leaks", ())
SHARES = {"direct": 0.5, "paraphrase": 0.3, "contrastive": 0.2}


@pytest.fixture(scope="module")
def prompts() -> Prompts:
    return read_prompts(PROMPTS)


@pytest.fixture(scope="module")
def own() -> OwnRows:
    texts = [sentence(-row - 1) for row in range(20)]
    languages = ["eng"] * 12 + ["swa"] * 8
    return OwnRows([f"r{row}" for row in range(20)], texts, ["0", "1"] * 10, languages, ("0", "1"), "hate")


def job_of(server: Server, own: OwnRows, prompts: Prompts, *, number: int = 60, most_tokens: int | None = None) -> Job:
    asks = list(asks_for(own, prompts, number=number, shares=SHARES, seed=3))
    endpoint = Endpoint(server.url, "made", first_wait_seconds=0.01, longest_wait_seconds=0.2, timeout_seconds=5)
    return Job(asks, endpoint, prompts, most_tokens, parallel=4)


def run(job: Job, own: OwnRows, path: Path) -> tuple[list[Row], Counts]:
    with Journal(path) as journal:
        answers, counts = collect(job, journal, lambda done, whole: None)
    rows, texts = rows_of(answers, own, job.prompts)
    return rows, replace(counts, texts=texts)


def test_every_question_and_every_text_is_accounted_for(own: OwnRows, prompts: Prompts, tmp_path: Path) -> None:
    with Server() as server:
        job = job_of(server, own, prompts)
        rows, counts = run(job, own, tmp_path / "j.jsonl")

        assert counts.stopped == ""
        assert sum(counts.asked.values()) == len(job.asks) == 2 * (30 + 18 + 6)
        assert counts.asked["answered now"] == len(job.asks)
        assert sum(counts.texts.values()) == sum(len(ask.labels) for ask in job.asks)
        for reason in ("refused", "cut off", "says its label", "too short", "another script", "near to one before"):
            assert counts.texts[reason] > 0, (reason, counts)
        assert counts.texts["near to a row"] > 0
        assert counts.texts["kept"] == len(rows) > 30
        assert counts.tokens == 70 * len(job.asks)
        assert server.answered == Counter(ask.prompt for ask in job.asks)
        first = len(server.asked)

        again = run(job, own, tmp_path / "j.jsonl")  # nothing is asked twice, and the rows are the same
        assert len(server.asked) == first
        assert again[0] == rows
        assert again[1].asked["answered before"] == len(job.asks)

    known = dict(zip(own.ids, zip(own.labels, own.languages, strict=True), strict=True))
    for row in rows:
        if row.strategy == "paraphrase":
            assert known[row.source_id] == (row.label, row.language)
        else:
            assert row.source_id == ""
    labels = Counter(row.label for row in rows)
    assert abs(labels["0"] - labels["1"]) < 0.5 * len(rows)
    assert len({row.id for row in rows}) == len(rows)


def test_a_server_that_dies_ends_the_run_and_the_next_goes_on(own: OwnRows, prompts: Prompts, tmp_path: Path) -> None:
    with Server(dies_after=20) as server:
        job = job_of(server, own, prompts)
        _, counts = run(job, own, tmp_path / "j.jsonl")
        assert "questions in a row were not answered" in counts.stopped
        assert counts.asked["answered now"] == sum(server.answered.values()) >= 20
        assert counts.asked["not asked"] > 0
        assert sum(counts.asked.values()) == len(job.asks)
        paid = sum(server.answered.values())
        with (tmp_path / "j.jsonl").open("ab") as file:
            file.write(b'{"id": "cut off by a kil')  # a kill in the middle of a line
        server.dies_after = None
        rows, counts = run(job, own, tmp_path / "j.jsonl")

        assert counts.asked["answered before"] == paid
        assert counts.asked["answered before"] + counts.asked["answered now"] == len(job.asks)
        assert server.answered == Counter(ask.prompt for ask in job.asks)
        with Server() as other:
            assert run(job_of(other, own, prompts), own, tmp_path / "new.jsonl")[0] == rows


def test_a_budget_is_kept(own: OwnRows, prompts: Prompts, tmp_path: Path) -> None:
    with Server(wrong=False) as server:
        job = job_of(server, own, prompts, most_tokens=700)
        _, counts = run(job, own, tmp_path / "j.jsonl")
        assert counts.stopped == "the budget of 700 tokens is used up"
        assert 700 <= counts.tokens <= 700 + 3 * 70  # those that were on their way
        _, counts = run(job, own, tmp_path / "j.jsonl")
        assert counts.asked["answered now"] == 0


@pytest.mark.parametrize(("status", "error"), [(401, StopError), (404, StopError), (400, GivenUpError)])
def test_what_no_patience_helps_against_is_not_tried_again(
    own: OwnRows, prompts: Prompts, status: int, error: type[Exception]
) -> None:
    with Server(status=status) as server:
        job = job_of(server, own, prompts)
        client = Client(job.endpoint, threading.Event())
        with pytest.raises(error, match=f"status {status}: no such thing"):
            client.ask(job.asks[0])
        client.close()
        assert len(server.asked) == 1


def test_a_model_that_thinks_is_asked_without_what_it_does_not_take(
    own: OwnRows, prompts: Prompts, tmp_path: Path
) -> None:
    with Server(wrong=False, thinks=True) as server:
        job = replace(job_of(server, own, prompts, number=20), parallel=1)
        rows, counts = run(job, own, tmp_path / "j.jsonl")

        assert counts.asked["answered now"] == len(job.asks)
        assert counts.refused == ("max_tokens", "temperature")
        assert len(server.asked) == len(job.asks) + 2  # it says so once of each
        assert all(sent["max_completion_tokens"] >= 4250 for sent in server.asked[2:])
        assert not any("temperature" in sent or "max_tokens" in sent for sent in server.asked[2:])
        assert rows


def test_what_was_cut_off_is_asked_again_where_more_room_is_given(
    own: OwnRows, prompts: Prompts, tmp_path: Path
) -> None:
    with Server() as server:
        job = job_of(server, own, prompts)
        _, counts = run(job, own, tmp_path / "j.jsonl")
        cut = counts.texts["cut off"]
        asked, paid = sum(server.answered.values()), counts.tokens
        _, counts = run(replace(job, endpoint=replace(job.endpoint, thinking_tokens=0)), own, tmp_path / "j.jsonl")
        assert sum(server.answered.values()) == asked
        server.wrong = False
        wider = replace(job, endpoint=replace(job.endpoint, thinking_tokens=500))
        _, counts = run(wider, own, tmp_path / "j.jsonl")

        assert 0 < sum(server.answered.values()) - asked <= cut
        assert counts.asked["answered before"] == len(job.asks) - (sum(server.answered.values()) - asked)
        assert "cut off" not in counts.texts
        assert counts.tokens == paid + 70 * (sum(server.answered.values()) - asked)
        whole = counts.tokens
        _, counts = run(job, own, tmp_path / "j.jsonl")  # the last answer stands, and both were paid for
        assert counts.tokens == whole
        assert counts.asked["answered before"] == len(job.asks)
        assert "cut off" not in counts.texts


def test_a_key_is_sent_and_kept_nowhere(own: OwnRows, prompts: Prompts, tmp_path: Path) -> None:
    with Server(wrong=False) as server:
        endpoint = Endpoint(server.url, "made", "secret-key")
        job = Job(list(asks_for(own, prompts, number=4, shares={"direct": 1.0}, seed=0)), endpoint, prompts)
        run(job, own, tmp_path / "j.jsonl")
        assert {each["authorization"] for each in server.headers} == {"Bearer secret-key"}
    assert "secret" not in (tmp_path / "j.jsonl").read_text() + repr(endpoint) + repr(job)


def test_addresses_that_would_give_a_key_away_are_refused() -> None:
    with pytest.raises(DataError, match=r"a key must go over https, got --base-url http://example\.org/v1"):
        Endpoint("http://example.org/v1", "m", "key")
    for url in ("example.org", "ftp://example.org", "https://me:pass@example.org/v1", ""):
        with pytest.raises(DataError, match="--base-url must be an http or https address"):
            Endpoint(url, "m")


def test_how_long_a_server_asks_to_wait() -> None:
    assert _seconds("2.5") == 2.5
    assert _seconds("Wed, 21 Oct 2015 07:28:10 GMT", now=lambda: 1445412480.0) == 10
    assert _seconds("soon") == _seconds(None) == _seconds("-3") == _seconds("nan") == 0


def entry(content: str, strategy: str = "direct", finish: str = "stop") -> Entry:
    labels = ("0", "1") if strategy == "contrastive" else ("1",)
    about: dict[str, Any] = {"id": "a", "model": "m", "language": "eng", "source_id": "", "topic": "", "prompt": "p"}
    about |= {"prompt_tokens": 1, "answer_tokens": 1, "most_tokens": 250}
    return Entry(**about, strategy=strategy, labels=labels, content=content, finish=finish)


@pytest.mark.parametrize(
    ("content", "strategy", "texts"),
    [
        ('  "a post"\n', "direct", ("a post",)),
        ('"so", she said, "it is"', "direct", ('"so", she said, "it is"',)),
        ("```\na post\n```", "direct", ("a post",)),
        ("```text \n\n a post\nof two lines```", "direct", ("a post\nof two lines",)),
        ("```a post```", "direct", ("```a post```",)),
        ("```\na post", "direct", ("```\na post",)),
        ("``` hello\nworld\n```", "direct", ("``` hello\nworld\n```",)),
        ('<think>\nA {"post"}, they say.\n</think>\n\n"a post"', "direct", ("a post",)),
        ('so {this}</think>{"first": "a", "second": "b"}', "contrastive", ("a", "b")),
        ('Here: {"first": "a", "second": "“b”"}', "contrastive", ("a", "b")),
    ],
)
def test_texts_are_found_in_answers(content: str, strategy: str, texts: tuple[str, ...]) -> None:
    assert texts_of(entry(content, strategy), NONE) == texts


@pytest.mark.parametrize("content", ["[1, 2]", "{}", '{"first": "a"}', '{"first": "a", "second": 3}', "{", ""])
def test_what_is_no_pair_is_none(content: str) -> None:
    with pytest.raises(NotATextError, match="no JSON"):
        texts_of(entry(content, "contrastive"), NONE)


def test_the_sieve_keeps_the_first_of_near_ones_and_none_near_a_row(own: OwnRows) -> None:
    text = "one two three four five six seven eight nine ten"
    written = [
        Written("one two three", "1", "eng"),
        Written("One, two: three!", "1", "eng"),
        Written(text, "1", "eng"),
        Written(text.upper(), "1", "eng"),
        Written(f"{text} eleven", "0", "eng"),
        Written(own.texts[0], "0", "eng"),
        Written("a text that stands in the test split", "0", "eng"),
        Written("at last, an end", "0", "eng"),
        Written("सब कुछ ठीक है यहाँ", "0", "eng"),
        Written("x" * 1001, "0", "eng"),
    ]
    assert sieve(written, own, NONE, others=["A text that stands in the test split", "At last: an end."]) == [
        None,
        "near to one before",
        None,
        "near to one before",
        "near to one before",
        "near to a row",
        "near to a row",
        "near to a row",
        "another script",
        "too long",
    ]


def test_texts_near_in_meaning_are_left_out_after_all_others(own: OwnRows) -> None:
    texts = [" ".join(f"w{word}" for word in range(place, place + 6)) for place in range(0, 60, 6)]
    places = {text: place for place, text in enumerate([*texts, *own.texts, "a text of the test split"])}
    vectors = np.random.default_rng(3).normal(size=(len(places), 40)).astype(np.float32)
    vectors[1] = 3 * vectors[0]  # says what the first one says
    vectors[2] = vectors[1] + 0.2 * vectors[3]
    vectors[4] = vectors[len(texts) + 5]  # says what a row says …
    vectors[5] = vectors[4]  # … and so it stands in nobody's way
    vectors[6] = vectors[-1]
    vectors[7] = 0.0

    def sieved(at_least: float) -> list[str | None]:
        meaning = Meaning(lambda asked: vectors[[places[text] for text in asked]], at_least)
        written = [Written(text, "1", "eng") for text in ["short", *texts]]
        return list(sieve(written, own, NONE, others=["a text of the test split"], meaning=meaning))

    before, row = "near in meaning to one before", "near in meaning to a row"
    assert sieved(0.9) == ["too short", None, before, before, None, row, row, row, None, None, None]
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    closest = (unit @ unit.T)[2, 0]
    assert sieved(closest + 0.001)[3] is None
    assert sieved(closest - 0.001)[3] == before


def test_a_judge_is_asked_of_each_text_once_and_speaks_for_those_it_was_not_asked_of(
    own: OwnRows, prompts: Prompts, tmp_path: Path
) -> None:
    with Server() as server, Journal(tmp_path / "j.jsonl") as journal:
        job = job_of(server, own, prompts)
        answers, counts = collect(job, journal, lambda done, whole: None)
        rows, texts = rows_of(answers, own, prompts)
        asks = judge_asks(rows, prompts, own.target)
        assert [row.text in ask.prompt and f'"{row.label}"' in ask.prompt for row, ask in zip(rows, asks, strict=True)]
        of_judge = replace(job, asks=asks, spent=counts.tokens, most_tokens=counts.tokens + 70 * 12)
        answers, second = collect(of_judge, journal, lambda done, whole: None)
        assert second.stopped
        kept, verdicts = judged(rows, answers)
        assert verdicts["not judged"] == second.asked["not asked"] > 0

        answers, second = collect(replace(of_judge, most_tokens=None), journal, lambda done, whole: None)
        kept, verdicts = judged(rows, answers)
        assert second.asked["answered before"] >= 12
        assert second.tokens == 70 * (len(job.asks) + len(asks))
        assert sum(verdicts.values()) == len(rows)
        said = [verdict(int.from_bytes(hashlib.sha256(ask.prompt.encode()).digest()[:4], "little")) for ask in asks]
        passes = ["false" not in each for each in said]
        assert kept == [row for row, its in zip(rows, passes, strict=True) if its]
        assert verdicts["judged unfit"] == len(rows) - len(kept) > 5
        assert any("{" not in each for each in said), "an answer of another form"
        assert server.answered == Counter(ask.prompt for ask in [*job.asks, *asks])
        both = replace(counts, texts=texts).with_judged(replace(second, texts=verdicts))
        assert sum(both.asked.values()) == len(job.asks) + len(asks)
        assert both.texts == verdicts


def test_more_rows_begin_with_the_same_questions(own: OwnRows, prompts: Prompts) -> None:
    def ids(number: int) -> set[str]:
        return {ask.id_for("m") for ask in asks_for(own, prompts, number=number, shares=SHARES, seed=1)}

    assert ids(20) < ids(50)
    assert len(ids(50)) == 2 * (25 + 15 + 5)


def test_languages_are_written_out(own: OwnRows, prompts: Prompts) -> None:
    asks = list(asks_for(own, prompts, number=10, shares=SHARES, seed=1))
    assert {"in English" in ask.prompt for ask in asks if ask.language == "eng"} == {True}
    assert {"in Swahili" in ask.prompt for ask in asks if ask.language == "swa"} == {True}
    assert written_out("khm", {"khm": "Central Khmer"}) == "Central Khmer"
    assert not any("$" in ask.prompt for ask in asks)


def test_a_class_is_turned_into_each_other(prompts: Prompts) -> None:
    rows = OwnRows(["a"], ["text"], ["x"], ["eng"], ("x", "y", "z"), "topic")
    asks: Iterator[Ask] = asks_for(rows, prompts, number=24, shares={"contrastive": 1.0}, seed=0)
    assert {ask.labels for ask in asks} == {(a, b) for a in "xyz" for b in "xyz" if a != b}
    with pytest.raises(DataError, match="a paraphrase must have a row to be made from, got none of topic 'y' in 'eng'"):
        list(asks_for(rows, prompts, number=3, shares={"paraphrase": 1.0}, seed=0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("$language, of", "$langage, of"), r"p.yaml:\d+: direct.prompt: must name only .*got '\$langage'"),
        (("    $text\n", ""), r"p.yaml:\d+: paraphrase.prompt: must name \$text"),
        (("temperature: 0.9", "temperature: 3"), "direct.temperature: must be less than or equal to 2, got 3"),
        (("least_words: 8", "least_words: 80"), "least_words: must be at most most_words, got 80"),
        (("least_words: 8", "least: 8"), "least: must be a known key"),
        (("'(?i)\\bas an ai\\b'", "'(as an'"), "leaks.2: must be a regular expression"),
        (("topics:\n", "topics: []\nother:\n"), "topics: must not be empty"),
        (("about this: $topic", "for $5 about"), r"must write a dollar sign that stands for itself as \$\$"),
    ],
)
def test_bad_prompts_are_named_by_line_and_key(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    said = PROMPTS.read_text(encoding="utf-8")
    assert change[0] in said
    (tmp_path / "p.yaml").write_text(said.replace(*change), encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        read_prompts(tmp_path / "p.yaml")


def test_a_journal_is_written_by_one_command_and_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    with Journal(path) as journal:
        journal.add(entry("a post"))
        with pytest.raises(DataError, match="another has it open"), Journal(path):
            pass
    with path.open("a") as file:
        file.write(json.dumps({"id": "x"}) + "\n")
    with (
        pytest.raises(DataError, match=r"j.jsonl, row 2: a line of the journal must be as it was written"),
        Journal(path),
    ):
        pass
    with Journal(tmp_path / "none.jsonl", writes=False) as journal:
        assert journal.entries == {}
    assert not (tmp_path / "none.jsonl").exists()

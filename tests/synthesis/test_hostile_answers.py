"""Answers that no server should give, and the end of a run while a server is silent."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.synthesis.endpoint import Endpoint as Server
from tests.synthesis.endpoint import sentence
from tune_polar.cli.synthesize_command import PROMPTS
from tune_polar.errors import DataError, SpecError
from tune_polar.recipe.prompts import read_prompts
from tune_polar.synthesis.answers import NotATextError, texts_of
from tune_polar.synthesis.client import Client, Endpoint, GivenUpError
from tune_polar.synthesis.filters import Written, sieve
from tune_polar.synthesis.generate import Counts, Job, collect, rows_of
from tune_polar.synthesis.journal import Entry, Journal
from tune_polar.synthesis.patterns import Patterns
from tune_polar.synthesis.row_requests import Ask, OwnRows, asks_for

OWN = OwnRows(["a", "b"], [sentence(-1), sentence(-2)], ["0", "1"], ["eng", "eng"], ("0", "1"), "hate")
NONE = Patterns("leaks", ())
DEEP = b"[" * 200_000
ABOUT = {"id": "a", "model": "m", "language": "eng", "source_id": "", "topic": "", "prompt": "p"}


def asks(number: int, **shares: float) -> list[Ask]:
    return list(asks_for(OWN, read_prompts(PROMPTS), number=number, shares=shares or {"direct": 1.0}, seed=0))  # type: ignore[arg-type]


def answer(usage: object = None, choice: object = None, content: str = "a post") -> bytes:
    whole = {"message": {"content": content}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice or whole], "usage": usage}).encode()


def patient(url: str) -> Endpoint:
    return Endpoint(url, "m", tries=2, first_wait_seconds=0.01)


def run(url: str, path: Path, number: int = 3) -> Counts:
    with Journal(path) as journal:
        return collect(Job(asks(number), patient(url), read_prompts(PROMPTS)), journal, lambda done, whole: None)[1]


@pytest.mark.parametrize(
    "body",
    [
        answer([1]),
        answer("abc"),
        answer({"prompt_tokens": 5}).replace(b"5", b"9" * 4300),
        answer(choice={"message": [1]}),
        answer(choice={"message": {"content": "a"}, "finish_reason": [1]}),
        answer(choice={"message": {"refusal": [1]}}),
        b"[]",
        b"3",
        DEEP,
    ],
    ids=["usage list", "usage text", "tokens", "message", "finish", "refusal", "list", "number", "deep"],
)
def test_an_answer_of_another_form_is_asked_again_and_given_up(body: bytes) -> None:
    with Server(body=body) as server:
        client = Client(patient(server.url), threading.Event())
        with pytest.raises(GivenUpError, match="no answer of the form that is agreed on"):
            client.ask(asks(1)[0])
        client.close()
        assert len(server.asked) == 2


@pytest.mark.timeout(120)
def test_a_server_that_drips_is_given_up_in_time() -> None:
    """Each byte comes well within the time of one read: of the status line, of the headers, of the body."""
    for beginning in (b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            threading.Thread(target=drip, args=(listening, beginning), daemon=True).start()
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
            client = Client(Endpoint(url, "m", tries=2, first_wait_seconds=0.01, timeout_seconds=1), threading.Event())
            with pytest.raises(GivenUpError, match="an answer must be there within 1 s"):
                client.ask(asks(1)[0])
            client.close()


def drip(listening: socket.socket, beginning: bytes) -> None:
    """Answer whoever comes with a beginning and then a byte every tenth of a second, without end."""

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.sendall(beginning)
            while True:
                connection.sendall(b"H" if not beginning else b"x")
                time.sleep(0.1)

    with contextlib.suppress(OSError):  # it listens no more
        while True:
            threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()


def test_why_questions_were_given_up_is_counted_however_few(tmp_path: Path) -> None:
    with Server(status=400, body=DEEP) as server:
        counts = run(server.url, tmp_path / "j.jsonl")
    assert counts.stopped == ""
    assert counts.given_up == {f"status 400: {'[' * 300}": 3}
    assert counts.asked["given up"] == 3


def test_halves_of_surrogates_are_taken_out_before_they_reach_the_journal(tmp_path: Path) -> None:
    choice = {"message": {"content": "one \ud800 two"}, "finish_reason": "st\udfffop"}
    with Server(body=answer(choice=choice)) as server:
        assert run(server.url, tmp_path / "j.jsonl").asked["answered now"] == 3
        assert run(server.url, tmp_path / "j.jsonl").asked["answered before"] == 3
    with Journal(tmp_path / "j.jsonl") as journal:
        assert {entry.content for entry in journal.entries.values()} == {"one \ufffd two"}
        assert {entry.finish for entry in journal.entries.values()} == {"st\ufffdop"}


def pair(content: str) -> Entry:
    return Entry(
        **ABOUT,
        strategy="contrastive",
        labels=("0", "1"),
        content=content,
        finish="stop",
        prompt_tokens=1,
        answer_tokens=1,
        most_tokens=1,
    )


def test_a_full_disk_is_told_and_leaves_whole_lines(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(tmp_path / "j.jsonl") as journal:
        journal.add(pair("a"))
        before = journal.path.read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
        try:
            with pytest.raises(DataError, match="must be writable, got File too large"):
                journal.add(pair("b"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert journal.path.read_bytes() == before


def test_a_line_of_a_journal_with_labels_of_another_strategy_is_named(tmp_path: Path) -> None:
    (tmp_path / "j.jsonl").write_text(pair("a").model_dump_json().replace('["0","1"]', '["0"]') + "\n")
    with pytest.raises(DataError, match=r"row 1: .* labels must be two"), Journal(tmp_path / "j.jsonl"):
        pass


def test_a_pair_that_nests_without_end_is_none() -> None:
    with pytest.raises(NotATextError, match="no JSON"):
        texts_of(pair('{"a":' * 100_000 + "}" * 100_000), NONE)
    assert texts_of(pair('{"first": "a\\ud800", "second": "b"}'), NONE) == ("a\ufffd", "b")


@pytest.mark.parametrize("content", ["```" + "\n" * 1_300_000 + "x", "```\n" + "`\n" * 600_000 + "x"])
def test_a_fence_that_never_ends_is_text(content: str) -> None:
    """Matched as a pattern its time grew with the square of the length: hours."""
    assert texts_of(pair("a").model_copy(update={"strategy": "direct", "content": content}), NONE) == (content,)


@pytest.mark.parametrize("key", ["leaks", "refusals"])
def test_a_pattern_that_comes_to_no_end_is_named(tmp_path: Path, key: str) -> None:
    """And the answers, which are paid for, are in the journal."""
    repeated = (r"(a+)+$",)
    prompts = read_prompts(PROMPTS).model_copy(update={key: repeated})
    with Server(body=answer(content="a" * 900 + "!")) as server, Journal(tmp_path / "j.jsonl") as journal:
        answers, _ = collect(Job(asks(2), patient(server.url), prompts), journal, lambda done, whole: None)
    with pytest.raises(SpecError, match=rf"{key}.0 of the prompts must .* '\(a\+\)\+\$' is not through 901 characters"):
        rows_of(answers, OWN, prompts)


def test_control_characters_are_sieved_out() -> None:
    texts = ["a text\0with a zero", "a text \x1b[31min red", "a text\nof two\tlines"]
    assert sieve([Written(text, "1", "eng") for text in texts], OWN, NONE) == ["control characters"] * 2 + [None]


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://a\x01b/v1", "http://h:99999/v1", "http://h:x/v1", "http://h/\n"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(DataError, match="--base-url must be an http or https address"):
        Endpoint(url, "m")


@pytest.mark.parametrize("key", ["k\u00e9y", "key\n", "two words"])
def test_a_key_that_no_header_holds_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(DataError, match="a key must be of ASCII") as error:
        Endpoint("https://example.org/v1", "m", key)
    assert key not in str(error.value)


def test_a_proxy_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "what://is this")
    with pytest.raises(DataError, match="HTTP_PROXY"):
        Client(patient("http://localhost/v1"), threading.Event())


def test_a_pattern_too_large_for_a_regular_expression_is_named(tmp_path: Path) -> None:
    said = PROMPTS.read_text(encoding="utf-8").replace("'(?i)\\bas an ai\\b'", "'a{99999999999999}'")
    (tmp_path / "p.yaml").write_text(said, encoding="utf-8")
    with pytest.raises(SpecError, match=r"leaks.2: must be a regular expression"):
        read_prompts(tmp_path / "p.yaml")


@pytest.mark.parametrize("number", [1, 2, 3, 5, 7, 11, 80])
def test_answers_hold_as_many_texts_as_rows_are_asked_for(number: int) -> None:
    for shares in ({"direct": 0.5, "paraphrase": 0.3, "contrastive": 0.2}, {"direct": 0.1, "contrastive": 0.9}):
        assert sum(len(ask.labels) for ask in asks(number, **shares)) == number
    assert sum(len(ask.labels) for ask in asks(number, contrastive=1.0)) == number + number % 2


def test_more_rows_than_memory_holds_are_refused() -> None:
    with pytest.raises(DataError, match=r"--rows must be at most 200,000, .* got 999,999,999"):
        asks(999_999_999)


@pytest.mark.parametrize("content", [b"a", b'{"id": "a"}', b'my notes\n{"id": "a'])
def test_a_file_that_is_no_journal_is_left_as_it_is(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match="a line of the journal must be as it was written"), Journal(path):
        pass
    assert path.read_bytes() == content


def test_an_interrupt_ends_a_run_while_the_server_is_silent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        started = time.monotonic()
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            run(f"http://127.0.0.1:{server.getsockname()[1]}/v1", tmp_path / "j.jsonl")
        assert time.monotonic() - started < 3  # of 120 s of patience
    with Journal(tmp_path / "j.jsonl") as journal:
        assert journal.entries == {}

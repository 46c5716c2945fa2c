"""`data synthesize`: no file of a user's is lost, and a place that cannot be written is told before asking."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_synthesize import WORDS
from tests.synthesis.endpoint import Endpoint

Run = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("table")


@pytest.mark.parametrize(
    ("into", "message"),
    [
        ("tweets.csv", "--into must not write tweets.csv, got a file of the data"),
        ("link.csv", "--into must not write link.csv, got a file of the data"),
        ("own.csv", "--into must name a new file, or one that `data synthesize` wrote for these columns"),
        ("noted.csv", "--into must name a new file, or one that `data synthesize` wrote for these columns"),
        ("folder", "the file folder must be writable, but: it is a folder"),
        ("none/new.csv", "the file none/new.csv must be writable, but: No such file or directory"),
        (".", "--into must name a CSV file, got '.'"),
        ("", "--into must name a CSV file, got '.'"),
        ("/", "--into must name a CSV file, got '/'"),
        ("a/..", "--into must name a CSV file, got 'a/..'"),
        ("x" * 300, "must be writable, but: File name too long"),
    ],
)
def test_a_place_that_is_not_ours_is_refused_and_left(run: Run, tmp_path: Path, into: str, message: str) -> None:
    Path("own.csv").write_text("id,source_id,text,mood,strategy,model,prompt\n", encoding="utf-8")  # without a journal
    Path("noted.csv").write_text("id,text\n1,mine\n", encoding="utf-8")
    Path("noted.csv.jsonl").write_text("", encoding="utf-8")
    Path("link.csv").symlink_to("tweets.csv")
    Path("folder").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with Endpoint() as server:
        ran = run(*WORDS, "--model", "made", "--base-url", server.url, "--into", into, "--yes")
        assert server.asked == []
    assert (ran.code, message in ran.err) == (2, True), ran.err
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_where_nothing_is_kept_nothing_is_written(run: Run, tmp_path: Path) -> None:
    words = (*WORDS, "--model", "made", "--rows", "5", "--yes")
    with Endpoint(wrong=False) as server:
        assert run(*words, "--base-url", server.url).code == 0
        assert len(server.asked) == 5
    made = Path("synthetic.csv").read_bytes()
    with Endpoint(status=400) as server:
        ran = run(*words, "--base-url", server.url, "--seed", "1", "--rows", "3", "--strategy", "direct=1")
    assert ran.code == 1
    assert "given up: 3 because of status 400: no such thing" in ran.out
    assert "no row was kept: synthetic.csv is not written" in ran.out
    assert "train on them" not in ran.out
    assert Path("synthetic.csv").read_bytes() == made
    assert sorted(path.name for path in tmp_path.iterdir()) == ["synthetic.csv", "synthetic.csv.jsonl", "tweets.csv"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_command_while_the_server_is_silent(run: Run, number: int, code: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)

        def end() -> None:
            with server.accept()[0]:
                os.kill(os.getpid(), number)
                threading.Event().wait(1)

        threading.Thread(target=end, daemon=True).start()
        before = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
            ran = run(*WORDS, "--model", "made", "--base-url", url, "--rows", "2", "--yes")
        finally:
            signal.signal(signal.SIGTERM, before)
    assert ran.code == code
    assert "ended: every answer stands in synthetic.csv.jsonl" in ran.err

"""Runs commands in this process: the same code path as the installed script, without its start-up time."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from tune_polar.cli.main import main

TOPICS = ("art", "news", "sport")


@dataclass(frozen=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Ran]:
    """Run ``tune-polar`` with the given words in an empty working directory."""

    def call(*words: str) -> Ran:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["tune-polar", *words])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1 if stop.code else 0
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture
def tweets(tmp_path: Path) -> Path:
    """A stranger's table in the working directory: columns of every kind, none of them called as a recipe does."""
    path = tmp_path / "tweets.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["nr", "tweet", "mood", "topic", "author", "rude", "loud", "intimacy", "warmth"])
        for row in range(60):
            writer.writerow(
                [
                    f"t{row}",
                    f"tweet {row} of {TOPICS[row % 3]}",
                    ("calm", "angry")[row % 2],
                    TOPICS[row % 3],
                    f"author {row // 4}",
                    row % 2,
                    int(row % 3 == 0),
                    1 + row % 5,
                    f"{row / 10:.1f}",
                ]
            )
    return path


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty-four posts in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    rows = [
        {"id": f"r{n}", "tweet": f"lumi tendo vorsa pira kuneta {n} dal", "mood": "rude" if n % 3 else "kind"}
        for n in range(24)
    ]
    pd.DataFrame(rows).to_csv("tweets.csv", index=False)
    return tmp_path

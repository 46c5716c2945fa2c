"""What is typed for trackers and submissions, refused before anything is recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran

Run = Callable[..., Ran]


@pytest.mark.parametrize("words", [["search", "st3"], ["ablate", "st3"]], ids=lambda words: words[0])
def test_a_tracker_that_is_none_is_refused(run: Run, tmp_path: Path, words: list[str]) -> None:
    said = run(*words, "--track", "mlfow")
    assert said.code == 2
    assert "--track must be one of ['wandb', 'mlflow', 'tensorboard'], got 'mlfow'; did you mean 'mlflow'?" in said.err
    assert not list(tmp_path.iterdir())


def test_a_submission_wants_a_search_texts_and_a_place(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,text\n1,a\n")
    for words, error in {
        ("nowhere", "x.csv", "-o", "y.zip"): "nowhere",
        ("nowhere", "-", "-o", "y.zip"): "FILE must be a table with ids, got '-'",
        ("nowhere", "x.txt", "-o", "y.zip"): "FILE must be a table with ids, got 'x.txt'",
        ("nowhere", "x.csv", "-o", "x.csv"): "-o must be another file than those that are read, got 'x.csv'",
        ("nowhere", "x.csv", "-o", ""): "-o must name a file, got nothing",
        ("nowhere", "x.csv", "-o", "y.zip", "--column", "z"): "--column must look like NAME=COLUMN, got 'z'",
        ("nowhere", "x.csv", "-o", "y.zip", "--recipe", "no-such"): "recipe must be one of",
    }.items():
        said = run("submit", *words)
        assert said.code == 2, said
        assert error in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]

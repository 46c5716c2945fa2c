"""Searches that end early, through the command line: by a time, and because nothing works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.conftest import Command, result

pytestmark = pytest.mark.e2e

SHORT = ("--folds", "2", "--slots", "1", "--set", "encoder.tiny.hidden=32", "--set", "detector.optimizer.max_steps=60")


def test_time_ends_a_search_in_order_and_resume_goes_on(command: Command) -> None:
    """So little time that it is over before the first fold: nothing is begun, nothing is wrong."""
    ended = command("search", "st1", *SHORT, "--trials", "1", "--store", "store", "--time", "1s")
    assert "The time given (--time, 1 s) is over" in ended.stdout
    assert "go on     tune-polar resume store\n" in ended.stdout
    extended = command("resume", "store", "--time", "1s", "--trials", "3")
    assert "go on     tune-polar resume store\n" in extended.stdout
    assert result(command("status", "store", "--json"))["planned"] == 3, "the manifest says one"
    resumed = result(command("resume", "store", "--time", "2h", "--trials", "1", "--json"))
    assert resumed["complete"]
    assert resumed["stopped"] is None


def test_a_search_in_which_everything_fails_ends_early_and_says_why(command: Command, tmp_path: Path) -> None:
    """Weight decay times learning rate above 2: weights grow from step to step until the loss is no number."""
    space = "space: s\nrecipe: st1\nparameters:\n  detector.losses.soft_triple.centers: {type: int, low: 2, high: 40}\n"
    (tmp_path / "space.yaml").write_text(space)
    diverging = (
        "--space",
        "./space.yaml",
        "--set",
        "detector.optimizer.lr=10",
        "--set",
        "detector.optimizer.weight_decay=1",
        "--set",
        "detector.optimizer.eval_every_steps=5",
    )
    ended = command("search", "st1", *SHORT, *diverging, "--trials", "20", "--store", "store", code=1)
    assert "All of the first 3 configurations failed before any fold had finished." in ended.stdout
    assert "TrainingDivergedError: detector fold" in ended.stdout
    assert re.search(r"Remedy: Mend what the error names", ended.stdout)
    status = command("status", "store").stdout
    assert "0 of 20 configurations finished, 0 open, 3 failed" in status
    assert "3 configurations failed and no fold has ever finished" in status

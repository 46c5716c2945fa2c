"""The main job on real parts: Ray, Optuna, torch, a store on disk, a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import QUICK, Command, Searched, result

pytestmark = pytest.mark.e2e
ONE_SLOT = ("--slots", "1")


def scores(found: dict[str, Any]) -> list[tuple[str, float, list[float]]]:
    """Id, score and cells' scores of each configuration, in order."""
    return [(c["id"], c["score"], values(c)) for c in found["configurations"]]


def values(configuration: dict[str, Any]) -> list[float]:
    """A configuration's score on each cell."""
    return [cell["score"] for cell in configuration["cell_scores"]]


def test_search_status_report_resume_and_winner(command: Command, tmp_path: Path, searched: Searched) -> None:
    searched.copied(tmp_path / "store")
    found = searched.result
    assert found["complete"]
    assert [c["origin"] for c in found["configurations"]] == ["as given", "sampled"]
    assert all(len(c["cells"]) == 2 for c in found["configurations"])
    decisions = found["configurations"][0]["decisions"]
    assert list(decisions) == ["vote", "manifestations", "system"]
    rungs = {"inside_folds", "fold_tuned", "cross_fitted", "as_written", "plain"}
    assert all(set(each["out_of_fold"]) == rungs for each in decisions.values())
    assert (tmp_path / "store/report.html").read_text().startswith("<!doctype html>")

    assert "2 of 2 configurations finished" in command("status", "store").stdout
    assert result(command("status", "store", "--json"))["best"] == found["best"]
    at_the_end = (tmp_path / "store/report.html").read_text()
    command("report", "store")
    assert (tmp_path / "store/report.html").read_text() == at_the_end, "one truth"
    command("report", "store", "-o", "page.html")
    assert (tmp_path / "page.html").stat().st_size > 5_000

    stages = sorted((tmp_path / "store/stages").iterdir())
    times = [path.stat().st_mtime_ns for path in stages]
    extended = result(command("resume", "store", "--trials", "3", "--slots", "1", "--json"))
    assert len(extended["configurations"]) == 3
    assert extended["configurations"][:2] == found["configurations"], "what was finished is not trained again"
    assert [path.stat().st_mtime_ns for path in stages] == times

    # As if it had been ended before the last fold: what is left of the extended search is finished, not of the first.
    last = extended["configurations"][2]["id"]
    next((tmp_path / "store/folds").glob(f"{last}-f1-*.json")).unlink()
    finished = command("resume", "store", "--slots", "1")
    assert "search st3 · 3 configurations × 2 folds" in finished.stderr
    assert "tune-polar resume store --trials 10\n" in finished.stdout
    assert "Nothing is left to train" in command("resume", "store", "--slots", "1").stderr
    fewer = command("resume", "store", "--trials", "2", code=2).stderr
    assert "--trials must be at least the 3 configurations that the search has begun, got 2" in fewer
    assert "  changes:  # decide: chosen on all out-of-fold rows" in finished.stdout

    command("validate", "store/winner.yaml")
    one = ("--trials", "1", *ONE_SLOT, "--store", "again", "--json")
    again = result(command("search", "store/winner.yaml", "--space", "st3", *one))
    best = next(c for c in extended["configurations"] if c["id"] == extended["best"])
    assert values(again["configurations"][0]) == pytest.approx(values(best), abs=1e-12)


def test_same_seed_gives_the_same_scores_to_the_last_digit(command: Command, searched: Searched) -> None:
    again = result(command("search", "st3", *QUICK, "--store", "two", "--json"))
    assert scores(again) == scores(searched.result)


def test_a_fold_that_fails_does_not_end_the_search(command: Command, tmp_path: Path) -> None:
    """A search space half of which makes training diverge: the rest is searched, the reasons are recorded."""
    space = "space: s\nrecipe: st1\nparameters:\n  detector.optimizer.lr: {type: categorical, choices: [1e-3, 10.0]}\n"
    (tmp_path / "space.yaml").write_text(space)
    words = ("search", "st1", "--space", "./space.yaml", "--trials", "2", "--folds", "2", *ONE_SLOT, "--store", "store")
    steps = {"lr": "1e-3", "max_steps": "60", "eval_every_steps": "5", "fgm_epsilon": "0.0"}
    changes = [word for name, value in steps.items() for word in ("--set", f"detector.optimizer.{name}={value}")]
    found = result(command(*words, *changes, "--json"))
    given, diverged = found["configurations"]
    assert given["state"] == "finished"
    assert found["best"] == given["id"]
    if diverged["state"] == "infeasible":
        assert diverged["failures"]
        assert "TrainingDiverged" in command("status", "store").stdout

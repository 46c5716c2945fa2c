"""merge, export and status as typed: what they print and how they end."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from handmade_store import PROVENANCE, StoreBuilder

from tune_polar.cli.main import main
from tune_polar.store.lease import held_lease

SPACE = {
    "name": "small",
    "order": ["detector.lr"],
    "parameters": {"detector.lr": {"type": "float", "low": 0.0001, "high": 0.1, "log": True}},
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., tuple]:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["tune-polar", *words])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def two_searches(tmp_path: Path) -> tuple[StoreBuilder, StoreBuilder]:
    far = dataclasses.replace(PROVENANCE, host="far", started="2026-03-04T00:00:00+00:00")
    one = StoreBuilder(tmp_path / "one", changes={"space": SPACE})
    other = StoreBuilder(
        tmp_path / "other", changes={"space": SPACE, "seed": 12, "created": "2026-03-01T00:00:00+00:00"}
    )
    one.finish(one.configuration("published"), 0.5)
    one.finish(one.configuration(lr=0.01), 0.7)
    other.finish(other.configuration("published"), 0.6, provenance=far)
    other.finish(other.configuration(lr=0.02), 0.8, provenance=far)
    return one, other


def test_merged_searches_say_where_everything_came_from(run, two_searches):
    code, out, err = run("merge", "one", "other", "-o", "both")
    assert (code, err) == (0, "")
    # A configuration, 3 folds and 6 stages make 10 records; the published one's is the same file in both searches.
    assert out == "both: 2 searches, 39 records added, 9 replicates kept\n"
    code, out, err = run("merge", "other", "one", "-o", "both")
    assert out == "both: 2 searches, 0 records added, 9 replicates kept\n"
    code, out, err = run("status", "both")
    assert (code, err) == (0, "")
    assert "3 of 5 configurations finished" in out
    assert "far: " in out
    assert "lab-1: " in out
    assert "2026-01-02" in out
    assert "merged    search begun 2026-03-01T00:00:00+00:00 with 3 trials, seed 12: tune-polar search st3" in out
    assert "9 replicates of folds and stages are kept" in out
    assert out.count(f"driver    process {os.getpid()} on ") == 2
    assert out.count(": ended") == 2


def test_differing_searches_are_refused_with_a_remedy(run, tmp_path, two_searches):
    StoreBuilder(tmp_path / "third", changes={"space": SPACE, "folds": 7})
    code, out, err = run("merge", "one", "third", "-o", "both")
    assert (code, out) == (2, "")
    assert "searches to merge must agree in folds, got 3 in one and 7 in third" in " ".join(err.split())
    assert "Remedy: Merge only searches" in err
    assert not (tmp_path / "both").exists()


def test_a_store_that_is_driven_is_no_target_of_a_merge(run, tmp_path, two_searches):
    run("merge", "one", "-o", "both")
    target = two_searches[0].store.files.__class__(tmp_path / "both")
    with held_lease(target, lambda: None) as holder:
        code, _, err = run("merge", "one", "-o", "both")
    assert code == 2
    assert f"process {holder.pid} on {holder.host}, since {holder.since} is driving it" in " ".join(err.split())


def test_exports(run, two_searches, tmp_path):
    assert run("export", "one", "--csv", "tables", "--parquet", "tables", "--tensorboard", "curves")[0] == 0
    assert len(list((tmp_path / "tables").iterdir())) == 10
    code, out, _ = run("export", "one", "--optuna", "sqlite:///study.db")
    assert (code, out.count("study 'st3 2026-01-02T03:00:00+00:00'")) == (0, 1)
    assert (tmp_path / "study.db").stat().st_size > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export", "one"], "export must be told a form, got none"),
        (["export", "nowhere", "--csv", "x"], "must hold manifest.json"),
        (["export", "one", "--optuna", "nonsense"], "must be a database that Optuna can write"),
        (["merge", "one", "nowhere", "-o", "both"], "must hold manifest.json"),
        (["merge", "one", "other", "-o", "one"], "must be new or an earlier merge"),
        (["merge", "one", "other"], "Missing option"),
        (["merge", "-o", "both"], "Missing argument"),
    ],
)
def test_bad_words_end_in_two_with_a_remedy(run, two_searches, words, message):
    code, _, err = run(*words)
    assert code == 2
    assert message in " ".join(err.split())
    assert "Traceback" not in err

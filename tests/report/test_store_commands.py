"""merge, export and status as typed: what they print and how they end."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Ran
from tests.store.made_recipes import two_stages
from tests.store.made_store import PROVENANCE, MadeStore, made_store
from tune_polar.store.lease import held_lease
from tune_polar.store.store import open_store

Run = Callable[..., Ran]
LR = "sorter.optimizer.lr"


@pytest.fixture
def two_searches(tmp_path: Path) -> tuple[MadeStore, MadeStore]:
    """Of one recipe on two machines, each with the recipe itself and a configuration of its own."""
    far = replace(PROVENANCE, host="far", started="2026-03-04T00:00:00+00:00")
    one = made_store(tmp_path / "one", two_stages())
    other = made_store(tmp_path / "other", two_stages())
    later = {**other.store.manifest(), "seed": 12, "created": "2026-03-01T00:00:00+00:00"}
    (tmp_path / "other/manifest.json").unlink()
    other.store.create(later, other.gold)
    one.finish(one.configuration("published"), 0.5)
    one.finish(one.configuration({LR: 0.01}), 0.7)
    other.provenance = far
    other.finish(other.configuration("published"), 0.6, provenance=far)
    other.finish(other.configuration({LR: 0.02}), 0.8, provenance=far)
    return one, other


@pytest.mark.usefixtures("two_searches")
def test_merged_searches_say_where_everything_came_from(run: Run) -> None:
    done = run("merge", "one", "other", "-o", "both")
    assert (done.code, done.err) == (0, "")
    # A configuration, 3 folds and 6 stages make 10 records; the published one's is the same file in both searches.
    assert done.out.endswith("both: 2 searches, 39 records added, 9 replicates kept\n")
    done = run("merge", "other", "one", "-o", "both")
    assert done.out.endswith("both: 2 searches, 0 records added, 9 replicates kept\n")
    done = run("status", "both")
    said = " ".join(done.out.split())
    assert (done.code, done.err) == (0, "")
    assert "3 of 5 configurations finished" in said
    assert "far: " in said
    assert "lab-1: " in said
    assert "2026-01-02" in said
    assert "search begun 2026-03-01T00:00:00+00:00 with 3 trials, seed 12: tune-polar search mini" in said
    assert "9 replicates of folds and stages are kept" in said
    assert said.count(f"process {os.getpid()} on ") == 2
    assert said.count(": ended") == 2


def test_differing_searches_are_refused_with_a_remedy(
    run: Run, tmp_path: Path, two_searches: tuple[MadeStore, MadeStore]
) -> None:
    made_store(tmp_path / "third", two_stages(folds__count=4))
    done = run("merge", "one", "third", "-o", "both")
    said = " ".join(done.err.split())
    assert (done.code, done.out) == (2, "")
    assert "searches to merge must agree in " in said
    assert "Remedy: Merge only searches" in said
    assert not (tmp_path / "both").exists()
    assert [len(each.store.configurations()) for each in two_searches] == [2, 2]


@pytest.mark.usefixtures("two_searches")
def test_a_store_that_is_driven_is_no_target_of_a_merge(run: Run, tmp_path: Path) -> None:
    run("merge", "one", "-o", "both")
    with held_lease(open_store(tmp_path / "both").files, lambda: None) as holder:
        done = run("merge", "one", "-o", "both")
    assert done.code == 2
    assert f"process {holder.pid} on {holder.host}, since {holder.since} is driving it" in " ".join(done.err.split())


@pytest.mark.usefixtures("two_searches")
def test_exports(run: Run, tmp_path: Path) -> None:
    assert run("export", "one", "--csv", "tables", "--parquet", "tables", "--tensorboard", "curves").code == 0
    assert len(list((tmp_path / "tables").iterdir())) == 10
    done = run("export", "one", "--optuna", "sqlite:///study.db")
    assert (done.code, done.out.count("study 'mini 2026-01-02T03:00:00+00:00'")) == (0, 1)
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
@pytest.mark.usefixtures("two_searches")
def test_bad_words_end_in_two_with_a_remedy(run: Run, words: list[str], message: str) -> None:
    done = run(*words)
    assert done.code == 2
    assert message in " ".join(done.err.split())
    assert "Traceback" not in done.err

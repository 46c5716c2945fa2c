"""Data that somebody brings, from the command line alone to the page: every number is scikit-learn's."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.e2e.conftest import environment, result, run_in, script
from tests.e2e.own_data import OWN, ROWS, Own
from tests.e2e.rescored import Predicted, agrees, shown, tables

pytestmark = pytest.mark.e2e

FEW = (
    *("--trials", "3", "--folds", "3", "--racing", "none", "--slots", "1"),
    *("--set", "encoder.tiny.hidden=32", "--set", "model.optimizer.max_steps=8", "--store", "store"),
)
KINDS = {"verdicts": "binary", "zero_one": "binary", "topics": "class", "toxic": "labels", "stars": "number"}


@dataclass(frozen=True)
class Ended:
    """A search that has come to its end, and all it says."""

    folder: Path
    own: Own
    kind: str
    result: dict[str, Any]  # what ``--json`` printed
    predictions: pd.DataFrame
    page: str
    terminal: str

    @property
    def best(self) -> dict[str, Any]:
        return next(each for each in self.result["configurations"] if each["id"] == self.result["best"])

    def predicted(self, configuration: str, split: str, seed: int | None = None) -> Predicted:
        table = self.predictions.query("configuration == @configuration and split == @split")
        return Predicted.of(self.kind, table if seed is None else table[table["seed"] == seed])


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ended]:
    """The search of a data set, run once."""
    done: dict[str, Ended] = {}

    def search(name: str) -> Ended:
        if name not in done:
            folder, own = tmp_path_factory.mktemp(name), OWN[name]
            words = ["search", own.recipe, *own.write(folder), *FEW, *own.more]
            if "--seeds" in own.more:
                kill_after_a_fold(folder, words)
                words = ["resume", "store", "--slots", "1"]
            printed = run_in(folder, *words, "--json")
            run_in(folder, "export", "store", "--csv", "tables")
            done[name] = Ended(
                folder,
                own,
                KINDS[name],
                result(printed),
                pd.read_csv(folder / "tables/predictions-model.csv"),
                (folder / "store/report.html").read_text(encoding="utf-8"),
                printed.stderr + run_in(folder, "status", "store").stdout,
            )
        return done[name]

    return search


def kill_after_a_fold(folder: Path, words: list[str]) -> None:
    """As a power cut would."""
    with (folder / "log.txt").open("wb") as log:
        driver = subprocess.Popen([script(), *words], cwd=folder, env=environment(), stdout=log, stderr=log)
    until = time.monotonic() + 120
    while not list(folder.glob("store/folds/*.json")) and driver.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    assert driver.poll() is None, (folder / "log.txt").read_text()
    driver.send_signal(signal.SIGKILL)
    driver.wait(timeout=60)


@pytest.mark.parametrize("name", OWN)
def test_every_score_is_scikit_learns_on_the_exported_predictions(ended: Callable[[str], Ended], name: str) -> None:
    search = ended(name)
    assert search.result["complete"]
    assert search.result["metric"]["name"] == search.own.metric
    assert [each["origin"] for each in search.result["configurations"]] == ["as given", "sampled", "sampled"]
    seeds = sorted({cell["seed"] for cell in search.result["cells"]})
    for configuration in search.result["configurations"]:
        told, settings = configuration["decisions"]["model"], {**configuration["point"], **configuration["settings"]}
        oof = [search.predicted(configuration["id"], "oof", seed if len(seeds) > 1 else None) for seed in seeds]
        if search.kind in ("binary", "labels"):
            crossed = [each.cross_fitted(settings["decide.model.rule"]) for each in oof]
            expected = {"cross_fitted": sum(crossed) / len(seeds)}
        else:
            expected = {"cross_fitted": oof[0].rungs(settings)["cross_fitted"]}
        assert told["out_of_fold"]["cross_fitted"]["score"] == pytest.approx(expected["cross_fitted"], abs=1e-6)
        assert told["out_of_fold"]["cross_fitted"]["score"] == pytest.approx(configuration["score"], abs=1e-12)
        parts = {split: search.predicted(configuration["id"], split) for split in search.own.splits}
        for split, part in parts.items():
            ladder, rescored = told["splits"][split], part.rungs(settings)
            assert rescored.keys() - {"cross_fitted"} <= ladder.keys()
            for rung in ladder.keys() & rescored.keys():
                assert ladder[rung]["score"] == pytest.approx(rescored[rung], abs=1e-6), (split, rung)
        assert set(told["splits"]) == set(search.own.splits)


@pytest.mark.parametrize("name", OWN)
def test_the_page_shows_these_scores(ended: Callable[[str], Ended], name: str) -> None:
    search = ended(name)
    told = search.best["decisions"]["model"]
    ladder = next(rows for caption, rows in tables(search.page) if "by where its settings were chosen" in caption)
    by_name = {row[0]: row[1] for row in ladder}
    main = "cross-fitted" if search.kind in ("binary", "labels") else "as decided"
    assert agrees(by_name[main], told["out_of_fold"]["cross_fitted"]["score"])
    for split in search.own.splits:
        words = [each for each in by_name if each.startswith(split)]
        assert words
        assert agrees(by_name[words[-1]], told["splits"][split]["fold_tuned"]["score"])
    if "test" in search.own.splits:
        assert ladder[-1][0].startswith("test")
        assert not any("test" in " ".join(row) for row in ladder[:-1]), "nothing else is scored on it, or chosen"


@pytest.mark.parametrize("name", OWN)
def test_page_and_terminal_speak_of_these_columns_and_of_no_others(ended: Callable[[str], Ended], name: str) -> None:
    search = ended(name)
    for text in (shown(search.page), search.terminal):
        said = text.replace("tune-polar", "").replace("tune_polar", "").lower()
        for word in ("polari", "stereotype", "detector", "manifestation", "st1", "st3", "softtriple"):
            assert word not in said, word
        assert ("macro-f1" in said, "pearson" in said) == (search.kind != "number", search.kind == "number")
    assert all(
        name in search.page for name in search.best["decisions"]["model"]["out_of_fold"]["cross_fitted"]["per_column"]
    )


def test_test_rows_are_predicted_by_all_models_together(ended: Callable[[str], Ended]) -> None:
    for name in ("verdicts", "topics", "stars"):
        search = ended(name)
        counted = search.predictions.groupby(["configuration", "split"]).size().unstack()
        assert (counted == pd.Series({"dev": ROWS["dev"], "oof": ROWS["train"], "test": ROWS["test"]})).all(axis=None)
        assert search.predictions.query("split == 'test'")["fold"].isna().all()


def test_rows_of_one_author_stay_in_one_fold(ended: Callable[[str], Ended]) -> None:
    search = ended("verdicts")
    authors = pd.read_csv(search.folder / "train.csv")["author"]
    oof = search.predictions.query("split == 'oof' and configuration == @search.result['best']")
    folds = pd.Series(oof["fold"].to_numpy(), index=authors[rows_of(oof["id"])].to_numpy())
    assert folds.groupby(level=0).nunique().max() == 1
    assert folds.nunique() == 3
    assert folds.index.value_counts().max() > 1


def rows_of(ids: pd.Series) -> list[int]:
    """Row numbers of a file without ids, from the ids that its rows were given, which count from 1."""
    return [int(each.removeprefix("train-")) - 1 for each in ids]


def test_two_seeds_survive_a_kill_and_a_merge(ended: Callable[[str], Ended]) -> None:
    search = ended("zero_one")
    assert [(cell["fold"], cell["seed"]) for cell in search.result["cells"]] == [
        (fold, seed) for seed in (42, 43) for fold in range(3)
    ]
    assert all(len(each["cell_scores"]) == 6 for each in search.result["configurations"])
    assert "fold 1, seed 43" in search.page
    run_in(search.folder, "merge", "store", "-o", "merged")
    merged = result(run_in(search.folder, "status", "merged", "--json"))
    assert merged["configurations"] == search.result["configurations"]
    run_in(search.folder, "report", "merged", "-o", "merged.html")
    again = (search.folder / "merged.html").read_text(encoding="utf-8")
    assert next(rows for _, rows in tables(again)) == next(rows for _, rows in tables(search.page))


ONE_SPLIT = """\
recipe: one-split
extends: classifier
folds: {plan: holdout, share: 0.3}
seeds: [1, 2, 3]
"""
RATES = """\
space: rates
recipe: classifier
parameters: {model.optimizer.lr: {type: float, low: 1e-9, high: 1e-2, log: true}}
"""


def test_seeds_of_one_split_race_like_folds(tmp_path: Path) -> None:
    """Most learning rates of the space learn nothing, which the first seed tells."""
    words = OWN["zero_one"].write(tmp_path)
    (tmp_path / "one-split.yaml").write_text(ONE_SPLIT, encoding="utf-8")
    (tmp_path / "rates.yaml").write_text(RATES, encoding="utf-8")
    few = ("--trials", "6", "--racing", "aggressive", "--slots", "1", "--set", "encoder.tiny.hidden=32")
    search = ("search", "one-split.yaml", *words, "--space", "./rates.yaml", *few)
    printed = run_in(tmp_path, *search, "--set", "model.optimizer.max_steps=30", "--store", "store", "--json")
    found = result(printed)
    assert found["complete"]
    assert [(cell["fold"], cell["seed"]) for cell in found["cells"]] == [(0, 1), (0, 2), (0, 3)]
    told = {each["state"]: len(each["cells"]) for each in found["configurations"]}
    assert told["finished"] == 3
    assert told["abandoned"] < 3
    assert {each["state"] for each in found["configurations"]} == {"finished", "abandoned"}
    assert "0/18 seeds" in printed.stderr
    assert re.search(r"stopped after \d seeds?: expected", printed.stderr)
    assert re.search(r"stopped early \d of 3 Stopped after", shown((tmp_path / "store/report.html").read_text("utf-8")))

    run_in(tmp_path, "merge", "store", "-o", "merged")
    assert result(run_in(tmp_path, "status", "merged", "--json"))["configurations"] == found["configurations"]

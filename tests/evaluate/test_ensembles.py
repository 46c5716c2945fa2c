"""Ensembles of a search's configurations: of every kind of recipe, the same each time, and why there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tests.store.made_recipes import one_vote, recipe_of, regression, three_classes, two_stages
from tests.store.made_store import finished_store, made_store
from tune_polar.api.winner_files import write_ensemble
from tune_polar.decide.decision_engine import decide_rows
from tune_polar.decide.evidence import Evidence
from tune_polar.evaluate.ensemble_of_search import ensemble_file_of
from tune_polar.evaluate.search_ensembles import NONE_FINISHED, ONE_ALONE, ensembles_of
from tune_polar.recipe.cells import Cell
from tune_polar.report.ensemble_yaml import ensemble_yaml, read_ensemble
from tune_polar.report.winner_recipe import winner_recipe
from tune_polar.stats.bbc_cv import BbcCv
from tune_polar.stats.ensemble_report import EnsembleReport

QUALITIES = (0.5, 0.6, 0.4, 0.55)


def report_of(summary) -> EnsembleReport:
    found = ensembles_of(summary)
    assert isinstance(found, EnsembleReport), found
    return found


@pytest.mark.parametrize("make", [two_stages, one_vote, three_classes, regression])
@pytest.mark.parametrize("seeds", [(42,), (1, 2)])
def test_every_kind_of_recipe_has_ensembles(tmp_path: Path, make, seeds):
    summary = finished_store(tmp_path / "s", make(seeds=seeds), QUALITIES).summary()
    report = report_of(summary)
    assert report.pick.configuration == summary.best.configuration.id
    assert report.pick_score == pytest.approx(summary.best.outcome.score)
    assert [each.kind for each in report.entries] == [*(["seeds"] if len(seeds) > 1 else []), "uniform", "greedy"]
    rows = summary.best.outcome.judged.scored.rows
    for entry in report.entries:
        assert entry.decided.shape == rows.gold.values.shape
        scores = [
            report.metric.score(rows.gold.take(rows.seed == seed), entry.decided[rows.seed == seed]) for seed in seeds
        ]
        assert entry.score == pytest.approx(np.mean(scores))
        assert entry.gain == pytest.approx(report.metric.gain(entry.score, report.pick_score))
        assert entry.interval.low <= entry.gain <= entry.interval.high
        assert sum(weight for _, weight in entry.members) == pytest.approx(1)


def test_the_score_is_scikit_learns(tmp_path: Path):
    summary = finished_store(tmp_path / "s", two_stages(), QUALITIES).summary()
    rows = summary.best.outcome.judged.scored.rows
    for entry in report_of(summary).entries:
        theirs = f1_score(rows.gold.values, entry.decided, average="macro", zero_division=0)
        assert entry.score == pytest.approx(theirs)


def test_the_same_records_give_the_same_members(tmp_path: Path):
    made = finished_store(tmp_path / "s", two_stages(), QUALITIES)
    first, second = report_of(made.summary()), report_of(made.summary())
    assert first is not second
    for one, other in zip(first.entries, second.entries, strict=True):
        assert one.members == other.members
        assert (one.score, one.interval) == (other.score, other.interval)
        assert np.array_equal(one.decided, other.decided)


def test_an_ensemble_that_ties_with_the_best_is_chosen(tmp_path: Path):
    report = report_of(finished_store(tmp_path / "s", two_stages(), QUALITIES).summary())
    corrected = report.corrected
    assert isinstance(corrected, BbcCv)
    best = corrected.raw_best
    for own, winner, is_chosen in ((best, 0, True), (best - 1e-3, 0, False), (best, len(corrected.whole) - 1, True)):
        whole = np.append(corrected.whole[:-1], own)
        tied = replace(report, corrected=replace(corrected, whole=whole, winner=winner))
        assert tied.is_chosen == is_chosen


def test_settings_of_decisions_make_no_member_of_their_own(tmp_path: Path):
    made = made_store(tmp_path / "s", two_stages(), space={"decide.vote.k": {"type": "int", "low": 1, "high": 9}})
    for k in (3, 5):
        made.finish(made.configuration({"decide.vote.k": k}, origin="sampled"), 0.5)
    made.finish(made.configuration({"sorter.optimizer.lr": 0.01}, origin="sampled"), 0.5)
    ids = report_of(made.summary()).names
    assert len(ids) == len(set(ids)) <= 3


def test_with_none_finished_it_says_so(tmp_path: Path):
    made = made_store(tmp_path / "s", two_stages())
    assert ensembles_of(made.summary()) == NONE_FINISHED
    made.finish(made.configuration(), 0.5, cells=made.cells[:1])
    assert ensembles_of(made.summary()) == NONE_FINISHED


def test_one_configuration_has_nothing_to_be_combined_with(tmp_path: Path):
    assert ensembles_of(finished_store(tmp_path / "s", two_stages(), (0.5,)).summary()) == ONE_ALONE


def test_the_cells_of_one_given_up_count_where_they_are(tmp_path: Path):
    made = finished_store(tmp_path / "s", two_stages(), (0.5, 0.5))
    stopped = made.configuration({"sorter.optimizer.lr": 0.013}, origin="sampled")
    made.finish(stopped, 0.9, cells=[Cell(0, made.cells[0].seed), Cell(1, made.cells[0].seed)])
    assert len(report_of(made.summary()).names) == 2
    made.abandon(stopped, made.summary().best.configuration)
    report = report_of(made.summary())
    assert report.names[-1] == stopped.id
    uniform, greedy = report.entries
    assert stopped.id not in [report.names[place] for place, _ in uniform.members]
    assert greedy.score >= 0


@pytest.mark.parametrize("make", [two_stages, one_vote, three_classes, regression])
def test_its_file_decides_as_the_ensemble_does(tmp_path: Path, make):
    """Tables by hand from the stored predictions; the file's settings decide them as those chosen on all rows."""
    summary = finished_store(tmp_path / "s", make(), QUALITIES).summary()
    report, file = report_of(summary), ensemble_file_of(summary)
    (tmp_path / "ensemble.yaml").write_text(ensemble_yaml(file))
    again = read_ensemble(tmp_path / "ensemble.yaml")
    assert again == file
    assert [each.weight for each in again.members] == [weight for _, weight in report.greedy.members]
    by_id = {each.name: each for each in report.bench.candidates}
    tables = again.tables({each.configuration: by_id[each.configuration].tables for each in again.members})
    decided = decide_rows(again.graph, again.score.of, again.chosen(), Evidence(tables, report.bench.rows))
    deployed = report.greedy.ensemble.deployed
    assert np.allclose(decided.astype(float), report.bench.on_all.decide(deployed).astype(float), atol=1e-12)


def test_settings_by_group_are_written_by_name(tmp_path: Path):
    recipe = two_stages(
        data__groups=["language"],
        decide={
            "vote": {"type": "knn_vote", "of": "finder"},
            "kinds": {"type": "threshold", "of": "sorter", "per": "language"},
            "system": {"type": "gate", "of": "kinds", "by": "vote"},
        },
    )
    summary = finished_store(tmp_path / "s", recipe, QUALITIES, rows=240).summary()
    file = ensemble_file_of(summary)
    names = list(summary.gold.train.columns["language"].names)
    assert set(file.decide["kinds"]["groups"]) <= set(names)
    assert file.decide["kinds"]["groups"]
    assert list(file.chosen({"language": names})["kinds"].own) == list(
        report_of(summary).greedy.ensemble.deployed.settings["kinds"].own
    )


def test_without_an_ensemble_there_is_no_file(tmp_path: Path):
    made = made_store(tmp_path / "s", two_stages())
    (made.folder / "ensemble.yaml").write_text("of another time")
    assert write_ensemble(made.summary(), made.folder) is None
    assert not (made.folder / "ensemble.yaml").exists()


def test_a_recipes_own_ensemble_is_chosen_and_written_as_data(tmp_path: Path):
    """Of two stages of one recipe; the winner's weights are in its recipe, and its members' in the ensemble of it."""
    task = {"type": "multilabel", "targets": ["rude", "loud"]}
    recipe = recipe_of(
        {
            "recipe": "two-sizes",
            "data": {"labels": ["rude", "loud"]},
            "folds": {"count": 3},
            "stages": {"small": {"task": task}, "large": {"task": task, "optimizer": {"lr": 1e-4}}},
            "decide": {
                "joined": {"type": "ensemble", "of": ["small", "large"]},
                "labels": {"type": "threshold", "of": "joined"},
            },
            "score": {"of": "labels"},
        }
    )
    summary = finished_store(tmp_path / "s", recipe, (0.5, 0.6)).summary()
    weights = winner_recipe(summary.best).decide["joined"].weights
    assert sum(weights) == pytest.approx(1)
    again = ensemble_file_of(summary)
    assert sum(again.decide["joined"]["weights"]) == pytest.approx(1)
    assert set(again.stages) == {"small", "large"}
    assert again.chosen()["joined"].values == pytest.approx(again.decide["joined"]["weights"])

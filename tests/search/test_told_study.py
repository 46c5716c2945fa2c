"""What the sampler is told of a finished configuration: one trial, and never the maximum of a grid."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from simulated_search import RECIPE, cells_of, failed
from stored_folds import FOLDS, NEIGHBOURS, NUMBERS, TWO, StoredFolds

from tune_polar.decide.metrics import metric_named
from tune_polar.decide.rows import Gold
from tune_polar.evaluate.configuration_scores import StoredScores
from tune_polar.evaluate.manifest_facts import alternatives_of
from tune_polar.evaluate.outcome import Outcome, outcome_of
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.fill import fill
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.space import NotProposedError, Scalar
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.optuna.sampler import PREDICTED, Sampler
from tune_polar.search.optuna.swept_point import proposable
from tune_polar.search.optuna.told_study import Study
from tune_polar.store.abandonment import Abandonment

LR = {"finder.optimizer.lr": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}}
K = {"decide.vote.k": {"type": "int", "low": 1, "high": 29, "step": 2}}
TAU = {"decide.vote.tau": {"type": "float", "low": 0.2, "high": 0.8}}
RULE = {"decide.labels.rule": {"type": "categorical", "choices": ["max_f1", "prevalence_match", "fixed"]}}
GRADER = {"grader.optimizer.lr": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True}}


@pytest.fixture
def folds(tmp_path: Path) -> StoredFolds:
    return StoredFolds(tmp_path)


@dataclass(frozen=True, eq=False)
class Finished:
    study: Study
    sampler: Sampler
    progress: ConfigurationProgress
    outcome: Outcome

    @property
    def told(self) -> tuple[float, Mapping[str, Scalar]]:
        """Score and point of the one trial."""
        trial = self.sampler.told(self.progress.configuration)
        assert trial is not None
        assert trial.value is not None
        return trial.value, trial.params

    @property
    def proposed(self) -> Mapping[str, Scalar]:
        return self.progress.configuration.point


@pytest.fixture
def finish(folds: StoredFolds, space: Callable[..., LoadedSpace]) -> Callable[..., Finished]:
    def run(parameters: dict[str, object], over: Recipe = RECIPE, stored: StoredFolds = folds) -> Finished:
        searched = space(parameters, over)
        sampler, alternatives = Sampler(searched, seed=1), alternatives_of(searched)
        point = sampler.ask(1)
        configuration = Configuration(searched.fill(point), 1, "sampled", point)
        sampler.announce(configuration)
        study = Study(stored.reader, metric_named(over.score.metric), sampler, alternatives=alternatives)
        progress = stored.finish(configuration)
        score = study.on_finished(progress)
        read = stored.reader.read(configuration, list(progress.finished.values()))
        outcome = outcome_of(configuration.recipe, stored.gold.splits, read.cells, alternatives)
        assert score == study.scored[configuration.id].scores.score == outcome.score
        return Finished(study, sampler, progress, outcome)

    return run


def voted(folds: StoredFolds, progress: ConfigurationProgress, k: int, tau: float) -> float:
    """Macro-F1 of a vote over all rows, counted row by row."""
    decided, gold = [], []
    for fold in range(FOLDS):
        stage = folds.store.stage(progress.finished[Cell(fold, 42)].stages["finder"])
        assert stage is not None
        decided += [sum(int(vote) for vote in row[:k]) >= tau * k for row in stage.table("validation")]
        gold += folds.target[stage.rows("validation")].tolist()
    rows = Gold("binary", np.array(gold)[:, None], ("rude",))
    return metric_named("macro_f1").score(rows, np.array(decided)[:, None].astype(np.int64))


def test_the_trial_scores_cross_fitted_and_not_the_maximum_of_the_grid(
    finish: Callable[..., Finished], folds: StoredFolds
) -> None:
    run = finish({**LR, **K, **TAU})
    score, _ = run.told
    best = max(
        voted(folds, run.progress, k, percent / 100) for k in range(1, NEIGHBOURS + 1) for percent in range(20, 81, 5)
    )
    assert score == run.outcome.score < best


def test_the_trial_keeps_the_training_values_and_has_the_chosen_decisions_on_the_grid(
    finish: Callable[..., Finished],
) -> None:
    run = finish({**LR, **K, **TAU})
    chosen, (_, point) = run.outcome.settings(), run.told
    assert set(point) == set(run.proposed)
    assert point["finder.optimizer.lr"] == run.proposed["finder.optimizer.lr"]
    assert point["decide.vote.k"] in range(1, 30, 2)
    assert abs(int(str(point["decide.vote.k"])) - chosen["decide.vote.k"]) <= 1
    assert point["decide.vote.tau"] == pytest.approx(chosen["decide.vote.tau"], abs=1e-9)
    assert {key: point[key] for key in ("decide.vote.k", "decide.vote.tau")} != {
        key: run.proposed[key] for key in ("decide.vote.k", "decide.vote.tau")
    }


def test_tau_on_a_grid_of_its_own(finish: Callable[..., Finished]) -> None:
    stepped = {"decide.vote.tau": {"type": "float", "low": 0.1, "high": 0.9, "step": 0.1}}
    run = finish({**LR, **K, **stepped})
    expected = round(float(run.outcome.settings()["decide.vote.tau"]), 1)
    assert run.told[1]["decide.vote.tau"] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    "parameter",
    [{"type": "int", "low": 1, "high": 3}, {"type": "categorical", "choices": [2, 3]}],
    ids=["range", "choices"],
)
def test_a_swept_k_outside_the_space_is_not_passed_off_as_one_inside(
    finish: Callable[..., Finished], parameter: dict[str, object]
) -> None:
    run = finish({**LR, "decide.vote.k": parameter})
    assert run.outcome.settings()["decide.vote.k"] > 4
    score, point = run.told
    assert point == run.proposed
    assert score == run.outcome.score


@pytest.mark.parametrize(
    ("parameter", "value", "stands_for"),
    [
        ("decide.vote.k", 8, (7, 9)),
        ("decide.vote.k", 30, (29,)),
        ("decide.vote.k", 0, (1,)),
        ("decide.vote.k", 31, ()),
        ("decide.vote.tau", 0.8, (0.8,)),
        ("decide.vote.tau", 0.81, ()),
        ("decide.vote.tau", "half", ()),
        ("decide.vote.tau", None, ()),
    ],
)
def test_which_value_of_a_space_stands_for_a_chosen_one(
    space: Callable[..., LoadedSpace], parameter: str, value: object, stands_for: tuple[object, ...]
) -> None:
    single = space({**K, **TAU}).singles[parameter]
    if stands_for:
        assert proposable(single, value) in stands_for
    else:
        with pytest.raises(NotProposedError):
            proposable(single, value)


def test_without_decision_values_in_the_space_the_point_is_told_as_it_was_proposed(
    finish: Callable[..., Finished],
) -> None:
    run = finish(LR)
    assert run.told == (run.outcome.score, run.proposed)


def test_every_searched_threshold_rule_is_tried_and_the_best_is_told(finish: Callable[..., Finished]) -> None:
    run = finish({**LR, **K, **TAU, **RULE}, over=TWO)
    scores = run.study.scored[run.progress.configuration.id].scores
    own = str(run.proposed["decide.labels.rule"])
    by_rule = {str(each.changes.get("decide.labels.rule", own)): each.score for each in scores.alternatives}
    assert set(by_rule) == {"max_f1", "prevalence_match", "fixed"}
    score, point = run.told
    assert score == max(by_rule.values())
    assert by_rule[str(point["decide.labels.rule"])] == score


def test_where_smaller_is_better_scores_stay_as_measured_and_the_sampler_hears_them_turned(
    finish: Callable[..., Finished], folds: StoredFolds
) -> None:
    run = finish(GRADER, over=NUMBERS)
    assert run.outcome.score > 0
    assert run.told == (-run.outcome.score, run.proposed)
    better = folds.finish(Configuration(NUMBERS, 9, "better"), noise=0.01)
    score = run.study.on_finished(better)
    assert score is not None
    assert 0 < score < run.outcome.score
    assert run.study.best is not None
    assert run.study.best.configuration.origin == "better"


def test_what_is_expected_is_told_turned_too(space: Callable[..., LoadedSpace], folds: StoredFolds) -> None:
    sampler = Sampler(space(GRADER, NUMBERS), 1)
    configuration = Configuration(NUMBERS, 1, "sampled", sampler.ask(1))
    sampler.announce(configuration)
    given_up = Abandonment(configuration.id, "model", (), None, 0.4, 0.1, 0.0, "0" * 12, 0.2)
    progress = ConfigurationProgress(configuration, folds.cells, state="abandoned", abandonment=given_up)
    assert Study(folds.reader, metric_named("mae"), sampler).on_finished(progress) is None
    found = sampler.told(configuration)
    assert found is not None
    assert (found.value, found.user_attrs) == (-0.4, {PREDICTED: True})


def test_several_seeds_make_one_score_and_one_trial(finish: Callable[..., Finished], tmp_path: Path) -> None:
    seeds = StoredFolds(tmp_path / "seeds", seeds=(1, 2))
    run = finish({**LR, **K, **TAU}, stored=seeds)
    scores = run.study.scored[run.progress.configuration.id].scores
    assert set(scores.cells) == set(cells_of(FOLDS, (1, 2)))
    assert len(scores.best.cell_scores) == 6
    assert run.told[0] == scores.score


def test_an_infeasible_configuration_is_told_as_such(folds: StoredFolds, space: Callable[..., LoadedSpace]) -> None:
    sampler = Sampler(space(), 1)
    point = sampler.ask(1)
    configuration = Configuration(RECIPE, 1, "sampled", point)
    sampler.announce(configuration)
    assert sampler.told(configuration) is not None
    progress = ConfigurationProgress(
        configuration, folds.cells, state="infeasible", failure=failed(configuration.id, folds.cells[0], "ValueError")
    )
    assert Study(folds.reader, metric_named("macro_f1"), sampler).on_finished(progress) is None
    assert sampler.told(configuration) is None


def test_predictions_that_are_gone_are_no_score(
    folds: StoredFolds, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    progress = folds.finish(Configuration(RECIPE, 0, "published", {}))
    (tmp_path / "stages" / f"{progress.finished[Cell(1, 42)].stages['finder']}.safetensors").write_bytes(b"torn")
    study = Study(folds.reader, metric_named("macro_f1"))
    with caplog.at_level(logging.WARNING):
        assert study.on_finished(progress) is None
    assert "predictions of f1-s42 are missing or damaged" in caplog.text
    assert study.best is None


def test_the_best_has_the_highest_score_and_was_proposed_first(folds: StoredFolds) -> None:
    study = Study(folds.reader, metric_named("macro_f1"))
    assert study.best is None
    for number, lr in enumerate([0.01, 0.02, 0.03]):
        recipe = fill(RECIPE, {"finder.optimizer.lr": lr})
        study.on_finished(folds.finish(Configuration(recipe, number, "ablation")))
    scores = {s.configuration.number: s.scores.score for s in study.scored.values()}
    assert study.best is not None
    assert study.best.scores.score == max(scores.values())

    twin = study.scored[study.best.configuration.id]
    later = Configuration(twin.configuration.recipe, 7, "twin")
    study.scored["twin"] = type(twin)(ConfigurationProgress(later, folds.cells), twin.scores)
    assert study.best.configuration.number < 3


def test_what_is_kept_is_not_derived_again(folds: StoredFolds, tmp_path: Path) -> None:
    kept = StoredScores(folds.store, folds.gold, folds.cells, {})
    kept.load()
    progress = folds.finish(Configuration(RECIPE, 0, "published", {}))
    score = Study(folds.reader, metric_named("macro_f1"), kept=kept).on_finished(progress)
    again = StoredScores(folds.store, folds.gold, folds.cells, {})
    again.load()
    nothing = StoredFolds(tmp_path / "elsewhere").reader
    assert Study(nothing, metric_named("macro_f1"), kept=again).on_finished(progress) == score

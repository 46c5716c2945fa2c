"""What the sampler is told of a finished configuration: never the maximum of a grid."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from simulated_search import RECIPE, failed
from stored_folds import FOLDS, LABELS, NEIGHBOURS, StoredFolds

from tune_polar.decide.knn import cross_fit_votes
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.sampler import Sampler
from tune_polar.search.study import Study
from tune_polar.spec.configuration import Configuration
from tune_polar.spec.recipe import Recipe
from tune_polar.spec.space import Scalar
from tune_polar.spec.space_file import LoadedSpace

LR = {"detector.lr": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}}
K = {"decision.k": {"type": "int", "low": 1, "high": 29, "step": 2}}
TAU = {"decision.tau": {"type": "float", "low": 0.2, "high": 0.8}}
RULE = {"decision.threshold_rule": {"type": "categorical", "choices": ["max_f1", "prevalence_match", "fixed"]}}

ST3 = Recipe.model_validate(
    RECIPE.model_dump()
    | {
        "task": {"subtask": "st3", "target": "polarization", "labels": LABELS},
        "classifier": {
            "lr": 0.01,
            "xi": 1.0,
            "batch_size": 8,
            "fgm_epsilon": 0.0,
            "gamma_negative": dict.fromkeys(LABELS, 2.0),
        },
        "decision": {"k": 5, "tau": 0.4, "objective": "end_to_end"},
    }
)


@dataclass(frozen=True)
class Also:
    """A trial that cost nothing."""

    point: Mapping[str, Scalar]
    score: float


@dataclass
class Heard:
    """What a sampler was told."""

    asked: list[float] = field(default_factory=list)
    also: list[Also] = field(default_factory=list)
    infeasible: list[str] = field(default_factory=list)


class ListeningSampler(Sampler):
    """A sampler that keeps what it was told for the test to see."""

    def __init__(self, space: LoadedSpace) -> None:
        super().__init__(space, seed=1)
        self.heard = Heard()

    def tell(self, configuration: Configuration, score: float) -> None:
        self.heard.asked.append(score)
        super().tell(configuration, score)

    def tell_also(self, configuration: Configuration, point: Mapping[str, Scalar], score: float) -> None:
        self.heard.also.append(Also(point, score))
        super().tell_also(configuration, point, score)

    def tell_infeasible(self, configuration: Configuration) -> None:
        self.heard.infeasible.append(configuration.id)
        super().tell_infeasible(configuration)


@pytest.fixture
def folds(tmp_path: Path) -> StoredFolds:
    return StoredFolds(tmp_path)


@dataclass(frozen=True, eq=False)
class Finished:
    study: Study
    progress: ConfigurationProgress
    heard: Heard
    point: Mapping[str, Scalar]


@pytest.fixture
def finish(folds: StoredFolds, space: Callable[..., LoadedSpace]) -> Callable[..., Finished]:
    def run(parameters: dict[str, object], over: Recipe = RECIPE, **changes: Scalar) -> Finished:
        searched = space(parameters, over)
        sampler = ListeningSampler(searched)
        point = {**sampler.ask(1), **{key.replace("__", "."): value for key, value in changes.items()}}
        configuration = Configuration(searched.fill(point), 1, "sampled", point)
        sampler.announce(configuration)
        study = Study(folds.reader, searched, sampler)
        progress = folds.finish(configuration)
        score = study.on_finished(progress)
        assert score == study.scored[configuration.id].outcome.score
        return Finished(study, progress, sampler.heard, point)

    return run


def tables_and_gold(folds: StoredFolds, progress: ConfigurationProgress) -> tuple[list[np.ndarray], list[np.ndarray]]:
    stages = [folds.store.stage(progress.finished[fold].detector_key) for fold in range(FOLDS)]
    tables = [stage.arrays["neighbour_labels"] for stage in stages if stage is not None]
    target = folds.gold.train.labels["polarization"]
    return tables, [target[folds.gold.detector_plan.validation_rows(fold)] for fold in range(FOLDS)]


def macro_f1(gold: list[bool], decided: list[bool]) -> float:
    """By counting."""
    scores = []
    for positive in (True, False):
        hits = sum(g == d == positive for g, d in zip(gold, decided, strict=True))
        scores.append(2 * hits / (sum(g == positive for g in gold) + sum(d == positive for d in decided)))
    return sum(scores) / 2


def test_the_proposed_k_and_tau_get_the_score_they_have(finish: Callable[..., Finished], folds: StoredFolds) -> None:
    """Counted row by row."""
    run = finish({**LR, **K, **TAU}, decision__k=7, decision__tau=0.55)
    tables, gold = tables_and_gold(folds, run.progress)
    decided = [sum(int(vote) for vote in row[:7]) >= 0.55 * 7 for table in tables for row in table]
    assert run.heard.asked == [pytest.approx(macro_f1([bool(g) for fold in gold for g in fold], decided))]


def test_the_free_trial_is_cross_fitted_and_not_the_maximum_of_the_grid(
    finish: Callable[..., Finished], folds: StoredFolds
) -> None:
    run = finish({**LR, **K, **TAU})
    fitted = cross_fit_votes(*tables_and_gold(folds, run.progress), range(1, NEIGHBOURS + 1))
    assert [also.score for also in run.heard.also] == [fitted.score]
    assert fitted.score < fitted.pooled_score
    assert run.study.scored[run.progress.configuration.id].outcome.score == fitted.score


def test_the_free_trial_keeps_the_training_values_and_stands_on_the_grid(
    finish: Callable[..., Finished], folds: StoredFolds
) -> None:
    run = finish({**LR, **K, **TAU})
    chosen = cross_fit_votes(*tables_and_gold(folds, run.progress), range(1, NEIGHBOURS + 1)).pooled_choice
    (also,) = run.heard.also
    assert also.point["detector.lr"] == run.point["detector.lr"]
    assert also.point["decision.k"] in range(1, 30, 2)
    assert abs(int(also.point["decision.k"]) - chosen.k) <= 1
    assert also.point["decision.tau"] == pytest.approx(float(chosen.tau), abs=1e-6)


def test_tau_on_a_grid_of_its_own(finish: Callable[..., Finished], folds: StoredFolds) -> None:
    stepped = {"decision.tau": {"type": "float", "low": 0.1, "high": 0.9, "step": 0.1}}
    run = finish({**LR, **K, **stepped})
    chosen = cross_fit_votes(*tables_and_gold(folds, run.progress), range(1, NEIGHBOURS + 1)).pooled_choice
    tau = run.heard.also[0].point["decision.tau"]
    assert tau == pytest.approx(round(float(chosen.tau), 1), abs=1e-9)


@pytest.mark.parametrize(
    "parameter",
    [{"type": "int", "low": 1, "high": 3}, {"type": "categorical", "choices": [2, 3]}],
    ids=["range", "choices"],
)
def test_a_swept_k_outside_the_space_is_not_passed_off_as_one_inside(
    finish: Callable[..., Finished], folds: StoredFolds, parameter: dict[str, object]
) -> None:
    run = finish({**LR, "decision.k": parameter})
    chosen = cross_fit_votes(*tables_and_gold(folds, run.progress), range(1, NEIGHBOURS + 1)).pooled_choice
    assert chosen.k > 4
    assert [also.point["decision.k"] for also in run.heard.also] == [chosen.k]


def test_without_decision_values_in_the_space_one_score_is_told_once(
    finish: Callable[..., Finished], folds: StoredFolds
) -> None:
    run = finish(LR)
    fitted = cross_fit_votes(*tables_and_gold(folds, run.progress), range(1, NEIGHBOURS + 1))
    assert run.heard.asked == [fitted.score]
    assert run.heard.also == []


def test_every_searched_threshold_rule_is_a_free_trial(finish: Callable[..., Finished]) -> None:
    run = finish({**LR, **RULE}, over=ST3)
    outcome = run.study.scored[run.progress.configuration.id].outcome
    by_rule = {decided.rule: decided.score for decided in outcome.decisions}
    own = run.point["decision.threshold_rule"]
    assert set(by_rule) == {"max_f1", "prevalence_match", "fixed"}
    assert run.heard.asked == [by_rule[str(own)]]
    assert {str(also.point["decision.threshold_rule"]): also.score for also in run.heard.also} == {
        rule: score for rule, score in by_rule.items() if rule != own
    }


def test_end_to_end_the_proposed_votes_are_told_as_proposed(finish: Callable[..., Finished]) -> None:
    run = finish({**LR, **K, **TAU, **RULE}, over=ST3)
    outcome = run.study.scored[run.progress.configuration.id].outcome
    assert run.heard.asked == [outcome.proposed.score]
    assert outcome.proposed.votes.k == run.point["decision.k"]
    assert [also.score for also in run.heard.also] == [decided.score for decided in outcome.decisions]
    assert run.heard.asked[0] not in [also.score for also in run.heard.also]


def test_an_infeasible_configuration_is_told_as_such(folds: StoredFolds, space: Callable[..., LoadedSpace]) -> None:
    sampler = ListeningSampler(space())
    configuration = Configuration(RECIPE, 0, "published", {})
    progress = ConfigurationProgress(
        configuration, (0, 1, 2), state="infeasible", failure=failed(configuration.id, 0, "ValueError")
    )
    assert Study(folds.reader, space(), sampler).on_finished(progress) is None
    assert sampler.heard == Heard(infeasible=[configuration.id])


def test_predictions_that_are_gone_are_no_score(
    folds: StoredFolds, space: Callable[..., LoadedSpace], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sampler = ListeningSampler(space())
    progress = folds.finish(Configuration(RECIPE, 0, "published", {}))
    (tmp_path / "stages" / f"{progress.finished[1].detector_key}.safetensors").write_bytes(b"torn")
    study = Study(folds.reader, space(), sampler)
    with caplog.at_level(logging.WARNING):
        assert study.on_finished(progress) is None
    assert "predictions of folds (1,) are missing or damaged" in caplog.text
    assert sampler.heard.infeasible == [progress.configuration.id]
    assert study.best is None


def test_the_best_has_the_highest_score_and_was_proposed_first(folds: StoredFolds) -> None:
    study = Study(folds.reader)
    assert study.best is None
    for number, lr in enumerate([0.01, 0.02, 0.03]):
        recipe = RECIPE.model_copy(update={"detector": RECIPE.detector.model_copy(update={"lr": lr})})
        study.on_finished(folds.finish(Configuration(recipe, number, "ablation")))
    scores = {s.progress.configuration.number: s.outcome.score for s in study.scored.values()}
    assert study.best is not None
    assert study.best.outcome.score == max(scores.values())

    twin = study.scored[study.best.progress.configuration.id]
    later = Configuration(twin.progress.configuration.recipe, 7, "twin")
    study.scored["twin"] = type(twin)(ConfigurationProgress(later, (0,)), twin.outcome)
    assert study.best.progress.configuration.number < 3

"""Every coded check has a case that fires, one that does not, and one it does not apply to where there is any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from handmade_store import FOLDS, StoreBuilder

from tune_polar.data.corpus import Corpus, Split
from tune_polar.data.fold_plan import FoldPlan
from tune_polar.report.honesty import EXPLANATIONS, correction_sentence, honesty_section
from tune_polar.report.page import build_page
from tune_polar.stats.bbc_cv import BbcCv
from tune_polar.store.correction import corrected_best
from tune_polar.store.flags import Check, checks_of
from tune_polar.store.gold import Gold, gold_of
from tune_polar.store.summary import SearchSummary

NewStore = Callable[..., StoreBuilder]


def check(summary: SearchSummary, code: str) -> Check:
    """The check with this code."""
    return next(found for found in checks_of(summary) if found.code == code)


def with_point(summary: SearchSummary, point: dict[str, object]) -> SearchSummary:
    """The same search whose best configuration was proposed at ``point``."""
    best = summary.best
    assert best is not None
    moved = replace(best, configuration=replace(best.configuration, point=point))
    rows = tuple(moved if row is best else row for row in summary.configurations)
    return replace(summary, configurations=rows)


@pytest.mark.parametrize(
    ("point", "verdict"),
    [
        ({"detector.lr": 0.1}, "fires"),
        ({"detector.lr": 0.0001}, "fires"),
        ({"detector.lr": 0.0032}, "silent"),
        ({"detector.lr": 0.09}, "fires"),  # within 2% of the range on its log scale
        ({"detector.lr": 0.05}, "silent"),
        ({}, "silent"),
    ],
)
def test_tp001_edge_of_range(finished: StoreBuilder, point: dict[str, object], verdict: str) -> None:
    found = check(with_point(finished.summary(), point), "TP001")
    assert found.verdict == verdict
    if verdict == "fires":
        assert "detector.lr" in found.messages[0]
        assert "end of its range 0.0001 to 0.1" in found.messages[0]


def test_tp001_is_silent_where_nothing_lies_beyond_the_edge(finished: StoreBuilder) -> None:
    summary = with_point(finished.summary(), {"detector.fgm_epsilon": 0.0, "detector.xi": 1.0})
    ends = {"detector.fgm_epsilon": {"low": 0.0, "high": 1.0}, "detector.xi": {"low": 0.5, "high": 1.0}}
    assert check(replace(summary, facts=replace(summary.facts, parameters=ends)), "TP001").verdict == "silent"
    above = with_point(summary, {"detector.xi": 0.99})
    gamma = with_point(summary, {"classifier.gamma_negative.a": 0.0, "classifier.encoder_dropout": 0.0})
    ends = {
        "classifier.gamma_negative": {"element": {"low": 0.0, "high": 6.0}},
        "classifier.encoder_dropout": {"low": 0.0, "high": 0.3},
    }
    assert check(replace(gamma, facts=replace(gamma.facts, parameters=ends)), "TP001").verdict == "silent"
    ends = {"detector.xi": {"low": 0.5, "high": 0.99}}
    assert check(replace(above, facts=replace(above.facts, parameters=ends)), "TP001").verdict == "fires"


def test_tp002_gain_below_noise(new_store: NewStore) -> None:
    builder = new_store()
    builder.finish(builder.configuration("published"), 0.4)
    assert check(builder.summary(), "TP002").verdict == "not applicable", "the published one is the best"
    for place in range(1, 5):  # as good as the published one but for chance, which puts one of them first
        builder.finish(builder.configuration(lr=0.01 * place), 0.4)
    summary = builder.summary()
    assert summary.best is not summary.published
    assert check(summary, "TP002").verdict == "fires"
    builder.finish(builder.configuration(lr=0.09), 1.0)
    assert check(builder.summary(), "TP002").verdict == "silent"


def test_tp003_degenerate_threshold(new_store: NewStore) -> None:
    sound = new_store()
    sound.finish(sound.configuration("published"), 0.95)
    assert check(sound.summary(), "TP003").verdict == "silent"


def test_tp003_fires_where_predictions_say_nothing(new_store: NewStore) -> None:
    noise = new_store()
    fixed = noise.recipe.decision.model_copy(update={"threshold_rule": "fixed"})
    noise.recipe = noise.recipe.model_copy(update={"decision": fixed})
    noise.finish(noise.configuration("published"), 0.0)
    found = check(noise.summary(), "TP003")
    assert found.verdict == "fires"
    assert any("stereotype" in message for message in found.messages)


def test_tp003_does_not_apply_to_a_detector(new_store: NewStore) -> None:
    detector = new_store(labels=())
    detector.finish(detector.configuration("published"), 0.9)
    assert check(detector.summary(), "TP003").verdict == "not applicable"


def test_tp004_missing_folds(finished: StoreBuilder) -> None:
    assert check(finished.summary(), "TP004").verdict == "silent"
    open_one = finished.configuration(lr=0.03)
    finished.finish(open_one, 0.3, folds=[0])
    failed = finished.configuration(lr=0.04)
    finished.fail(failed, "the loss must stay finite", kind="TrainingDivergedError")
    found = check(finished.summary(), "TP004")
    assert found.verdict == "fires"
    assert f"{open_one.id} has 1 of {FOLDS} folds" in found.messages[0]
    assert "TrainingDivergedError: the loss must stay finite" in found.messages[1]


def test_tp004_says_once_that_a_search_was_stopped(finished: StoreBuilder) -> None:
    for number in range(5):
        finished.finish(finished.configuration(lr=0.03 + number / 100), 0.3, folds=[0])
    failed = finished.configuration(lr=0.2)
    finished.fail(failed, "the loss must stay finite", kind="TrainingDivergedError")
    first, second = check(finished.summary(), "TP004").messages
    assert first.startswith(f"5 configurations lack some of their {FOLDS} folds and none has failed")
    assert f"{failed.id} has 0 of {FOLDS} folds" in second


def test_tp005_repeated_texts(finished: StoreBuilder) -> None:
    summary = finished.summary()
    assert check(summary, "TP005").verdict == "silent"
    repeated = replace(
        summary.gold, repeated_in_dev=(("d1", "t1"),), repeated_in_folds=tuple(("a", "b") for _ in range(5))
    )
    found = check(replace(summary, gold=repeated), "TP005")
    assert found.verdict == "fires"
    assert found.messages == (
        "5 texts stand in two folds: a = b, a = b, a = b and 2 more",
        "1 text stands in dev and train: d1 = t1",
    )


def test_repeated_texts_are_found_as_a_reader_would_and_only_across_folds() -> None:
    def split(name: str, texts: tuple[str, ...]) -> Split:
        ids = tuple(f"{name}{row}" for row in range(len(texts)))
        return Split(name, ids, texts, {"polarization": np.arange(len(texts)) % 2})

    train = split("t", ("one", "ＯＮＥ ", "two", "two", "three", "four"))
    plan = FoldPlan("shared", 2, 0, np.array([0, 1, 0, 0, 1, 1]))
    corpus = Corpus("c", {"train": train, "dev": split("d", ("THREE", "five"))})
    gold = gold_of(corpus, plan, plan)
    assert gold.repeated_in_folds == (("t0", "t1"),), "two and two are in one fold"
    assert gold.repeated_in_dev == (("d0", "t4"),)
    again = Gold.from_parts(*gold.to_parts())
    assert (again.repeated_in_folds, again.repeated_in_dev) == (gold.repeated_in_folds, gold.repeated_in_dev)


def test_tp006_few_configurations(finished: StoreBuilder) -> None:
    found = check(finished.summary(), "TP006")
    assert found.verdict == "fires"
    assert "3 are finished, 20 are needed" in found.messages[0]
    summary = finished.summary()
    many = replace(summary, configurations=summary.configurations * 7)
    assert check(many, "TP006").verdict == "silent"
    ablation = replace(summary, facts=replace(summary.facts, parameters={}))
    assert check(ablation, "TP006").verdict == "not applicable"
    assert check(ablation, "TP001").verdict == "not applicable"


def test_nothing_finished_makes_checks_not_applicable_and_none_fails(new_store: NewStore) -> None:
    verdicts = {found.code: found.verdict for found in checks_of(new_store().summary())}
    assert verdicts == {
        "TP001": "not applicable",
        "TP002": "not applicable",
        "TP003": "not applicable",
        "TP004": "not applicable",
        "TP005": "silent",
        "TP006": "fires",
    }


@pytest.mark.parametrize("labels", [("stereotype", "vilification"), ()])
def test_the_correction_lies_below_the_best_of_equals(tmp_path: Path, labels: tuple[str, ...]) -> None:
    builder = StoreBuilder(tmp_path / "equals", labels=labels)
    for number in range(12):
        builder.finish(builder.configuration("sampled" if number else "published", lr=0.001 * (number + 1)), 0.5)
    corrected = corrected_best(builder.summary())
    assert isinstance(corrected, BbcCv)
    assert corrected.entered == 12
    assert corrected.corrected < corrected.raw_best
    assert corrected.corrected in corrected.interval
    summary = builder.summary()
    assert summary.best is not None
    assert summary.best.outcome is not None
    assert corrected.raw_best == pytest.approx(summary.best.outcome.score, abs=1e-12)


def test_the_correction_says_why_there_is_none(new_store: NewStore) -> None:
    builder = new_store()
    builder.finish(builder.configuration("published"), 0.5)
    builder.finish(builder.configuration(lr=0.01), 0.5, folds=[0, 1])
    reason = corrected_best(builder.summary())
    assert isinstance(reason, str)
    assert "needs two configurations" in correction_sentence(reason)


def test_every_check_is_explained_in_plain_words(finished: StoreBuilder) -> None:
    codes = {found.code for found in checks_of(finished.summary())}
    assert set(EXPLANATIONS) == codes
    page = build_page(finished.summary())
    assert all(text in page for text in EXPLANATIONS.values())


def test_page_shows_correction_and_every_check(finished: StoreBuilder) -> None:
    summary = finished.summary()
    page = build_page(summary)
    assert honesty_section(summary).correction in page
    for code in ("TP001", "TP002", "TP003", "TP004", "TP005", "TP006"):
        assert code in page

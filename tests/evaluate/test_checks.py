"""Every coded check has a case that fires, one that does not, and one it does not apply to where there is any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.store.made_recipes import one_vote, recipe_of, regression, three_classes, two_stages
from tests.store.made_store import MadeStore, finished_store, made_store
from tune_polar.evaluate.coded_checks import Check, checks_of
from tune_polar.evaluate.expected_score import ahead_of
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.recipe.cells import Cell
from tune_polar.store.near_texts import NearRows

CODES = tuple(f"TP{number:03d}" for number in range(1, 12))
FLOAT = {"type": "float", "low": 1e-4, "high": 0.1, "log": True}


def check(summary: SearchSummary, code: str) -> Check:
    return next(found for found in checks_of(summary) if found.code == code)


def found_at(folder, point: Mapping[str, Any], space: Mapping[str, Any], recipe=None) -> Check:
    """TP001 of a search whose best configuration was proposed at ``point``."""
    made = made_store(folder, recipe or two_stages(), space=space)
    made.finish(made.configuration(point, origin="sampled"), 0.8)
    return check(made.summary(), "TP001")


@pytest.fixture
def finished(tmp_path) -> MadeStore:
    return finished_store(tmp_path / "finished", two_stages())


@pytest.mark.parametrize(
    ("lr", "verdict"),
    [(0.1, "fires"), (0.0001, "fires"), (0.0032, "silent"), (0.09, "fires"), (0.05, "silent")],
)
def test_tp001_edge_of_range(tmp_path, lr, verdict):
    found = found_at(tmp_path / "s", {"finder.optimizer.lr": lr}, {"finder.optimizer.lr": FLOAT})
    assert found.verdict == verdict
    if verdict == "fires":
        end, ends = ("upper", "low: 0.0001, high: 1.0") if lr > 0.01 else ("lower", "low: 1.0e-05, high: 0.1")
        assert found.messages == (
            f"finder.optimizer.lr = {lr:g} lies at the {end} end of its range 0.0001 to 0.1; widen it in the search "
            f"space: `finder.optimizer.lr: {{type: float, {ends}, log: true}}`",
        )


@pytest.mark.parametrize(
    ("key", "value", "about", "verdict"),
    [
        ("finder.optimizer.fgm_epsilon", 0.0, {"type": "float", "low": 0.0, "high": 1.0}, "silent"),
        ("finder.optimizer.fgm_epsilon", 1.0, {"type": "float", "low": 0.0, "high": 1.0}, "fires"),
        ("finder.optimizer.xi", 1.0, {"type": "float", "low": 0.5, "high": 1.0}, "silent"),
        ("finder.optimizer.xi", 0.99, {"type": "float", "low": 0.5, "high": 0.99}, "fires"),
        ("sorter.encoder_dropout", 0.0, {"type": "float", "low": 0.0, "high": 0.3}, "silent"),
        ("finder.head.size", 8, {"type": "int", "low": 8, "high": 64}, "fires"),
        ("finder.optimizer.schedule", "linear", {"type": "categorical", "choices": ["linear", "cosine"]}, "silent"),
        ("decide.vote.k", 1, {"type": "int", "low": 1, "high": 7}, "silent"),
        ("decide.vote.tau", 0.2, {"type": "float", "low": 0.2, "high": 0.8}, "silent"),
    ],
)
def test_tp001_is_silent_where_nothing_lies_beyond_and_of_what_costs_no_training(tmp_path, key, value, about, verdict):
    assert found_at(tmp_path / "s", {key: value}, {key: about}).verdict == verdict


@pytest.mark.parametrize(("value", "verdict"), [(0.0, "silent"), (6.0, "fires"), (3.0, "silent")])
def test_tp001_looks_at_each_column_of_a_vector(tmp_path, value, verdict):
    key = "sorter.losses.asymmetric.gamma_negative"
    recipe = two_stages(sorter__losses={"asymmetric": {"gamma_negative": {"x": 3, "y/z": 3}}})
    space = {key: {"type": "vector", "element": {"type": "float", "low": 0.0, "high": 6.0}}}
    found = found_at(tmp_path / "s", {f"{key}.x": 3.0, f"{key}.y/z": value}, space, recipe)
    assert found.verdict == verdict
    if verdict == "fires":
        assert found.messages[0].startswith(f"{key}.y/z = 6 lies at the upper end of its range 0 to 6")


def test_tp002_gain_below_noise(tmp_path):
    made = made_store(tmp_path / "s", two_stages(), seed=9)
    made.finish(made.configuration("published"), 0.4)
    found = check(made.summary(), "TP002")
    assert (found.verdict, found.messages) == ("not applicable", ("the published configuration has the highest score",))
    for place in range(1, 5):  # as good as the published one but for chance, which puts one of them first
        made.finish(made.configuration({"sorter.optimizer.lr": 0.002 * place}), 0.4)
    summary = made.summary()
    assert summary.best is not summary.reference
    found = check(summary, "TP002")
    assert found.verdict == "fires"
    assert found.messages[0].startswith(
        "the best configuration and the published configuration cannot be told apart with these folds: difference "
    )
    assert " points, 95% interval " in found.messages[0]
    made.finish(made.configuration({"sorter.optimizer.lr": 0.09}), 1.0)
    assert check(made.summary(), "TP002").verdict == "silent"


@pytest.mark.parametrize("metric", ["pearson", "mae"])
def test_tp002_in_the_metrics_own_unit_and_direction(tmp_path, metric):
    made = made_store(tmp_path / "s", regression(score={"of": "model", "metric": metric}, seeds=(42, 7)))
    made.finish(made.configuration("as given"), 0.3)
    for place in range(1, 4):
        made.finish(made.configuration({"model.optimizer.lr": 0.002 * place}), 0.3)
    found = check(made.summary(), "TP002")
    if found.verdict == "fires":
        assert "the recipe as given cannot be told apart with these cells (fold and seed)" in found.messages[0]
        assert ("r, 95% interval" in found.messages[0]) == (metric == "pearson")
    made.finish(made.configuration({"model.optimizer.lr": 0.09}), 0.9)
    summary = made.summary()
    assert summary.best.configuration.point == {"model.optimizer.lr": 0.09}
    assert check(summary, "TP002").verdict == "silent"


def test_tp002_takes_off_the_luck_of_having_been_chosen(tmp_path):
    """Nine equal configurations, and an interval without zero: three seeds of one split vary little."""
    made = made_store(tmp_path / "s", three_classes(folds={"plan": "holdout"}, seeds=(42, 7, 9)), seed=7)
    made.finish(made.configuration("published"), 0.4)
    for place in range(1, 9):
        made.finish(made.configuration({"model.optimizer.lr": 0.001 * place}), 0.4)
    found = check(made.summary(), "TP002")
    assert found.verdict == "fires"
    assert "owed to having been chosen as the best, 95% interval +" in found.messages[0]


def test_tp002_needs_two_cells(tmp_path):
    made = made_store(tmp_path / "s", three_classes(folds={"plan": "holdout"}))
    made.finish(made.configuration("published"), 0.3)
    made.finish(made.configuration({"model.optimizer.lr": 0.01}), 0.9)
    found = check(made.summary(), "TP002")
    assert (found.verdict, found.messages) == ("not applicable", ("one cell alone says nothing of noise",))


def test_tp008_is_of_the_rows_that_the_score_is_foretold_of(tmp_path):
    """Not of those of an evaluation set, of which nothing is foretold."""
    recipe = two_stages(data={"labels": ["hurt", "x", "y/z"], "evaluate": {"later": {"path": "later.csv"}}})
    made = finished_store(tmp_path / "s", recipe, dev=20)
    summary = made.summary()
    ahead = ahead_of(summary)
    assert ahead.new_rows.rows == 20
    assert "on the next 20 rows like these" in check(summary, "TP008").messages[0]
    assert "on the next 77 rows like these" in check(replace(summary, next_rows=77), "TP008").messages[0]


def test_tp006_agrees_with_its_number(tmp_path):
    for skills, said in (((0.5,), "1 is finished"), ((0.5, 0.6), "2 are finished")):
        made = finished_store(tmp_path / str(len(skills)), two_stages(), skills)
        assert check(made.summary(), "TP006").messages[0].startswith(said)


def test_tp003_degenerate_threshold(tmp_path):
    made = made_store(tmp_path / "s", two_stages(), rows=240)
    made.finish(made.configuration(), 0.9)
    assert check(made.summary(), "TP003").verdict == "silent"


def test_tp003_fires_where_no_threshold_is_reached(tmp_path):
    made = made_store(tmp_path / "s", two_stages(decide__kinds__rule="fixed"))
    configuration = made.configuration()
    for cell in made.cells:
        made.store.put_stage(made.stage(configuration, "finder", cell))
        record = made.stage(configuration, "sorter", cell)
        low = record.table("validation") * np.float32(0.45)
        made.store.put_stage(replace(record, arrays={**record.arrays, "validation/probability": low}))
        made.store.put_fold(made.record(configuration, cell))
    found = check(made.summary(), "TP003")
    assert found.verdict == "fires"
    assert any("x is hardly ever called" in message for message in found.messages)
    assert any("y/z" in message for message in found.messages)


def test_tp003_looks_at_every_threshold_and_at_each_groups(tmp_path):
    values = {
        "recipe": "languages",
        "data": {"labels": ["hurt"], "groups": ["language"]},
        "folds": {"count": 3},
        "stages": {"model": {"task": {"type": "binary", "target": "hurt"}, "predicts": "probability"}},
        "decide": {
            "each": {"type": "threshold", "of": "model", "rule": "fixed", "per": "language"},
            "all": {"type": "threshold", "of": "model", "rule": "fixed"},
        },
        "score": {"of": "each"},
    }
    made = made_store(tmp_path / "s", recipe_of(values), rows=540)
    configuration = made.configuration()
    german = made.gold.train.where({"language": "deu"})
    for cell in made.cells:
        record = made.stage(configuration, "model", cell, 0.9)
        table = record.table("validation").copy()
        table[german[record.rows("validation")]] *= np.float32(0.45)
        made.store.put_stage(replace(record, arrays={**record.arrays, "validation/probability": table}))
        made.store.put_fold(made.record(configuration, cell))
    found = check(made.summary(), "TP003")
    assert found.verdict == "fires"
    assert any(
        message.startswith("each by itself: deu: hurt is hardly ever called: of 0 calls on 180 rows")
        for message in found.messages
    )
    assert not any(message.startswith("each by itself: eng: hurt is hardly") for message in found.messages)
    assert any(message.startswith("all by itself: hurt gives up") for message in found.messages)


def test_tp003_reads_thresholds_on_a_mean(tmp_path):
    model = {"task": {"type": "binary", "target": "hurt"}, "predicts": "probability"}
    values = {
        "recipe": "two",
        "data": {"labels": ["hurt"]},
        "folds": {"count": 3},
        "stages": {"small": model, "large": model},
        "decide": {
            "mean": {"type": "mean", "of": ["small", "large"]},
            "label": {"type": "threshold", "of": "mean", "rule": "max_macro_f1"},
        },
        "score": {"of": "label"},
    }
    made = finished_store(tmp_path / "s", recipe_of(values), (0.9, 0.8))
    assert check(made.summary(), "TP003").verdict == "silent"


@pytest.mark.parametrize("make", [one_vote, three_classes, regression])
def test_tp003_does_not_apply_without_thresholds(tmp_path, make):
    found = check(finished_store(tmp_path / "s", make()).summary(), "TP003")
    assert (found.verdict, found.messages) == ("not applicable", ("no decision has thresholds",))


def test_tp003_does_not_apply_where_predictions_were_not_read(finished):
    finished.summary()
    found = check(finished.summary("scores"), "TP003")
    assert found.verdict == "not applicable"


def test_tp004_missing_cells(finished):
    assert check(finished.summary(), "TP004").verdict == "silent"
    open_one = finished.configuration({"sorter.optimizer.lr": 0.03})
    finished.finish(open_one, 0.3, cells=finished.cells[:1])
    failed = finished.configuration({"sorter.optimizer.lr": 0.04})
    finished.fail(failed, "the loss must stay finite", kind="TrainingDivergedError")
    found = check(finished.summary(), "TP004")
    assert found.verdict == "fires"
    assert found.messages == (
        f"configuration {open_one.id} has 1 of 3 folds",
        f"configuration {failed.id} has 0 of 3 folds: TrainingDivergedError: the loss must stay finite",
    )


@pytest.mark.parametrize(
    ("folds", "seeds", "words"),
    [
        ({"count": 3}, (1, 2), "1 of 6 cells (fold and seed)"),
        ({"plan": "holdout"}, (1, 2, 3), "1 of 3 seeds"),
        ({"count": 3}, (1,), "1 of 3 folds"),
    ],
)
def test_tp004_counts_in_the_words_of_the_cells(tmp_path, folds, seeds, words):
    made = made_store(tmp_path / "s", three_classes(folds=folds, seeds=seeds))
    configuration = made.configuration()
    made.finish(configuration, cells=made.cells[:1])
    assert check(made.summary(), "TP004").messages == (f"configuration {configuration.id} has {words}",)


def test_tp004_says_once_that_a_search_was_stopped(finished):
    for number in range(5):
        open_one = finished.configuration({"sorter.optimizer.lr": 0.03 + number / 100})
        finished.finish(open_one, 0.3, cells=[Cell(0, 42)])
    failed = finished.configuration({"sorter.optimizer.lr": 0.02})
    finished.fail(failed, "the loss must stay finite", kind="TrainingDivergedError")
    first, second = check(finished.summary(), "TP004").messages
    assert first.startswith("5 configurations lack some of their 3 folds and none has failed")
    assert f"{failed.id} has 0 of 3 folds" in second


def test_tp005_repeated_texts(finished):
    summary = finished.summary()
    assert check(summary, "TP005").verdict == "silent"
    pairs = {
        "train": np.array([[0, 1]] * 5),
        "dev": np.array([[3, 7]]),
        "sbic": np.array([[0, 2], [1, 2]]),
    }
    splits = {**summary.gold.splits, "sbic": replace(summary.gold.splits["dev"], ids=("s0", "s1"), columns={})}
    found = check(replace(summary, gold=replace(summary.gold, splits=splits, repeated=pairs)), "TP005")
    assert found.verdict == "fires"
    assert found.messages == (
        "5 texts stand in two folds: train0 = train1, train0 = train1, train0 = train1 and 2 more",
        "1 text stands in dev and train: dev3 = train7",
        "2 texts stand in sbic and train: s0 = train2, s1 = train2",
    )


def test_tp006_few_configurations(finished, tmp_path):
    summary = finished.summary()
    found = check(summary, "TP006")
    assert found.verdict == "fires"
    assert "3 are finished or stopped early, 10 are needed" in found.messages[0]
    many = replace(summary, configurations=summary.configurations * 7)
    assert check(many, "TP006").verdict == "silent"
    ablation = finished_store(tmp_path / "ablation", two_stages(), space={}).summary()
    assert check(ablation, "TP006").verdict == "not applicable"
    assert check(ablation, "TP001").verdict == "not applicable"


def test_nothing_finished_makes_checks_not_applicable_and_none_fails(tmp_path):
    verdicts = {found.code: found.verdict for found in checks_of(made_store(tmp_path / "s", two_stages()).summary())}
    assert verdicts == {
        "TP001": "not applicable",
        "TP002": "not applicable",
        "TP003": "not applicable",
        "TP004": "not applicable",
        "TP005": "silent",
        "TP006": "fires",
        "TP007": "not applicable",
        "TP008": "not applicable",
        "TP009": "silent",
        "TP010": "not applicable",
        "TP011": "not applicable",
    }


@pytest.mark.parametrize("make", [two_stages, one_vote, three_classes, regression])
@pytest.mark.parametrize("seeds", [(42,), (1, 2)])
def test_all_checks_are_made_of_every_shape(tmp_path, make, seeds):
    summary = finished_store(tmp_path / "s", make(seeds=seeds)).summary()
    assert tuple(found.code for found in checks_of(summary)) == CODES


def test_tp007_foretells_nothing_of_another_data_set(tmp_path):
    summary = finished_store(tmp_path / "s", regression()).summary()
    ahead = ahead_of(summary)
    assert not isinstance(ahead, str)
    assert summary.best is not None
    assert summary.best.outcome is not None
    scored = set(summary.best.outcome.judged.scored.splits)
    assert "later" in scored
    assert {split.name for split in ahead.splits} == scored - {"later"}


def test_tp009_near_twins_across_folds_and_splits(tmp_path):
    summary = finished_store(tmp_path / "s", two_stages()).summary()
    pairs = {"train": np.array([[7, 2]]), "dev": np.array([[row, row + 1] for row in range(5)])}

    def near(rows):
        return check(replace(summary, gold=replace(summary.gold, near=rows)), "TP009")

    ids, dev = summary.gold.train.ids, summary.gold.splits["dev"]
    fires = near(NearRows(pairs))
    assert fires.verdict == "fires"
    assert fires.messages[0] == f"1 text has a near twin in another fold: {ids[7]} ≈ {ids[2]}"
    assert fires.messages[1].startswith(
        f"5 texts have a near twin in train, of {len(dev)} of dev: {dev.ids[0]} ≈ {ids[1]}"
    )
    assert fires.messages[1].endswith(" and 2 more")
    assert near(NearRows(pairs, is_complete=False)).messages[0].startswith("at least 1 text has")
    assert near(NearRows(is_complete=False)).verdict == "not applicable"
    assert near(NearRows()).verdict == "silent"


@pytest.mark.parametrize(("rows", "verdict"), [(120, "fires"), (300, "silent")])
def test_tp008_rare_labels(tmp_path, rows, verdict):
    made = made_store(tmp_path / "s", two_stages(), rows=rows)
    made.finish(made.configuration(), 0.9)
    summary = made.summary()
    found = check(summary, "TP008")
    assert found.verdict == verdict
    positives = {name: int(summary.gold.train.columns[name].values.sum()) for name in ("x", "y/z")}
    assert [message.partition(" positive rows, ")[0] for message in found.messages] == [
        f"{name} has {count}" for name, count in positives.items() if count < 30
    ]
    assert check(made.summary("scores"), "TP008").verdict == "not applicable"


@pytest.mark.parametrize(("make", "verdict"), [(regression, "not applicable"), (three_classes, "silent")])
def test_tp008_of_classes_and_numbers(tmp_path, make, verdict):
    assert check(finished_store(tmp_path / "s", make()).summary(), "TP008").verdict == verdict

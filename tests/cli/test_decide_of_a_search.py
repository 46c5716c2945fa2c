"""`decide` on what a search exports agrees with the search, to the last digit, or export says what differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tune_polar
from tests.report.shapes import languages_held_out
from tests.store.made_recipes import recipe_of, three_classes, two_stages
from tests.store.made_store import finished_store
from tune_polar.evaluate.correction import choice_of
from tune_polar.evaluate.expected_score import ahead_of
from tune_polar.recipe.recipe import Recipe
from tune_polar.stats.prediction_ensembles import ALONE, HONEST_ALONE

YES_NO = {
    "recipe": "yes",
    "data": {"labels": ["hurt"]},
    "folds": {"count": 3},
    "stages": {"model": {"task": {"type": "binary", "target": "hurt"}, "predicts": "probability"}},
    "decide": {"label": {"type": "threshold", "of": "model", "rule": "max_macro_f1"}},
    "score": {"of": "label"},
}
SEVERAL = {
    "recipe": "several",
    "data": {"labels": ["x", "y/z"]},
    "folds": {"count": 3},
    "stages": {"model": {"task": {"type": "multilabel", "targets": ["x", "y/z"]}}},
    "decide": {"label": {"type": "threshold", "of": "model", "rule": "max_f1"}},
    "score": {"of": "label"},
}


@pytest.mark.parametrize(
    ("recipe", "decision", "stage", "rule", "says"),
    [
        (recipe_of(YES_NO), "label", "model", "max_macro_f1", "decides and scores as label does"),
        (recipe_of(SEVERAL), "label", "model", "max_f1", "decides and scores as label does"),
        (
            two_stages(),
            "kinds",
            "sorter",
            "max_f1",
            "decides as kinds does, on rows with gold hurt = 1; the search scores system",
        ),
    ],
    ids=["one label", "labels", "gated"],
)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_scores_are_the_searchs_own(
    run: Callable[..., Any],
    tmp_path: Path,
    recipe: Recipe,
    decision: str,
    stage: str,
    rule: str,
    says: str,
    form: str,
) -> None:
    summary = finished_store(tmp_path / "store", recipe).summary()
    said = run("export", "store", f"--{form}", "tables").out
    assert f"tables/predictions-{stage}.{form}: decide on it {says}\n" in said
    words = ("decide", f"tables/predictions-{stage}.{form}", "--rule", rule, "--rounds", "100", "--json")
    report = json.loads(run(*words).out)["reports"][0]
    found = {each["configuration"]: each for each in report["scores"]}
    for row in summary.configurations:
        assert row.outcome is not None
        judgement = row.outcome.decisions[decision]
        own = found[f"configuration={row.configuration.id}"]
        told = {(each["chosen"], each["scored_on"]): each["macro_f1"] for each in own["scored"]}
        assert own["cross_fitted"] == judgement.cross_fitted.score
        assert own["fold_scores"] == list(judgement.cross_fitted.cell_scores)
        for rung in ("inside_folds", "fold_tuned"):
            assert told[rung, "oof"] == judgement.ladder[rung].score
        for rung in ("oracle", "fold_tuned"):
            assert told[rung, "dev"] == judgement.splits["dev"][rung].score


def test_classes_are_decided_as_the_search_decides_them(run: Callable[..., Any], tmp_path: Path) -> None:
    summary = finished_store(tmp_path / "store", three_classes()).summary()
    said = run("export", "store", "--csv", "tables").out
    assert "tables/predictions-model.csv: decide on it decides and scores as model does\n" in said
    report = json.loads(run("decide", "tables/predictions-model.csv", "--rounds", "100", "--json").out)["reports"][0]
    found = {each["configuration"]: each for each in report["scores"]}
    for row in summary.configurations:
        assert row.outcome is not None
        own, judgement = found[f"configuration={row.configuration.id}"], row.outcome.judged.scored
        assert own["cross_fitted"] == judgement.cross_fitted.score
        assert own["fold_scores"] == list(judgement.cross_fitted.cell_scores)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_groups_of_the_search_are_compared(run: Callable[..., Any], tmp_path: Path, form: str) -> None:
    summary = finished_store(tmp_path / "store", two_stages()).summary()
    run("export", "store", f"--{form}", "tables")
    words = ("decide", f"tables/predictions-sorter.{form}", "--rule", "max_f1", "--rounds", "100", "--json")
    asked = ((), ("--group", "language"), ("--group", "group/language"))
    plain, told, as_written = (json.loads(run(*words, *more).out) for more in asked)
    assert as_written["groups"]["rules"] == told["groups"]["rules"]
    language = summary.gold.train.columns["language"]
    assert {each["group"] for each in told["groups"]["rules"][0]["groups"]} == set(language.names)
    for report in (plain["reports"][0], told["reports"][0]):  # groups tell no configurations apart
        assert [each["configuration"] for each in report["scores"]] == [
            f"configuration={row.configuration.id}" for row in summary.configurations
        ]
    assert plain["reports"] == told["reports"]
    table = tune_polar.open(tmp_path / "store").predictions()
    held_out = table[table["split"] == "oof"].set_index("id")["group/language"]
    assert held_out.to_dict() == dict(zip(summary.gold.train.ids, language.words(), strict=True))


def test_numbers_of_rows_held_out_in_several_folds_are_judged_as_the_search_judges_them(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    summary = languages_held_out(tmp_path / "store").summary()
    run("export", "store", "--csv", "tables")
    said = json.loads(run("decide", "tables/predictions-model.csv", "--rounds", "1000", "--json").out)["reports"][0]
    found = {each["configuration"]: each for each in said["scores"]}
    for row in summary.configurations:
        assert row.outcome is not None
        judgement = row.outcome.judged.scored
        assert judgement.rows.repeats, "a share of the languages seen is held out beside each language"
        own = found[f"configuration={row.configuration.id}"]
        assert own["cross_fitted"] == judgement.cross_fitted.score
        assert own["fold_scores"] == list(judgement.cross_fitted.cell_scores)
    choice, ahead, selected = choice_of(summary), ahead_of(summary), said["selected"]
    assert not isinstance(choice, str)
    assert not isinstance(ahead, str)
    best = choice.corrected
    assert selected["corrected"]["estimate"] == pytest.approx(best.corrected, abs=0.2 * best.standard_error)
    assert selected["ahead"]["rows"] == ahead.new_rows.rows
    for kind, interval in (("expectation", ahead.new_rows.expected(0.9)), ("prediction", ahead.new_rows.interval(0.9))):
        (own_interval,) = [each for each in selected["ahead"][kind] if each["level"] == 0.9]
        width = interval.high - interval.low
        assert own_interval["high"] - own_interval["low"] == pytest.approx(width, rel=0.15)


def test_what_decide_does_not_do_is_said(run: Callable[..., Any], tmp_path: Path) -> None:
    finished_store(tmp_path / "store", two_stages())
    said = run("export", "store", "--csv", "tables").out
    assert (
        "predictions-finder.csv: decide on it does not decide as vote (knn_vote) does; the search scores system" in said
    )
    assert "\ntables/folds.csv\n" in said


def test_one_honest_configuration_is_not_called_the_only_one(run: Callable[..., Any], tmp_path: Path) -> None:
    made = finished_store(tmp_path / "store", two_stages(), (0.9,))
    made.finish(made.configuration({"sorter.start.fold": "best"}), 0.2)
    run("export", "store", "--csv", "tables")
    said = run("decide", "tables/predictions-sorter.csv", "--rule", "max_f1", "--rounds", "100").out
    assert HONEST_ALONE in " ".join(said.split())
    assert ALONE not in " ".join(said.split())


@pytest.mark.parametrize("skill", [0.95, 0.2])
def test_scores_on_texts_that_a_start_has_seen_are_told(run: Callable[..., Any], tmp_path: Path, skill: float) -> None:
    """The export says of which configurations they are, and `decide` foretells nothing of such a one."""
    made = finished_store(tmp_path / "store", two_stages(), (0.5, 0.6))
    seen = made.configuration({"sorter.start.fold": "best"})
    made.finish(seen, skill)
    run("export", "store", "--csv", "tables")
    words = ("decide", "tables/predictions-sorter.csv", "--rule", "max_f1", "--rounds", "100")
    report = json.loads(run(*words, "--json").out)["reports"][0]
    name = f"configuration={seen.id} start_has_seen=yes"
    assert {each["configuration"].partition("start_has_seen=")[2] for each in report["scores"]} == {"yes", "no"}
    assert f"{name} scores too high out of fold: its start was trained on out-of-fold rows (TP010)" in report["notes"]
    said = run(*words).out
    if skill > 0.9:
        assert report["selected"]["configuration"] == name
        assert "No score of the pick or of an ensemble is honest here" in said
        assert "not applicable, its start was trained on out-of-fold rows (TP010)" in said
        assert "it will score" not in said
    else:
        assert report["selected"]["corrected"]["candidates"] == 2
        assert "it will score" in said
        assert "from 2 configurations on the same folds)" in said, "scores that are too high say nothing of honest runs"
        assert "Choosing it among the 2 of them without TP010 was worth" in said
    assert "start_has_seen" not in (tmp_path / "tables" / "predictions-finder.csv").read_text()

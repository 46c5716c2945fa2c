"""What the page says, section by section, of stores filled by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from statistics import fmean, stdev

import numpy as np
import pytest
import yaml
from handmade_store import FOLDS, PROVENANCE, StoreBuilder

from tune_polar.decide.votes import VoteRule
from tune_polar.errors import StoreError
from tune_polar.report.comparison import fold_difference, winner_sentences
from tune_polar.report.context import page_context
from tune_polar.report.numbers import with_error
from tune_polar.report.settings import differences, flat, searched_range
from tune_polar.report.winner import winner_recipe, winner_yaml
from tune_polar.spec.recipe import Recipe
from tune_polar.store.outcome import Decided

NewStore = Callable[..., StoreBuilder]


def decided(*fold_scores: float) -> Decided:
    nothing = np.zeros((0, 1), dtype=np.bool_)
    votes = VoteRule(5, Fraction(2, 5))
    return Decided("max_f1", votes, True, fmean(fold_scores), fold_scores, {}, nothing, nothing)


# -- summary ---------------------------------------------------------------------------------------------------


def test_the_winner_stands_beside_the_published_configuration(finished: StoreBuilder) -> None:
    summary = finished.summary()
    winner = page_context(summary).overview.winner
    assert winner is not None
    assert summary.best is not None
    assert summary.best.outcome is not None
    best = summary.best.outcome.best
    assert [tile.title for tile in winner.tiles] == ["Winner: no. 1", "Published", "Difference, fold by fold"]
    assert winner.tiles[0].value == with_error(best.score, stdev(best.fold_scores))
    assert [row.what.split()[0] for row in winner.parts] == ["The", "The", "Labels", "Detector"]
    assert all(row.winner and row.published for row in winner.parts)


def test_settings_that_differ_are_shown_with_the_range_searched(finished: StoreBuilder) -> None:
    winner = page_context(finished.summary()).overview.winner
    assert winner is not None
    shown = {row.key: (row.published, row.winner, row.searched) for row in winner.differences}
    assert shown.pop("detector.lr") == ("0.002", "0.01", "0.0001 to 0.1, log scale")
    assert set(shown) <= {"decision.k", "decision.tau", "decision.threshold_rule"}


def test_the_yaml_is_the_winner_as_a_recipe(finished: StoreBuilder) -> None:
    summary = finished.summary()
    text = winner_yaml(summary)
    assert text is not None
    assert summary.best is not None
    recipe = Recipe.model_validate(yaml.safe_load(text))
    assert recipe == winner_recipe(summary.best)
    assert recipe.decision.k == summary.best.outcome.best.votes.k  # type: ignore[union-attr]
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert [line.split(":")[0].strip("# ") for line in comments[-2:]] == list(finished.labels)


def test_line_breaks_in_labels_do_not_end_a_comment_of_the_yaml(new_store: NewStore) -> None:
    builder = new_store(labels=("a\nseed: 7", "b\u2028c"))
    builder.finish(builder.configuration("published"), 0.4)
    text = winner_yaml(builder.summary())
    assert text is not None
    assert yaml.safe_load(text)["seed"] == 42


def test_published_as_winner_names_the_next_best(new_store: NewStore) -> None:
    builder = new_store()
    builder.finish(builder.configuration("published"), 0.8)
    builder.finish(builder.configuration(lr=0.01), 0.2)
    winner = page_context(builder.summary()).overview.winner
    assert winner is not None
    assert [tile.title for tile in winner.tiles] == ["Winner: published", "Next: no. 1"]
    assert winner.sentences == (
        "The one other configuration that finished did not score higher than the published one.",
    )
    assert not winner.has_published


def test_a_lone_published_configuration_has_nothing_to_be_compared_with(new_store: NewStore) -> None:
    builder = new_store()
    builder.finish(builder.configuration("published"), 0.8)
    winner = page_context(builder.summary()).overview.winner
    assert winner is not None
    assert "nothing to compare it with yet" in winner.sentences[0]


@pytest.mark.parametrize(("published", "expected"), [(True, "1 of 3 folds"), (False, "is not part of this search")])
def test_without_a_published_score_no_comparison_is_claimed(
    new_store: NewStore, published: bool, expected: str
) -> None:
    builder = new_store()
    if published:
        builder.finish(builder.configuration("published"), 0.4, folds=[1])
    builder.finish(builder.configuration(lr=0.01), 0.4)
    winner = page_context(builder.summary()).overview.winner
    assert winner is not None
    assert expected in winner.sentences[0]
    assert len(winner.sentences) == 1


def test_nothing_proposed_yet(new_store: NewStore) -> None:
    page = page_context(new_store().summary())
    assert page.overview.winner is None
    assert page.overview.missing == "Not enough data: no configuration has been proposed yet."
    assert page.overview.notice.startswith("This search has not come to its end: 0 of 3")
    assert page.thresholds.missing
    assert page.configurations.missing
    assert not page.configurations.unscored
    assert page.provenance.hosts_missing


def test_all_failed_says_so(new_store: NewStore) -> None:
    builder = new_store(trials=2)
    builder.fail(builder.configuration("published"), "broken")
    builder.fail(builder.configuration(lr=0.1), "broken too")
    page = page_context(builder.summary())
    assert "2 configurations have failed" in page.overview.missing
    assert page.overview.notice == ""
    assert [row.reasons for row in page.configurations.unscored] == [
        ("Fold 0: ValueError: broken",),
        ("Fold 0: ValueError: broken too",),
    ]


def test_a_complete_search_has_no_notice_and_an_extended_one_counts_all(finished: StoreBuilder) -> None:
    assert page_context(finished.summary()).overview.notice == ""
    finished.configuration(lr=0.09)
    assert "3 of 4 planned" in page_context(finished.summary()).overview.notice


# -- differences -----------------------------------------------------------------------------------------------


def test_fold_differences_are_paired_by_hand() -> None:
    difference = fold_difference(decided(0.50, 0.60, 0.70), decided(0.49, 0.57, 0.69), FOLDS)
    assert difference is not None
    deltas = [0.01, 0.03, 0.01]
    assert difference.mean == pytest.approx(fmean(deltas))
    assert difference.standard_error == pytest.approx(stdev(deltas) / 3**0.5)
    assert difference.higher_in == 3
    assert difference.text == "+1.7 ± 0.7"


@pytest.mark.parametrize(
    ("other", "verdict", "said"),
    [
        ((0.40, 0.50, 0.60), "above", "excludes zero"),
        ((0.60, 0.70, 0.80), "below", "below zero"),
        ((0.45, 0.65, 0.69), "within", "cannot tell the two apart"),
    ],
)
def test_the_sentence_claims_no_more_than_the_interval(other: tuple[float, ...], verdict: str, said: str) -> None:
    difference = fold_difference(decided(0.501, 0.599, 0.702), decided(*other), FOLDS)
    assert difference is not None
    assert difference.verdict == verdict
    sentences = winner_sentences(difference, compared=7)
    assert said in sentences[1]
    assert "highest of 7 scores" in sentences[2]


def test_unlike_folds_are_not_paired() -> None:
    assert fold_difference(decided(0.5, 0.6), decided(0.5, 0.6, 0.7), FOLDS) is None


# -- settings --------------------------------------------------------------------------------------------------


def test_equal_recipes_do_not_differ(new_store: NewStore) -> None:
    recipe = new_store().recipe
    assert differences(recipe, recipe.model_copy(update={"description": "other words"}), {}) == ()
    assert flat(recipe)["classifier.gamma_negative.stereotype"] == 2.0


def test_ranges_in_words() -> None:
    parameters = {
        "a.k": {"type": "int", "low": 1, "high": 199},
        "a.rule": {"type": "categorical", "choices": ["x", None]},
        "a.gamma": {"type": "vector", "element": {"type": "float", "low": 0.0, "high": 6.0}},
    }
    assert searched_range("a.k", parameters) == "1 to 199"
    assert searched_range("a.rule", parameters) == "x, null"
    assert searched_range("a.gamma.stereotype", parameters) == "0 to 6"
    assert searched_range("a.gammas", parameters) == ""


# -- thresholds ------------------------------------------------------------------------------------------------


def test_four_columns_on_both_kinds_of_rows(finished: StoreBuilder) -> None:
    summary = finished.summary()
    section = page_context(summary).thresholds
    assert section.labels is not None
    assert section.labels.columns == ("Oracle", "Fold-tuned", "Cross-fitted", "0.5")
    oof, dev = section.labels.groups
    assert [name for name, _ in oof.per_class] == list(finished.labels)
    assert "—" not in [cell.score for cell in oof.macro]
    assert [cell.score == "—" for cell in dev.macro] == [False, False, True, False]
    protocols = summary.best.outcome.thresholds  # type: ignore[union-attr]
    assert protocols is not None
    expected = [
        protocols.score(name, "oof").macro_f1 for name in ("inside_folds", "fold_tuned", "cross_fitted", "fixed_half")
    ]
    assert [float(cell.score) for cell in oof.macro] == pytest.approx(expected, abs=0.006)


def test_the_oracle_gap_is_the_difference_of_its_two_columns(new_store: NewStore) -> None:
    builder = new_store()
    builder.finish(builder.configuration("published"), 0.2)
    summary = builder.summary()
    scores = summary.best.outcome.detector  # type: ignore[union-attr]
    section = page_context(summary).thresholds
    assert section.detector is not None
    gap = 100 * (scores.inside_folds - scores.cross_fitted)
    assert gap > 0
    assert f"{gap:.1f} F1 points, is hindsight, and what an average over folds differs" in section.detector.sentences[0]


def test_a_detector_alone_has_no_label_thresholds(new_store: NewStore) -> None:
    builder = new_store(labels=())
    builder.finish(builder.configuration("published"), 0.5)
    page = page_context(builder.summary())
    assert page.thresholds.labels is None
    assert page.thresholds.labels_missing.startswith("Not applicable")
    assert page.thresholds.detector is not None
    assert page.thresholds.detector.columns[3] == "As written"
    assert len(page.thresholds.detector.groups) == 2
    assert page.overview.winner is not None
    assert len(page.overview.winner.parts) == 2


def test_without_dev_the_comparison_says_so(new_store: NewStore) -> None:
    builder = new_store(dev=False)
    builder.finish(builder.configuration("published"), 0.5)
    section = page_context(builder.summary()).thresholds
    for comparison in (section.labels, section.detector):
        assert comparison is not None
        assert len(comparison.groups) == 1
        assert "There is no dev split" in comparison.sentences[-1]


# -- configurations --------------------------------------------------------------------------------------------


def test_configurations_are_sorted_and_the_published_one_is_marked(finished: StoreBuilder) -> None:
    section = page_context(finished.summary()).configurations
    assert [row.name for row in section.scored] == ["no. 1", "published", "no. 2"]
    assert [row.is_published for row in section.scored] == [False, True, False]
    assert [bool(row.difference) for row in section.scored] == [True, False, True]
    assert all(len(row.fold_scores) == FOLDS for row in section.scored)
    assert section.figure.count("<circle") == 2 * FOLDS
    assert section.figure.count("<rect") == FOLDS


def test_reasons_for_a_missing_score(finished: StoreBuilder) -> None:
    finished.finish(finished.configuration(lr=0.03), 0.5, folds=[1])
    lost = finished.configuration(lr=0.04)
    finished.fail(lost, "\n  worker gone \nmore", kind="WorkerLost", fold=2)
    long = finished.configuration(lr=0.06)
    finished.fail(long, "x" * 999)
    damaged = finished.finish(finished.configuration(lr=0.07), 0.5)
    stage = finished.store.url + f"/stages/d-{damaged.id}-1.safetensors"
    with open(stage, "wb") as file:
        file.write(b"torn")
    rows = page_context(finished.summary()).configurations.unscored
    assert [row.state for row in rows] == ["incomplete", "incomplete", "infeasible", "incomplete"]
    assert rows[0].reasons == ("Not finished: folds 0 and 2.",)
    assert rows[0].folds == "1 of 3"
    assert rows[1].reasons == ("Fold 2: WorkerLost: worker gone", "Not finished: folds 0, 1 and 2.")
    assert rows[2].reasons[0].endswith("x…")
    assert len(rows[2].reasons[0]) < 300
    assert rows[3].reasons[0].startswith("A stage record is missing or damaged: fold 1.")


def test_many_configurations_are_folded_away_and_the_figure_says_what_it_leaves_out(new_store: NewStore) -> None:
    builder = new_store(trials=45)
    builder.finish(builder.configuration("published"), 0.0)
    for number in range(1, 45):
        builder.finish(builder.configuration(lr=0.0101 * number), 0.6)
    section = page_context(builder.summary()).configurations
    assert (len(section.scored), len(section.folded_away)) == (40, 5)
    assert section.figure.count("<g data-c=") == 25
    assert "the best 24 of 45" in section.figure_note


# -- provenance ------------------------------------------------------------------------------------------------


def test_provenance_names_data_folds_seeds_and_machines(finished: StoreBuilder) -> None:
    other = replace(PROVENANCE, host="lab-2", device="H200", versions={"python": "3.12.1", "torch": "2.13"})
    finished.finish(finished.configuration(lr=0.02), 0.3, provenance=other)
    section = page_context(finished.summary()).provenance
    facts = {fact.term: fact.value for fact in section.facts}
    assert facts["Command"] == "tune-polar search st3"
    assert facts["Store"] == finished.store.url
    assert facts["Data"] == "/data/polar"
    assert facts["Data fingerprint"] == "f" * 64
    assert facts["Fold plan"] == finished.gold.detector_plan.hash
    assert facts["Seeds"] == "search 11, training 42, folds 42"
    assert [(row.host, row.folds, row.time, row.versions) for row in section.hosts] == [
        ("lab-1", 9, "9 min 9 s", ""),
        ("lab-2", 3, "3 min 3 s", "python 3.12.1"),
    ]


@pytest.mark.parametrize("broken", [{"recipe": {"recipe": "x"}}, {"versions": None}, {"trials": "many"}])
def test_a_manifest_of_something_else_is_refused(new_store: NewStore, broken: dict[str, object]) -> None:
    with pytest.raises(StoreError, match=r"manifest\.json must describe a search"):
        page_context(new_store(changes=broken).summary())

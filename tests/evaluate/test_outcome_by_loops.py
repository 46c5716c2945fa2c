"""What a configuration scores, against plain loops that follow the definitions word by word."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.evaluate.plain_loops import (
    FOLDS,
    LABELS,
    Loops,
    all_votes,
    best_threshold,
    both_classes,
    f1,
    half,
    label_mean,
    vote,
)
from tests.store.made_recipes import one_vote
from tune_polar.errors import DecisionError
from tune_polar.evaluate.configuration_predictions import ConfigurationPredictions
from tune_polar.evaluate.outcome import Outcome, outcome_of

RULES = {"decide.kinds.rule": ("max_f1", "fixed")}


def outcome(predictions: ConfigurationPredictions, alternatives=RULES) -> Outcome:
    tried = {key: values for key, values in alternatives.items() if "kinds" in predictions.configuration.recipe.decide}
    return outcome_of(predictions.configuration.recipe, predictions.gold.splits, predictions.cells, tried)


@pytest.fixture(params=range(4))
def scored(request, new_search, recipe_of):
    """One configuration's worth of random numbers: its predictions and the loops over them."""

    def make(recipe=None, **options):
        recipe = recipe or recipe_of()
        search = new_search(recipe, seed=request.param, **options)
        predictions = search.predictions(search.finish(search.configuration(), 0.4))
        return predictions, Loops(search.gold, predictions)

    return make


# -- votes ----------------------------------------------------------------------------------------------------


def test_votes_are_scored_as_chosen_on_the_other_folds(scored):
    predictions, loops = scored(one_vote())
    found = outcome(predictions)
    gold = [g for _, _, g in loops.finder]
    decided = loops.detected(None)
    crossed = found.ladder["cross_fitted"]
    assert found.score == crossed.score == pytest.approx(float(both_classes(gold, decided)))
    assert crossed.decided[:, 0].tolist() == [bool(d) for d in decided]
    assert crossed.cell_scores == pytest.approx(
        [
            float(
                both_classes(
                    [g for (f, _, g) in loops.finder if f == fold],
                    [d for (f, _, _), d in zip(loops.finder, decided, strict=True) if f == fold],
                )
            )
            for fold in FOLDS
        ]
    )
    assert found.decisions["vote"].cells == tuple((fold, 42) for fold in FOLDS)


def test_the_other_scores_say_where_votes_were_chosen(scored):
    predictions, loops = scored(one_vote())
    found = outcome(predictions)
    gold = [g for _, _, g in loops.finder]
    chosen = loops.votes_without(None)
    deployed = found.best.deployed["vote"]
    assert (deployed.k, deployed.tau) == chosen
    ladder = found.ladder
    assert ladder["fold_tuned"].score == pytest.approx(float(both_classes(gold, loops.detected(chosen))))
    written = (5, Fraction(2, 5))
    assert ladder["as_written"].score == pytest.approx(float(both_classes(gold, loops.detected(written))))
    width = len(loops.finder[0][1])
    majority = (width, Fraction(1, 2))
    assert ladder["plain"].score == pytest.approx(float(both_classes(gold, loops.detected(majority))))
    inside = []
    for fold in FOLDS:
        rows = [(n, g) for f, n, g in loops.finder if f == fold]
        inside.append(
            max(both_classes([g for _, g in rows], [vote(n, k, tau) for n, _ in rows]) for k, tau in all_votes(width))
        )
    assert ladder["inside_folds"].score == pytest.approx(float(sum(inside) / 3))
    assert ladder["inside_folds"].score >= ladder["fold_tuned"].score >= ladder["cross_fitted"].score


def test_what_is_written_is_the_recipes_own(scored):
    predictions, loops = scored(one_vote(decide__vote__k=3, decide__vote__tau=0.66))
    gold = [g for _, _, g in loops.finder]
    decided = loops.detected((3, Fraction(66, 100)))
    assert outcome(predictions).proposed.score == pytest.approx(float(both_classes(gold, decided)))


def test_on_dev_all_models_vote_together(scored):
    predictions, loops = scored(one_vote())
    ladder = outcome(predictions).decisions["vote"].splits["dev"]
    gold = loops.gold.splits["dev"].values("hurt").tolist()
    tables = [cell.stages["finder"].table("dev").tolist() for cell in predictions.cells]

    def decide(k: int, tau: Fraction) -> list[int]:
        return [int(Fraction(sum(sum(table[row][:k]) for table in tables), 3 * k) >= tau) for row in range(len(gold))]

    tuned = both_classes(gold, decide(*loops.votes_without(None)))
    assert ladder["fold_tuned"].score == pytest.approx(float(tuned))
    width = len(tables[0][0])
    shares = [(k, Fraction(n, 3 * k)) for k in range(1, width + 1) for n in range(3 * k + 1)]
    assert ladder["oracle"].score == pytest.approx(float(max(both_classes(gold, decide(k, t)) for k, t in shares)))


def test_without_dev_the_oracle_lies_inside_the_folds(scored, recipe_of):
    predictions, _ = scored(recipe_of(), dev=0)
    found = outcome(predictions)
    for judgement in found.decisions.values():
        assert judgement.splits == {}
        assert judgement.ladder["oracle"] is judgement.ladder["inside_folds"]


# -- thresholds -----------------------------------------------------------------------------------------------


def test_thresholds_of_the_other_folds_are_scored_on_the_rows_a_stage_learns_on(scored, recipe_of):
    predictions, loops = scored(recipe_of(score={"of": "kinds"}))
    found = outcome(predictions)
    rules = {alternative.changes.get("kinds.rule", "max_f1"): alternative for alternative in found.alternatives}
    assert set(rules) == {"max_f1", "fixed"}
    for name, rule in (("max_f1", best_threshold), ("fixed", half)):
        scored_by = rules[name].scored
        pairs = [
            (f, g, d) for (f, _, _, g, learned), d in zip(loops.sorter, loops.decided(rule), strict=True) if learned
        ]
        assert scored_by.score == pytest.approx(label_mean([g for _, g, _ in pairs], [d for _, _, d in pairs]))
        assert scored_by.decided.astype(int).tolist() == [d for _, _, d in pairs]
        assert scored_by.cell_scores == pytest.approx(
            [label_mean([g for f, g, _ in pairs if f == fold], [d for f, _, d in pairs if f == fold]) for fold in FOLDS]
        )
        per_label = [float(f1([g[n] for _, g, _ in pairs], [d[n] for _, _, d in pairs])) for n in range(len(LABELS))]
        assert scored_by.per_column == pytest.approx(per_label)
    judged = found.decisions["kinds"].rows
    assert judged.gold.values.astype(int).tolist() == [g for _, _, _, g, learned in loops.sorter if learned]
    assert found.score == max(each.scored.score for each in found.alternatives)


def test_behind_a_gate_rejected_rows_get_no_label_and_all_rows_are_scored(scored, recipe_of):
    predictions, loops = scored(recipe_of())
    found = outcome(predictions)
    gold = [g for _, _, _, g, _ in loops.sorter]
    rules = {alternative.changes.get("kinds.rule", "max_f1"): alternative for alternative in found.alternatives}
    for name, rule in (("max_f1", best_threshold), ("fixed", half)):
        gated = [
            [label * accepted for label in row]
            for row, accepted in zip(loops.decided(rule), loops.detected(None), strict=True)
        ]
        assert rules[name].scored.decided.astype(int).tolist() == gated
        assert rules[name].scored.score == pytest.approx(label_mean(gold, gated))
        deployed = rules[name].deployed["vote"]
        assert (deployed.k, deployed.tau) == loops.votes_without(None)
    written = [
        [label * accepted for label in row]
        for row, accepted in zip(loops.decided(), loops.detected((5, Fraction(2, 5))), strict=True)
    ]
    assert found.proposed.score == pytest.approx(label_mean(gold, written))


def test_another_decision_may_be_scored(scored, recipe_of):
    predictions, loops = scored(recipe_of(score={"of": "vote"}))
    found = outcome(predictions)
    gold = [g for _, _, g in loops.finder]
    assert found.score == pytest.approx(float(both_classes(gold, loops.detected(None))))
    assert len(found.alternatives) == 1, "no rule of a threshold changes a vote"
    assert set(found.decisions) == {"vote", "kinds", "system"}


def test_plans_of_their_own_have_other_rows_for_each_stage(scored, recipe_of):
    paper = {"folds": {"plan": "paper", "count": 3}, "score": {"of": "kinds"}, "decide__system": None}
    predictions, loops = scored(recipe_of(sorter__start__fold="best", **paper))
    found = outcome(predictions)
    assert all(learned for *_, learned in loops.sorter)
    assert len(loops.sorter) < len(loops.finder)
    fitted = {(each.changes or {"kinds.rule": "max_f1"})["kinds.rule"]: each for each in found.alternatives}["max_f1"]
    gold = [g for _, _, _, g, _ in loops.sorter]
    assert fitted.scored.score == pytest.approx(label_mean(gold, loops.decided()))
    votes = [g for _, _, g in loops.finder]
    crossed = found.decisions["vote"].cross_fitted.score
    assert crossed == pytest.approx(float(both_classes(votes, loops.detected(None))))


def test_deployed_thresholds_are_chosen_on_all_rows_a_stage_learns_on(scored, recipe_of):
    predictions, loops = scored(recipe_of())
    found = outcome(predictions, {})
    written = found.settings()["decide.kinds.at"]
    assert written == pytest.approx(dict(zip(LABELS, loops.thresholds_without(None), strict=True)))
    fixed = next(each for each in outcome(predictions).alternatives if each.changes == {"kinds.rule": "fixed"})
    assert found.settings(fixed)["decide.kinds.at"] == dict.fromkeys(LABELS, 0.5)


def test_dev_is_scored_by_the_models_mean(scored, recipe_of):
    predictions, loops = scored(recipe_of())
    ladder = outcome(predictions, {}).decisions["kinds"].splits["dev"]
    dev = loops.gold.splits["dev"]
    keep = np.flatnonzero(dev.values("hurt"))
    gold = dev.matrix(LABELS)[keep].tolist()
    shares = [cell.stages["sorter"].table("dev").astype(np.float64) for cell in predictions.cells]
    mean = np.mean(shares, axis=0)[keep]
    thresholds = loops.thresholds_without(None)
    decided = [[int(p >= t) for p, t in zip(row, thresholds, strict=True)] for row in mean]
    assert ladder["fold_tuned"].score == pytest.approx(label_mean(gold, decided))
    assert ladder["plain"].score == pytest.approx(label_mean(gold, [[int(p >= 0.5) for p in row] for row in mean]))


# -- several seeds --------------------------------------------------------------------------------------------


def test_seeds_are_scored_each_by_itself_and_averaged(scored, recipe_of):
    predictions, _ = scored(recipe_of(seeds=(42, 7)))
    found = outcome(predictions)
    own = []
    for seed in (42, 7):
        cells = [cell for cell in predictions.cells if cell.seed == seed]
        own.append(outcome_of(predictions.configuration.recipe, predictions.gold.splits, cells, RULES))
    for name in ("vote", "kinds", "system"):
        means = {
            rung: np.mean([each.decisions[name].ladder[rung].score for each in own])
            for rung in ("cross_fitted", "as_written", "plain")
        }
        if not found.best.changes and not any(each.best.changes for each in own):
            assert {rung: found.decisions[name].ladder[rung].score for rung in means} == pytest.approx(means)
    rules = {tuple(each.changes.items()): each.scored.score for each in found.alternatives}
    for changes, score in rules.items():
        alone = [next(a.scored.score for a in each.alternatives if tuple(a.changes.items()) == changes) for each in own]
        assert score == pytest.approx(np.mean(alone))
    assert found.decisions["system"].cells == ((0, 7), (1, 7), (2, 7), (0, 42), (1, 42), (2, 42))


# -- what is missing ------------------------------------------------------------------------------------------


def test_narrow_folds_narrow_the_sweep(search, recipe_of):
    configuration = search.put(recipe_of(decide__vote__k=7), folds=(0, 1))
    search.finish(configuration, cells=search.cells[2:], width=4)
    found = outcome(search.predictions(configuration))
    assert found.best.deployed["vote"].k <= 4
    assert found.proposed.setting("vote").k == 4 if len(found.proposed.settings) == 1 else True
    assert found.decisions["vote"].ladder["as_written"].setting("vote").k == 4


def test_predictions_that_are_no_numbers_are_no_score(search, recipe_of, with_arrays):
    predictions = search.predictions(search.put(recipe_of()))
    first = predictions.cells[0]
    nothing = np.full_like(first.stages["sorter"].table("validation"), np.nan)
    broken = with_arrays(first.stages["sorter"], validation__probability=nothing)
    spoilt = replace(first, stages={**first.stages, "sorter": broken})
    predictions = replace(predictions, cells=(spoilt, *predictions.cells[1:]))
    with pytest.raises(DecisionError):
        outcome(predictions)

"""What a configuration scores, against plain loops that follow the definitions word by word."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from plain_loops import (
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

from tune_polar.errors import DecisionError
from tune_polar.store.outcome import deployed_thresholds, outcome_of, rounded_tau


@pytest.fixture(params=range(4))
def scored(request, new_search, recipe_of):
    """Three configurations' worth of random numbers: a search, its predictions and the loops over them."""

    def make(recipe=None, **options):
        recipe = recipe or recipe_of()
        search = new_search(recipe, seed=request.param, **options)
        predictions = search.predictions(search.put(recipe))
        return predictions, Loops(search, predictions)

    return make


# -- the detector ---------------------------------------------------------------------------------------------


def test_a_detector_is_scored_by_votes_chosen_on_the_other_folds(scored, detector_recipe_of):
    predictions, loops = scored(detector_recipe_of())
    outcome = outcome_of(predictions)
    gold = [g for _, _, g in loops.detector]
    decided = loops.detected(None)
    assert outcome.objective == "detector"
    assert outcome.score == pytest.approx(float(both_classes(gold, decided)))
    assert outcome.detector.cross_fitted == outcome.score
    assert outcome.best.decided[:, 0].tolist() == [bool(d) for d in decided]
    assert outcome.best.per_class == {"polarization": pytest.approx(float(f1(gold, decided)))}
    assert outcome.best.fold_scores == pytest.approx(
        [
            float(
                both_classes(
                    [g for (f, _, g) in loops.detector if f == fold],
                    [d for (f, _, _), d in zip(loops.detector, decided, strict=True) if f == fold],
                )
            )
            for fold in FOLDS
        ]
    )
    assert outcome.best.votes_chosen
    assert not outcome.proposed.votes_chosen
    assert (outcome.thresholds, outcome.gold_gated) == (None, None)


def test_the_detectors_other_scores_say_where_its_votes_were_chosen(scored, detector_recipe_of):
    predictions, loops = scored(detector_recipe_of())
    detector = outcome_of(predictions).detector
    gold = [g for _, _, g in loops.detector]
    chosen = loops.votes_without(None)
    assert (detector.chosen.k, detector.chosen.tau) == chosen
    assert detector.fold_tuned == pytest.approx(float(both_classes(gold, loops.detected(chosen))))
    published = (5, Fraction(2, 5))
    assert detector.published == pytest.approx(float(both_classes(gold, loops.detected(published))))
    width = len(loops.detector[0][1])
    inside = []
    for fold in FOLDS:
        rows = [(n, g) for f, n, g in loops.detector if f == fold]
        inside.append(
            max(both_classes([g for _, g in rows], [vote(n, k, tau) for n, _ in rows]) for k, tau in all_votes(width))
        )
    assert detector.inside_folds == pytest.approx(float(sum(inside) / 3))
    assert detector.inside_folds >= detector.fold_tuned >= detector.cross_fitted


def test_the_proposed_votes_are_the_recipes_own(scored, detector_recipe_of):
    predictions, loops = scored(detector_recipe_of(decision__k=3, decision__tau=0.66))
    outcome = outcome_of(predictions)
    gold = [g for _, _, g in loops.detector]
    decided = loops.detected((3, Fraction(66, 100)))
    assert outcome.proposed.score == pytest.approx(float(both_classes(gold, decided)))
    assert outcome.proposed.score == pytest.approx(outcome.detector.published)


def test_on_dev_all_fold_models_vote_together(scored, detector_recipe_of):
    predictions, loops = scored(detector_recipe_of())
    detector = outcome_of(predictions).detector
    gold = loops.search.gold.dev.labels["polarization"].tolist()
    tables = [f.detector.arrays["dev_neighbour_labels"].tolist() for f in predictions.folds]

    def decide(k: int, tau: Fraction) -> list[int]:
        return [int(Fraction(sum(sum(table[row][:k]) for table in tables), 3 * k) >= tau) for row in range(len(gold))]

    assert detector.dev_fold_tuned == pytest.approx(float(both_classes(gold, decide(*loops.votes_without(None)))))
    width = len(tables[0][0])
    shares = [(k, Fraction(n, 3 * k)) for k in range(1, width + 1) for n in range(3 * k + 1)]
    assert detector.dev_oracle == pytest.approx(float(max(both_classes(gold, decide(k, tau)) for k, tau in shares)))


def test_without_dev_there_is_no_dev_score(scored, detector_recipe_of):
    predictions, _ = scored(detector_recipe_of(), dev=0)
    detector = outcome_of(predictions).detector
    assert (detector.dev_fold_tuned, detector.dev_oracle) == (None, None)


# -- the classifier -------------------------------------------------------------------------------------------


def test_gold_gated_is_scored_on_polarized_rows_by_thresholds_of_the_other_folds(scored, recipe_of):
    predictions, loops = scored(recipe_of(decision__objective="gold_gated"))
    outcome = outcome_of(predictions, ["fixed"])
    assert [decided.rule for decided in outcome.decisions] == ["max_f1", "fixed"]
    for found, rule in zip(outcome.decisions, (best_threshold, half), strict=True):
        pairs = [
            (f, g, d)
            for (f, _, _, g, polarized), d in zip(loops.classifier, loops.decided(rule), strict=True)
            if polarized
        ]
        assert found.score == pytest.approx(label_mean([g for _, g, _ in pairs], [d for _, _, d in pairs]))
        assert found.decided.astype(int).tolist() == [d for _, _, d in pairs]
        assert found.gold.astype(int).tolist() == [g for _, g, _ in pairs]
        assert found.fold_scores == pytest.approx(
            [label_mean([g for f, g, _ in pairs if f == fold], [d for f, _, d in pairs if f == fold]) for fold in FOLDS]
        )
        for n, label in enumerate(LABELS):
            assert found.per_class[label] == pytest.approx(
                float(f1([g[n] for _, g, _ in pairs], [d[n] for _, _, d in pairs]))
            )
    assert outcome.gold_gated == pytest.approx(outcome.best.score)
    assert outcome.thresholds.rule == outcome.best.rule
    assert outcome.score == max(decided.score for decided in outcome.decisions)
    assert outcome.proposed is outcome.decisions[0]


def test_end_to_end_rejected_rows_get_no_label_and_all_rows_are_scored(scored, recipe_of):
    predictions, loops = scored(recipe_of())
    outcome = outcome_of(predictions, ["fixed", "max_f1"])
    assert outcome.objective == "end_to_end"
    assert [decided.rule for decided in outcome.decisions] == ["max_f1", "fixed"]
    gold = [g for _, _, _, g, _ in loops.classifier]
    for found, rule in zip(outcome.decisions, (best_threshold, half), strict=True):
        gated = [
            [label * accepted for label in row]
            for row, accepted in zip(loops.decided(rule), loops.detected(None), strict=True)
        ]
        assert found.decided.astype(int).tolist() == gated
        assert found.score == pytest.approx(label_mean(gold, gated))
        assert found.votes_chosen
        assert (found.votes.k, found.votes.tau) == loops.votes_without(None)
    proposed = [
        [label * accepted for label in row]
        for row, accepted in zip(loops.decided(), loops.detected((5, Fraction(2, 5))), strict=True)
    ]
    assert outcome.proposed.score == pytest.approx(label_mean(gold, proposed))
    assert not outcome.proposed.votes_chosen


def test_a_classifier_recipe_may_be_searched_for_its_detector(scored, recipe_of):
    predictions, loops = scored(recipe_of(decision__objective="detector"))
    outcome = outcome_of(predictions, ["fixed"])
    gold = [g for _, _, g in loops.detector]
    assert outcome.score == pytest.approx(float(both_classes(gold, loops.detected(None))))
    assert len(outcome.decisions) == 1
    assert outcome.thresholds is not None


def test_the_papers_plans_have_other_rows_for_each_stage(scored, recipe_of):
    recipe = recipe_of(folds__plan="paper", decision__objective="gold_gated", classifier__transfer="none")
    predictions, loops = scored(recipe)
    outcome = outcome_of(predictions)
    assert all(polarized for *_, polarized in loops.classifier)
    assert len(loops.classifier) < len(loops.detector)
    gold = [g for _, _, _, g, _ in loops.classifier]
    assert outcome.score == pytest.approx(label_mean(gold, loops.decided()))
    assert outcome.detector.cross_fitted == pytest.approx(
        float(both_classes([g for _, _, g in loops.detector], loops.detected(None)))
    )


def test_deployed_thresholds_are_chosen_on_all_polarized_rows(scored, recipe_of):
    predictions, loops = scored(recipe_of())
    assert deployed_thresholds(predictions, "max_f1") == pytest.approx(
        dict(zip(LABELS, loops.thresholds_without(None), strict=True))
    )
    assert deployed_thresholds(predictions, "fixed") == dict.fromkeys(LABELS, 0.5)


def test_the_table_of_protocols_scores_dev_by_the_fold_models_mean(scored, recipe_of):
    predictions, loops = scored(recipe_of())
    table = outcome_of(predictions).thresholds
    dev = loops.search.gold.dev
    keep = [row for row, polarized in enumerate(dev.labels["polarization"]) if polarized]
    gold = [[int(dev.labels[label][row]) for label in LABELS] for row in keep]
    mean = np.mean([f.classifier.arrays["dev_probability"].astype(np.float64) for f in predictions.folds], axis=0)[keep]
    thresholds = loops.thresholds_without(None)
    decided = [[int(p >= t) for p, t in zip(row, thresholds, strict=True)] for row in mean]
    assert table.score("fold_tuned", "dev").macro_f1 == pytest.approx(label_mean(gold, decided))
    assert table.score("fixed_half", "dev").macro_f1 == pytest.approx(
        label_mean(gold, [[int(p >= 0.5) for p in row] for row in mean])
    )


def test_without_dev_the_oracle_lies_inside_the_folds(scored, recipe_of):
    predictions, _ = scored(recipe_of(), dev=0)
    table = outcome_of(predictions).thresholds
    assert table.score("oracle").scored_on == "oof"
    assert table.score("oracle").macro_f1 >= table.score("cross_fitted").macro_f1


# -- what is missing ------------------------------------------------------------------------------------------


def test_missing_folds_are_named(search, recipe_of):
    configuration = search.put(recipe_of(), folds=(0, 2))
    assert search.predictions(configuration).missing_folds == (1,)


@pytest.mark.parametrize("stage", ["detector", "classifier"])
def test_a_fold_with_a_missing_stage_counts_as_missing(search, recipe_of, stage):
    configuration = search.put(recipe_of())
    trial = search.trial(configuration.recipe, 1)
    key = trial.detector_key if stage == "detector" else trial.classifier_key(trial.detector_key)
    (search.folder / "stages" / f"{key}.safetensors").unlink()
    assert search.predictions(configuration).missing_folds == (1,)


def test_narrow_folds_narrow_the_sweep(search, recipe_of):
    configuration = search.put(recipe_of(decision__k=7), folds=(0, 1))
    search.put_fold(configuration.recipe, 2, width=4)
    outcome = outcome_of(search.predictions(configuration))
    assert outcome.detector.chosen.k <= 4
    assert outcome.proposed.votes.k == 4


def test_predictions_that_are_no_numbers_are_no_score(search, recipe_of, with_arrays):
    configuration = search.put(recipe_of())
    predictions = search.predictions(configuration)
    first = predictions.folds[0]
    broken = with_arrays(first.classifier, probability=np.full_like(first.classifier.arrays["probability"], np.nan))
    predictions = replace(predictions, folds=(replace(first, classifier=broken), *predictions.folds[1:]))
    with pytest.raises(DecisionError):
        outcome_of(predictions)


def test_a_share_as_a_recipe_writes_it_decides_the_same():
    for k in range(1, 201):
        for needed in range(1, k + 1):
            tau = Fraction(2 * needed - 1, 2 * k)
            written = Fraction(repr(rounded_tau(tau)))
            assert Fraction(needed - 1, k) < written <= Fraction(needed, k)

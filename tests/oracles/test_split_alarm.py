"""The alarm on labelled splits: it fires where model or data broke, names why, and is silent on clean ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tune_polar.decide.metrics import metric_named
from tune_polar.decide.rows import Gold, Rows
from tune_polar.stats.bbc_cv import Candidate, bbc_cv
from tune_polar.stats.label_shift import label_shift
from tune_polar.stats.new_rows import NewRowsScore, new_rows_score
from tune_polar.stats.split_alarm import LabelledSplit, Predicted, SplitEvidence, is_far_outside
from tune_polar.stats.split_causes import causes_of, labelled_split

MACRO = metric_named("macro_f1")
NAMES = ("a", "b")
RNG = np.random.default_rng(0)


def predicted(rows: int, share: float = 0.3, seed: int = 0) -> Predicted:
    """A model that tells rows apart well, decided at 0.5."""
    rng = np.random.default_rng(seed)
    gold = rng.random((rows, 2)) < (share, 0.2)
    logit = rng.normal(size=gold.shape) + 3.0 * gold - 1.5
    return decided_at(gold, 1 / (1 + np.exp(-logit)))


def decided_at(gold: np.ndarray, probability: np.ndarray) -> Predicted:
    rows = Rows.of(Gold("labels", gold, NAMES), part=np.arange(len(gold)) % 5)
    return Predicted(rows, probability >= 0.5, probability)


MEASURED = predicted(1500, seed=1)


def ahead(rows: int) -> NewRowsScore:
    rng = np.random.default_rng(0)
    corrected = bbc_cv(MEASURED.rows, [Candidate("a", "", MEASURED.decided)], rng, rounds=500)
    return new_rows_score(corrected, MEASURED.rows, MEASURED.decided, rows, None, rng)


def looked_at(there: Predicted, **evidence: object) -> LabelledSplit:
    score = MACRO.score(there.rows.gold, there.decided)
    told = replace(SplitEvidence("test", there), **evidence)  # type: ignore[arg-type]
    return labelled_split("test", score, ahead(len(there.rows)), lambda: (MEASURED, told))


def spoiled(how: Callable[[np.ndarray], np.ndarray]) -> Predicted:
    clean = predicted(500, seed=2)
    assert clean.values is not None
    probability = clean.values
    return decided_at(clean.rows.gold.values, 1 / (1 + np.exp(-how(np.log(probability / (1 - probability))))))


def test_a_clean_split_is_silent_and_asks_for_no_evidence() -> None:
    there = predicted(500, seed=2)

    def never() -> tuple[Predicted, SplitEvidence]:
        raise AssertionError

    found = labelled_split("test", MACRO.score(there.rows.gold, there.decided), ahead(500), never)
    assert not found.fires
    assert found.causes == ()


@pytest.mark.parametrize(
    ("how", "name", "words"),
    [
        (
            lambda logit: logit[np.random.default_rng(3).permutation(len(logit))],
            "ranking",
            "no longer tells rows apart",
        ),
        (lambda logit: logit + 3, "calls", "is called on"),
        (lambda logit: -logit, "ranking", "the wrong way round"),
        (lambda logit: 0 * logit + 1, "ranking", "one and the same of every row"),
    ],
)
def test_what_is_broken_is_named_first(how: Callable[[np.ndarray], np.ndarray], name: str, words: str) -> None:
    found = looked_at(spoiled(how))
    assert found.fires
    assert found.distance < -10
    first = found.causes[0]
    assert (first.name, first.verdict) == (name, "found")
    assert words in first.sentence
    ruled_out = {each.name for each in found.causes if each.verdict == "ruled out"}
    assert "labels" in ruled_out


def test_other_label_shares_explain_what_they_do() -> None:
    found = looked_at(predicted(2000, share=0.02, seed=4))
    assert found.fires
    first = found.causes[0]
    assert (first.name, first.verdict) == ("labels", "found")
    assert "of its rows are a, 29% out of fold" in first.sentence or "of its rows are a, 3" in first.sentence
    assert {each.name: each.verdict for each in found.causes}["ranking"] == "ruled out"


def test_reweighted_rows_score_what_a_split_with_these_shares_does() -> None:
    shifted = [predicted(2000, share=0.02, seed=seed) for seed in range(20, 40)]
    scores = [MACRO.score(each.rows.gold, each.decided) for each in shifted]
    shift = label_shift(MEASURED.rows, MEASURED.decided, shifted[0].rows.gold, MACRO, np.random.default_rng(0))
    assert shift.reweighted.mean() == pytest.approx(np.mean(scores), abs=0.07)
    assert shift.is_found
    clean = [
        label_shift(MEASURED.rows, MEASURED.decided, predicted(500, seed=n).rows.gold, MACRO, RNG) for n in range(40)
    ]
    assert sum(each.is_found for each in clean) <= 2


def test_models_and_configurations_beside_it_tell_model_from_split() -> None:
    there = spoiled(lambda logit: -logit)
    score = MACRO.score(there.rows.gold, there.decided)
    alone = [("fold 0", 0.8), ("fold 1", 0.1), ("fold 2", 0.81), ("fold 3", 0.79)]
    told = SplitEvidence("test", there, models=alone, others=[(0.8, 0.81), (0.79, 0.78)], repeated=0)
    found = {each.name: each for each in causes_of(MEASURED, told, score, ahead(500))}
    assert "alone fold 1 0.100 where" in found["models"].sentence
    assert "it is this model, not the split" in found["this model"].sentence
    fallen = replace(
        told, others=[(0.8, 0.2), (0.79, 0.25)], models=[("fold 0", 0.2), ("fold 1", 0.21), ("fold 2", 0.2)]
    )
    found = {each.name: each for each in causes_of(MEASURED, fallen, score, ahead(500))}
    assert "it is the split, not this model" in found["the split"].sentence
    assert found["models"].verdict == "ruled out"


def test_a_score_far_above_asks_whether_train_has_the_texts() -> None:
    sure = predicted(500, seed=2)
    perfect = Predicted(sure.rows, sure.rows.gold.values, sure.values)
    found = looked_at(perfect, repeated=120)
    assert found.distance > 4.5
    assert found.causes[0].sentence == "120 of its texts stand in train as well"


@pytest.mark.parametrize(("kind", "name"), [("class", "macro_f1"), ("binary", "macro_f1"), ("number", "pearson")])
def test_every_kind_of_gold_is_looked_at(kind: str, name: str) -> None:
    rng, metric = np.random.default_rng(0), metric_named(name)

    def made(rows: int, broken: bool) -> Predicted:
        if kind == "number":
            gold = rng.normal(size=(rows, 1))
            values = (0 if broken else 1) * gold + 0.5 * rng.normal(size=gold.shape)
            return Predicted(Rows.of(Gold("number", gold, ("x",)), part=np.arange(rows) % 5), values, values)
        codes = rng.integers(3 if kind == "class" else 2, size=(rows, 1))
        width = 3 if kind == "class" else 1
        truth = codes == np.arange(3) if kind == "class" else codes == 1
        values = rng.normal(size=(rows, width)) + (0 if broken else 3) * (truth - 0.5)
        gold_of = Gold("class", codes, ("x", "y", "z")) if kind == "class" else Gold("binary", codes, ("x",))
        decided = values.argmax(axis=1)[:, None] if kind == "class" else values >= 0
        return Predicted(Rows.of(gold_of, part=np.arange(rows) % 5), decided, 1 / (1 + np.exp(-values)))

    measured, there = made(900, broken=False), made(400, broken=True)
    corrected = bbc_cv(measured.rows, [Candidate("a", "", measured.decided)], rng, metric=metric, rounds=300)
    expected = new_rows_score(corrected, measured.rows, measured.decided, 400, None, rng)
    score = metric.score(there.rows.gold, there.decided)
    assert is_far_outside(expected.distance(score))
    found = causes_of(measured, SplitEvidence("test", there), score, expected)
    assert (found[0].name, found[0].verdict) == ("ranking", "found")


def test_smaller_may_be_better() -> None:
    rng = np.random.default_rng(0)
    gold = rng.normal(size=(600, 1))
    rows, decided = (
        Rows.of(Gold("number", gold, ("x",)), part=np.arange(600) % 5),
        gold + 0.3 * rng.normal(size=(600, 1)),
    )
    corrected = bbc_cv(rows, [Candidate("a", "", decided)], rng, metric=metric_named("mae"))
    expected = new_rows_score(corrected, rows, decided, 200, None, rng)
    assert expected.distance(3.0) < -10
    assert expected.distance(0.0) > 4.5

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune_polar.data.corpus import Corpus, Split
from tune_polar.data.folds import NO_PART, FoldPlan, paper_classifier_plan, paper_detector_plan, shared_plan
from tune_polar.data.labels import MANIFESTATIONS, POLARIZATION, PROXY_PRIORITY, TYPES
from tune_polar.data.polar_csv import load_polar
from tune_polar.data.sample import sample_corpus
from tune_polar.errors import DataError, FoldPlanError


def corpus_of(labels: Mapping[str, Sequence[int]]) -> Corpus:
    rows = len(next(iter(labels.values())))
    ids = tuple(str(row) for row in range(rows))
    arrays = {name: np.array(values, dtype=np.int64) for name, values in labels.items()}
    return Corpus("made", {"train": Split("train", ids, ids, arrays)})


def polar_plan(corpus: Corpus, *, count: int = 5, seed: int = 42) -> FoldPlan:
    return shared_plan(
        corpus,
        count=count,
        seed=seed,
        target=POLARIZATION,
        proxy_types=PROXY_PRIORITY,
        labels=MANIFESTATIONS,
    )


@st.composite
def corpora(draw: st.DrawFn) -> Corpus:
    """POLAR-shaped labels of 8 to 80 rows, often with rare labels and rows without a type."""
    rows = draw(st.integers(8, 80))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    polarized = rng.random(rows) < 0.5
    labels = {POLARIZATION: polarized.astype(int)}
    for name in (*TYPES, *MANIFESTATIONS):
        labels[name] = (polarized & (rng.random(rows) < rng.uniform(0.05, 0.8))).astype(int)
    return corpus_of({name: values.tolist() for name, values in labels.items()})


@settings(max_examples=60, deadline=None)
@given(corpus=corpora(), count=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_a_plan_validates_each_row_once_and_trains_on_every_label(corpus: Corpus, count: int, seed: int) -> None:
    positive = corpus.train.labels[POLARIZATION] == 1
    makers = {
        "shared": lambda: polar_plan(corpus, count=count, seed=seed),
        "detector": lambda: paper_detector_plan(corpus, count=count, seed=seed),
        "classifier": lambda: paper_classifier_plan(corpus, count=count, seed=seed, labels=MANIFESTATIONS),
    }
    for name, make in makers.items():
        try:
            plan = make()
        except FoldPlanError:
            continue
        part = positive if name == "classifier" else np.ones_like(positive)
        validated = np.concatenate([plan.validation_rows(fold) for fold in range(count)])
        np.testing.assert_array_equal(np.sort(validated), np.flatnonzero(part))
        np.testing.assert_array_equal(plan.assignment == NO_PART, ~part)
        for fold in range(count):
            training, validation = plan.training_rows(fold), plan.validation_rows(fold)
            assert len(validation) > 0
            np.testing.assert_array_equal(np.sort([*training, *validation]), np.flatnonzero(part))
            labels = (POLARIZATION,) if name == "detector" else MANIFESTATIONS
            for label in labels:
                assert corpus.train.labels[label][training].any()
            if name != "classifier":
                assert not positive[training].all()
        assert make().hash == plan.hash
        assert FoldPlan.from_json(json.loads(json.dumps(plan.to_json()))).hash == plan.hash


def test_shared_folds_have_the_shares_of_all_labels() -> None:
    corpus = sample_corpus(rows_dev=0, rows_test=0)
    plan = polar_plan(corpus)

    for label in (POLARIZATION, *TYPES, *MANIFESTATIONS):
        in_folds = np.bincount(plan.assignment, weights=corpus.train.labels[label], minlength=5)
        # the common labels are placed last by the algorithm, with what freedom the rare ones leave
        assert np.ptp(in_folds) <= max(2, 0.25 * in_folds.mean()), label


def test_stratifies_on_what_there_is() -> None:
    corpus = corpus_of({"hate": [1, 0] * 10, "insult": [1, 0, 0, 0] * 5})

    bare = shared_plan(corpus, count=5, seed=0, target="hate", proxy_types=(), labels=())
    labelled = shared_plan(corpus, count=5, seed=0, target="hate", proxy_types=(), labels=("insult",))

    for plan in (bare, labelled):
        assert np.bincount(plan.assignment, weights=corpus.train.labels["hate"]).tolist() == [2] * 5
    assert np.bincount(labelled.assignment, weights=corpus.train.labels["insult"]).tolist() == [1] * 5


def test_seeds_and_kinds_give_other_plans() -> None:
    corpus = sample_corpus(rows_train=200, rows_dev=0, rows_test=0)
    plans = [polar_plan(corpus), polar_plan(corpus, seed=43), paper_detector_plan(corpus, count=5, seed=42)]

    assert len({plan.hash for plan in plans}) == 3


HATE = {"hate": [1, 1, 1, 0, 0, 0], "rare": [1, 0, 0, 0, 0, 0], "outside": [1, 0, 0, 1, 1, 1]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 1}, "number of folds must be at least 2, got 1"),
        ({"count": -5}, "number of folds must be at least 2, got -5"),
        ({"count": 7}, r"at most the rows to split \(6\), got 7"),
        ({"seed": -1}, "seed of the folds must be between 0 and .*, got -1"),
        ({"seed": 2**32}, "seed of the folds must be between 0"),
        ({"labels": ("rare",)}, "at least 2 rows for 3 folds, got 'rare' with 1"),
        ({"labels": ("outside",)}, "at least 2 rows for 3 folds, got 'outside' with 1"),
        ({"target": "all"}, "both classes of 'all' must be there to split, got 6 positive of 6 rows"),
        ({"target": "none"}, "both classes of 'none' must be there to split, got 0 positive of 6 rows"),
    ],
)
def test_refuses_plans_that_cannot_be(changes: dict[str, object], message: str) -> None:
    corpus = corpus_of({**HATE, "all": [1] * 6, "none": [0] * 6})
    arguments = {"count": 3, "seed": 0, "target": "hate", "proxy_types": (), "labels": ()} | changes

    with pytest.raises(FoldPlanError, match=message):
        shared_plan(corpus, **arguments)  # type: ignore[arg-type]


def test_refuses_labels_that_are_not_there() -> None:
    with pytest.raises(DataError, match=r"missing \['absent'\]"):
        shared_plan(corpus_of(HATE), count=2, seed=0, target="hate", proxy_types=(), labels=("absent",))
    polarized = corpus_of({POLARIZATION: [1, 1, 0, 0]})
    with pytest.raises(FoldPlanError, match="must have at least one label"):
        paper_classifier_plan(polarized, count=2, seed=0, labels=())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"assignment": [0, 0]}, "must assign rows to each of 0 to 1, got rows in"),
        ({"assignment": [0, 1, 2]}, "must assign rows to each of 0 to 1, got rows in"),
        ({"assignment": "01"}, "must hold a kind, two integers and a list of integers"),
        ({"assignment": [0, 1.0]}, "must hold a kind, two integers and a list of integers"),
        ({"count": True}, "must hold a kind, two integers"),
        ({"count": 1}, "number of folds must be at least 2"),
    ],
)
def test_refuses_damaged_stored_plans(changes: dict[str, object], message: str) -> None:
    stored = {"kind": "shared", "count": 2, "seed": 0, "assignment": [0, 1]}
    assert FoldPlan.from_json(stored).to_json() == stored

    with pytest.raises(FoldPlanError, match=message):
        FoldPlan.from_json(stored | changes)
    with pytest.raises(FoldPlanError, match=r"missing \['seed'\]"):
        FoldPlan.from_json({key: value for key, value in stored.items() if key != "seed"})


@pytest.mark.parametrize("fold", [-1, 2])
def test_refuses_folds_the_plan_has_not(fold: int) -> None:
    plan = FoldPlan("shared", 2, 0, np.array([0, 1]))

    with pytest.raises(FoldPlanError, match=f"between 0 and 1, got {fold}"):
        plan.validation_rows(fold)
    with pytest.raises(FoldPlanError, match=f"between 0 and 1, got {fold}"):
        plan.training_rows(fold)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("labels", "published"),
    [(TYPES, [431, 418, 428, 414, 430]), (MANIFESTATIONS, [426, 415, 427, 421, 432])],
)
def test_rebuilds_the_published_classifier_folds(shared_dir: Path, labels: Sequence[str], published: list[int]) -> None:
    """The sizes are the denominators of the exact-match accuracies in the published fold logs."""
    corpus = load_polar(shared_dir / "data" / "polar", "zho", order="competition")

    plan = paper_classifier_plan(corpus, count=5, seed=42, labels=labels)

    assert [len(plan.validation_rows(fold)) for fold in range(5)] == published
    detector = paper_detector_plan(corpus, count=5, seed=42)
    assert [len(detector.validation_rows(fold)) for fold in range(5)] == [856] * 5

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.plan_bench import corpus_of, folds_of, one_stage, polar_corpora, rows_digest, subtask_plans
from tune_polar.data.columns import class_column, group_column, number_column
from tune_polar.data.labels import MANIFESTATIONS, POLARIZATION, TYPES
from tune_polar.data.plans import make_plans
from tune_polar.data.repeated import bonds
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.table import Corpus
from tune_polar.errors import DataError, FoldPlanError

SAMPLE_FOLDS = "9ba085487cfb791d"  # of seed 0, five folds, seed 42: every number published for the sample rests on them


@pytest.mark.parametrize("subtask", ["st1", "st2", "st3"])
def test_recipes_of_one_data_set_have_the_same_folds(subtask: str) -> None:
    plans = subtask_plans("stratified", sample_corpus(), subtask, count=5, seed=42)

    assert {rows_digest(plan) for plan in plans.values()} == {SAMPLE_FOLDS}
    assert len({id(plan) for plan in plans.values()}) == 1
    assert plans["detector"].moved == 0


@settings(max_examples=60, deadline=None)
@given(corpus=polar_corpora(), count=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_each_row_is_validated_once_and_no_text_is_parted(corpus: Corpus, count: int, seed: int) -> None:
    try:
        plan = subtask_plans("stratified", corpus, count=count, seed=seed)["detector"]
    except FoldPlanError:
        return
    assert (plan.validation.sum(axis=0) == 1).all()
    np.testing.assert_array_equal(plan.training, ~plan.validation)
    folds, together = folds_of(plan), bonds(corpus.train, len(corpus.train))
    for number in np.unique(together):
        assert len(set(folds[together == number])) == 1
    positive = corpus.train.values(POLARIZATION) == 1
    for fold in range(count):
        training = plan.training_rows(fold)
        assert set(positive[training]) == {True, False}
        for label in MANIFESTATIONS:
            assert corpus.train.values(label)[training].any()
    assert subtask_plans("stratified", corpus, count=count, seed=seed)["detector"].hash == plan.hash


def test_folds_have_the_shares_of_all_labels() -> None:
    corpus = sample_corpus(rows_dev=0, rows_test=0)
    folds = folds_of(subtask_plans("stratified", corpus)["detector"])

    for label in (POLARIZATION, *TYPES, *MANIFESTATIONS):
        in_folds = np.bincount(folds, weights=corpus.train.values(label), minlength=5)
        # the common labels are placed last by the algorithm, with what freedom the rare ones leave
        assert np.ptp(in_folds) <= max(2, 0.25 * in_folds.mean()), label


def test_stratifies_on_what_there_is() -> None:
    rng = np.random.default_rng(0)
    corpus = corpus_of(
        {
            "hate": [1, 0] * 50,
            "insult": [1, 0, 0, 0] * 25,
            "topic": class_column(["news", "sport", "art", "art"] * 25, ["art", "news", "sport"]),
            "warmth": number_column(rng.permutation(100)),
            "language": group_column(["zho"] * 80 + ["eng"] * 20),
        }
    )

    def shares(plan_folds: np.ndarray, weights: np.ndarray) -> list[float]:
        return np.bincount(plan_folds, weights=weights, minlength=5).tolist()

    train = corpus.train
    bare = folds_of(one_stage("stratified", corpus, "hate", count=5, seed=0))
    assert shares(bare, train.values("hate")) == [10] * 5
    assert shares(bare, train.values("insult")) == [5] * 5
    both = folds_of(one_stage("stratified", corpus, "hate", "insult", count=5, seed=0))
    assert shares(both, train.values("insult")) == [5] * 5
    topics = folds_of(one_stage("stratified", corpus, "topic", strata=["language"], count=5, seed=0))
    for code in range(3):
        assert np.ptp(shares(topics, train.values("topic") == code)) <= 1
    assert shares(topics, train.values("language") == 0) == [4] * 5
    numbers = folds_of(one_stage("stratified", corpus, "warmth", count=5, seed=0))
    assert np.ptp([train.values("warmth")[numbers == fold].mean() for fold in range(5)]) < 4


def test_labels_of_some_rows_count_among_these_alone() -> None:
    corpus = corpus_of({"hate": [1, 1, 1, 0, 0, 0] * 3, "outside": [1, 0, 0, 1, 1, 1] + [0, 0, 0, 1, 1, 1] * 2})

    stages, targets = {"a": {}, "b": {"hate": 1}}, {"a": ["hate"], "b": ["outside"]}
    with pytest.raises(FoldPlanError, match="at least 2 rows for 3 folds, got 'outside = 1' with 1"):
        make_plans("stratified", corpus, stages=stages, targets=targets, count=3, seed=0)
    one_stage("stratified", corpus, "outside", count=3, seed=0)


HATE = {"hate": [1, 1, 1, 0, 0, 0], "rare": [1, 0, 0, 0, 0, 0], "other": [0, 1, 1, 0, 1, 0]}


def test_a_class_that_only_other_rows_have_is_none_that_a_stage_lacks() -> None:
    topic = class_column([*["bank", "phone"] * 6, *["none"] * 12], ["bank", "phone", "none"])
    corpus = corpus_of({"hate": [1] * 12 + [0] * 12, "topic": topic})
    stages, targets = {"finder": {}, "sorter": {"hate": 1}}, {"finder": ("hate",), "sorter": ("topic",)}
    plan = make_plans("stratified", corpus, stages=stages, targets=targets, count=3, seed=0)["sorter"]
    assert sorted(np.bincount(folds_of(plan))) == [8, 8, 8]
    with pytest.raises(FoldPlanError, match="got 'topic = none' with 0"):
        make_plans(
            "stratified",
            corpus_of({"topic": class_column(["bank", "phone"] * 6, ["bank", "phone", "none"])}),
            stages={"sorter": {}},
            targets={"sorter": ("topic",)},
            count=3,
            seed=0,
        )


@pytest.mark.parametrize(
    ("targets", "changes", "message"),
    [
        (["hate"], {"count": 1}, "number of folds must be at least 2, got 1"),
        (["hate"], {"count": -5}, "number of folds must be at least 2, got -5"),
        (["hate"], {"count": 7}, r"at most the rows to split \(6\), got 7"),
        (["hate"], {"seed": -1}, "seed of the folds must be between 0 and .*, got -1"),
        (["hate"], {"seed": 2**32}, "seed of the folds must be between 0"),
        (["rare", "other"], {}, "at least 2 rows for 3 folds, got 'rare' with 1"),
        (["topic"], {}, "at least 2 rows for 3 folds, got 'topic = b' with 1, 'topic = c' with 0"),
        (["all"], {}, "both classes of 'all' must be there to split, got 6 positive of 6 rows"),
        (["none"], {}, "both classes of 'none' must be there to split, got 0 positive of 6 rows"),
        (["flat"], {}, r"a number to learn must have more than one value, got 'flat' with \[1.0\]"),
        (["hate"], {"together": ["flat"]}, "rows that belong together must leave a group for each of 3 folds, got 1"),
    ],
)
def test_refuses_plans_that_cannot_be(targets: list[str], changes: dict[str, object], message: str) -> None:
    further = {
        "topic": class_column(list("aaaaab"), ["a", "b", "c"]),
        "flat": number_column([1.0] * 6),
        "all": [1] * 6,
        "none": [0] * 6,
    }
    with pytest.raises(FoldPlanError, match=message):
        one_stage("stratified", corpus_of({**HATE, **further}), *targets, **{"count": 3, "seed": 0, **changes})


def test_refuses_columns_that_are_not_there() -> None:
    for asked in ({"together": ["absent"]}, {"strata": ["absent"]}):
        with pytest.raises(DataError, match=r"missing \['absent'\]"):
            one_stage("stratified", corpus_of(HATE), "hate", count=2, seed=0, **asked)
    with pytest.raises(DataError, match=r"missing \['absent'\]"):
        one_stage("stratified", corpus_of(HATE), "absent", count=2, seed=0)


def test_rows_of_one_value_stay_together_in_equal_shares() -> None:
    rng = np.random.default_rng(3)
    authors = np.repeat(np.arange(40), 10)
    corpus = corpus_of(
        {
            "hate": (rng.random(400) < 0.3).astype(int).tolist(),
            "author": group_column([f"a{number:02}" for number in authors]),
        }
    )

    plan = one_stage("stratified", corpus, "hate", together=["author"], count=5, seed=42)

    folds = folds_of(plan)
    assert all(len(set(folds[authors == author])) == 1 for author in range(40))
    assert np.bincount(folds).tolist() == [80] * 5
    assert np.ptp(np.bincount(folds, weights=corpus.train.values("hate"))) <= 4
    assert plan.moved > 0


def test_a_few_repetitions_move_a_few_rows() -> None:
    values = [1, 0] * 100
    texts = [f"text {row}" for row in range(200)]
    plain = folds_of(one_stage("stratified", corpus_of({"hate": values}, texts), "hate", count=5, seed=42))
    other = next(row for row in range(200) if plain[row] != plain[0])
    texts[other] = " TEXT 0\u200b"

    plan = one_stage("stratified", corpus_of({"hate": values}, texts), "hate", count=5, seed=42)

    changed = np.flatnonzero(folds_of(plan) != plain)
    assert set(changed) <= {0, other}
    assert plan.moved == len(changed) >= 1
    assert folds_of(plan)[0] == folds_of(plan)[other]


def test_seeds_give_other_plans() -> None:
    corpus = sample_corpus(rows_train=200, rows_dev=0, rows_test=0)
    plans = [subtask_plans("stratified", corpus, seed=seed)["detector"].hash for seed in (42, 43)]

    assert len(set(plans)) == 2


@pytest.mark.parametrize("sizes", [[400, 21, 8, 2, 1], [300, 3, 2, 2, 1, 1], [60, 50, 1, 1, 1], [9, 9, 9, 9, 9, 1]])
@pytest.mark.parametrize("seed", range(4))
def test_as_many_folds_as_groups_can_be_made_whatever_their_sizes(sizes: list[int], seed: int) -> None:
    authors = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    hate = [row % 2 for row in range(len(authors))]
    corpus = corpus_of({"hate": hate, "author": group_column([f"a{author}" for author in authors])})

    plan = one_stage("stratified", corpus, "hate", together=["author"], count=5, seed=seed)

    assert plan.validation.sum(axis=0).tolist() == [1] * len(authors)
    for fold in range(5):
        assert not set(authors[plan.validation_rows(fold)]) & set(authors[plan.training_rows(fold)])
    if len(sizes) == 5:
        assert sorted(plan.validation.sum(axis=1).tolist(), reverse=True) == sizes

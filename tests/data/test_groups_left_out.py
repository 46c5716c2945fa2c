"""What a plan that holds groups out keeps to, whatever the groups, the repeated texts and the draws."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.plan_bench import corpus_of, one_stage
from tune_polar.data.columns import group_column, number_column
from tune_polar.data.plans import FoldPlan
from tune_polar.data.table import Corpus
from tune_polar.errors import FoldPlanError

SHARE = 0.25


@st.composite
def corpora(draw: st.DrawFn) -> Corpus:
    """3 to 6 languages of 12 to 30 rows each, some rows of none, and texts of which several stand in two languages."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    languages = [name for name in "abcdef"[: draw(st.integers(3, 6))] for _ in range(int(rng.integers(12, 31)))]
    languages += [""] * draw(st.integers(0, 3))
    rows = len(languages)
    texts = [f"text {number}" for number in rng.integers(draw(st.integers(2 * rows, 6 * rows)), size=rows)]
    # White space and case do not make another text.
    texts = [text.upper() + " " if row % 3 == 0 else text for row, text in enumerate(texts)]
    columns = {"warmth": number_column(rng.random(rows)), "language": group_column(languages)}
    return corpus_of(columns, texts)


def plan_of(corpus: Corpus, **settings: object) -> FoldPlan:
    return one_stage("leave_groups_out", corpus, "warmth", by="language", share=SHARE, seed=7, **settings)


def held_out(corpus: Corpus, plan: FoldPlan, fold: int) -> set[int]:
    groups = corpus.train.values("language")
    return set(np.unique(groups[groups >= 0])) - set(groups[plan.training_rows(fold)])


@settings(max_examples=60, deadline=None)
@given(corpora(), st.integers(1, 2))
def test_every_choice_of_groups_is_held_out_once_and_none_of_it_trains(corpus: Corpus, count: int) -> None:
    plan = plan_of(corpus, held_out=count)
    groups = corpus.train.values("language")
    present = sorted(set(groups[groups >= 0].tolist()))
    assert plan.count == comb(len(present), count)
    validated = [set(groups[plan.validation_rows(fold)].tolist()) for fold in range(plan.count)]
    whole = [
        {group for group in present if plan.validation[fold][groups == group].all()} & held_out(corpus, plan, fold)
        for fold in range(plan.count)
    ]
    assert all(len(each) >= count for each in whole)
    times = Counter(group for each in whole for group in each)
    for group in present:  # each group is held out in as many folds as there are choices of the others
        assert times[group] >= comb(len(present) - 1, count - 1)
        assert plan.validation[:, groups == group].sum(axis=0).min() >= comb(len(present) - 1, count - 1)
    assert all(len(each) > 0 for each in validated)
    texts = np.array([text.strip().lower() for text in corpus.train.texts])
    for validated_rows in plan.validation:  # rows of no group: only as copies of such of a group
        assert set(texts[validated_rows & (groups < 0)]) <= set(texts[validated_rows & (groups >= 0)])


@settings(max_examples=60, deadline=None)
@given(corpora(), st.integers(1, 2))
def test_a_text_never_stands_on_both_sides_of_a_fold_in_any_language(corpus: Corpus, count: int) -> None:
    plan = plan_of(corpus, held_out=count)
    texts = np.array([text.strip().lower() for text in corpus.train.texts])
    for fold in range(plan.count):
        assert not set(texts[plan.training_rows(fold)]) & set(texts[plan.validation_rows(fold)])
        for row in plan.idle_rows(fold).tolist():  # only copies of what is validated rest
            assert texts[row] in set(texts[plan.validation_rows(fold)])


@settings(max_examples=60, deadline=None)
@given(corpora())
def test_of_each_group_that_trains_a_share_is_validated(corpus: Corpus) -> None:
    plan, groups = plan_of(corpus, held_out=1), corpus.train.values("language")
    copies = Counter(text.strip().lower() for text in corpus.train.texts)
    most = max(copies.values())
    for fold in range(plan.count):
        for group in set(groups[groups >= 0].tolist()) - held_out(corpus, plan, fold):
            own = groups == group
            got, wanted = int(plan.validation[fold][own].sum()), round(SHARE * int(own.sum()))
            assert wanted - most <= got <= wanted + most * len(copies)
            if len(copies) == len(corpus.train):
                assert got == wanted


@settings(max_examples=30, deadline=None)
@given(corpora(), st.integers(0, 2**31 - 1), st.integers(1, 3))
def test_draws_are_folds_of_all_choices_and_no_two_are_the_same(corpus: Corpus, seed: int, draws: int) -> None:
    whole = one_stage("leave_groups_out", corpus, "warmth", by="language", held_out=1, share=SHARE, seed=seed)
    some = one_stage(
        "leave_groups_out", corpus, "warmth", by="language", held_out=1, share=SHARE, seed=seed, draws=draws
    )
    found = [some.hash_of(fold) for fold in range(some.count)]
    assert len(set(found)) == draws
    assert set(found) <= {whole.hash_of(fold) for fold in range(whole.count)}


@settings(max_examples=30, deadline=None)
@given(corpora())
def test_a_share_of_all_rows_keeps_repeated_texts_together_across_languages(corpus: Corpus) -> None:
    plan = one_stage("holdout", corpus, "warmth", share=SHARE, seed=3)
    texts = np.array([text.strip().lower() for text in corpus.train.texts])
    assert not set(texts[plan.training_rows(0)]) & set(texts[plan.validation_rows(0)])
    assert (plan.training[0] ^ plan.validation[0]).all(), "every row trains or is validated"


@settings(max_examples=30, deadline=None)
@given(corpora(), st.integers(1, 2))
def test_groups_that_only_other_splits_have_change_no_fold(corpus: Corpus, count: int) -> None:
    words = corpus.train.words("language")
    more = {**corpus.train.columns, "language": group_column(words, ["A", *"abcdef", "aa"])}
    other = Corpus("made", {"train": replace(corpus.train, columns=more)})
    assert plan_of(other, held_out=count).hash == plan_of(corpus, held_out=count).hash


def two_languages(warmth: list[float], languages: str) -> Corpus:
    return corpus_of({"warmth": number_column(warmth), "language": group_column(list(languages))})


def test_refuses_numbers_that_nothing_can_be_learned_or_told_of() -> None:
    with pytest.raises(FoldPlanError, match=r"at least 2 rows with numbers, got one row of 'c' in 'language'"):
        plan_of(two_languages([1, 2, 3, 4, 5], "aabbc"), held_out=1)
    with pytest.raises(
        FoldPlanError, match=r"different numbers of 'warmth', got 3 in all 4 rows that fold 0 trains on"
    ):
        plan_of(two_languages([1, 2, 1, 2, 3, 3, 3, 3, 3], "aaaabbbbb"), held_out=1)
    with pytest.raises(FoldPlanError, match=r"more than one value, got 'warmth' with \[3.0\]"):
        plan_of(two_languages([3.0] * 6, "aabbcc"), held_out=1)
    with pytest.raises(FoldPlanError, match=r"got 3 of the 3 groups of 'language'\n.*folds.held_out"):
        plan_of(two_languages([1, 2, 3, 4, 5, 6], "aabbcc"), held_out=3)

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest

from tests.data.plan_bench import corpus_of, one_stage, subtask_plans
from tune_polar.data.columns import group_column, label_column, number_column
from tune_polar.data.plans import PLANS, corpus_for, make_plans, register
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.table import Corpus, Split
from tune_polar.errors import DataError, FoldPlanError

# -- holdout


def test_holdout_validates_a_share_of_everything() -> None:
    corpus = sample_corpus()
    plans = subtask_plans("holdout", corpus, share=0.2, seed=42)
    plan = plans["detector"]

    assert plans["classifier"] is plan
    assert plan.count == 1
    assert len(plan.validation_rows(0)) == 200
    for name, column in corpus.train.columns.items():
        if column.kind == "label":
            share = corpus.train.values(name)[plan.validation[0]].sum() / corpus.train.values(name).sum()
            assert 0.1 < share < 0.3, name
    assert subtask_plans("holdout", corpus, share=0.2, seed=42)["detector"].hash == plan.hash
    assert subtask_plans("holdout", corpus, share=0.2, seed=43)["detector"].hash != plan.hash


def test_holdout_keeps_repetitions_together() -> None:
    texts = [f"text {row // 4}" for row in range(200)]
    corpus = corpus_of({"hate": [1, 0, 0, 0, 0] * 40}, texts)

    plan = one_stage("holdout", corpus, "hate", share=0.25, seed=1)

    validated = {texts[row] for row in plan.validation_rows(0)}
    assert validated.isdisjoint(texts[row] for row in plan.training_rows(0))
    assert 40 <= len(plan.validation_rows(0)) <= 60


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"share": 0.0}, "validated share must be between 0 and 1, got 0.0"),
        ({"share": 1.0}, "validated share must be between 0 and 1, got 1.0"),
        ({"share": 0.01}, "both parts must have a row, got a share of 0.01 of 6 rows"),
        ({"seed": -1}, "seed of the folds"),
    ],
)
def test_holdout_refuses_what_cannot_be(changes: dict[str, object], message: str) -> None:
    with pytest.raises(FoldPlanError, match=message):
        one_stage("holdout", corpus_of({"hate": [1, 0] * 3}), "hate", **changes)


# -- given


def given_plan(words: Sequence[str], texts: Sequence[str] | None = None) -> object:
    columns = {"hate": [0, 1] * (len(words) // 2), "split": group_column(words)}
    return one_stage("given", corpus_of(columns, texts), "hate", column="split")


def test_given_words_are_one_fold_and_copies_of_what_is_validated_do_not_train() -> None:
    plan = given_plan(["train", "Train", "training", "dev", "validation", "test", "val", "train"], list("abcdeCgE"))

    assert plan.count == 1
    assert plan.validation_rows(0).tolist() == [3, 4, 6]
    assert plan.training_rows(0).tolist() == [0, 1, 2]
    assert plan.idle_rows(0).tolist() == [5, 7]


def test_given_numbers_are_folds_and_rows_without_one_always_train() -> None:
    plan = given_plan(["2", "10", "1", "2", "", "1", "10", "1"])

    assert plan.count == 3
    assert [plan.validation_rows(fold).tolist() for fold in range(3)] == [[2, 5, 7], [0, 3], [1, 6]]
    assert all(plan.training[:, 4])
    columns = {"hate": [0, 1] * 2, "fold": label_column([0, 0, 1, 1]), "number": number_column([3, 3, 5, 5])}
    for column in ("fold", "number"):
        plan = one_stage("given", corpus_of(columns), "hate", column=column)
        assert plan.validation_rows(1).tolist() == [2, 3]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["train", "dev", "x", "train"],
            r"must say train and dev, or the number of a fold, got \['dev', 'train', 'x'\]",
        ),
        (["", "", "", ""], "must say train and dev"),
        (["-1", "0", "1", "1"], "must say train and dev, or the number of a fold"),
        (["train", "", "dev", "train"], "must say of every row whether it is of train or dev, .* and 1 empty"),
        (["train", "train", "train", "test"], "must say of every row whether it is of train or dev, and of some each"),
        (["1", "1", "1", "1"], "every fold must train on at least one row"),
        (["train", "dev", "train", "dev"], "every training part must have a row of every label, got 'hate = 1'"),
    ],
)
def test_given_refuses_what_cannot_be(words: Sequence[str], message: str) -> None:
    with pytest.raises(FoldPlanError, match=message):
        given_plan(words)


def split_of(name: str, hate: Sequence[int], start: int, **columns: object) -> Split:
    ids = tuple(f"{name}{row}" for row in range(len(hate)))
    texts = tuple(f"text {row}" for row in range(start, start + len(hate)))
    return Split(name, ids, texts, {"hate": label_column(hate), **columns})  # type: ignore[arg-type]


def test_a_dev_split_of_its_own_is_a_given_plan() -> None:
    train, dev, test = split_of("train", [0, 1, 0, 1, 1], 0), split_of("dev", [1, 0], 10), split_of("test", [1], 20)
    corpus = Corpus("made", {"train": train, "dev": dev, "test": test}, np.array([0]))

    whole = corpus_for("given", corpus, column="split")
    plan = one_stage("given", whole, "hate", column="split")

    assert list(whole.splits) == ["train", "test"]
    assert whole.train.ids == ("train0", "train1", "train2", "train3", "dev0", "dev1", "train4")
    assert whole.own_rows == 6
    assert plan.validation_rows(0).tolist() == [4, 5]
    assert plan.training_rows(0).tolist() == [0, 1, 2, 3, 6]
    assert corpus_for("stratified", corpus) is corpus


def test_rows_called_test_become_the_test_split() -> None:
    words = group_column(["train", "test", "dev", "train", "test", "train"])
    train = split_of("train", [0, 1, 0, 1, 1, 1], 0, split=words)
    corpus = Corpus("made", {"train": train}, np.array([3]))

    whole = corpus_for("given", corpus)

    assert whole.train.ids == ("train0", "train2", "train3", "train5")
    assert whole.splits["test"].ids == ("train1", "train4")
    assert whole.sources.tolist() == [2]
    assert corpus_for("given", whole) is whole


def test_given_needs_a_column_or_a_dev_split() -> None:
    with pytest.raises(FoldPlanError, match="given folds must have the column 'part', or a dev split, got neither"):
        corpus_for("given", corpus_of({"hate": [0, 1]}), column="part")
    with pytest.raises(DataError, match=r"missing \['part'\]"):
        one_stage("given", corpus_of({"hate": [0, 1]}), "hate", column="part")


# -- groups left out


def languages(rows: int = 60, names: str = "abcdef") -> Corpus:
    rng = np.random.default_rng(0)
    return corpus_of(
        {
            "warmth": number_column(rng.random(rows)),
            "language": group_column([names[row % len(names)] for row in range(rows)]),
        }
    )


def test_each_choice_of_groups_is_a_fold() -> None:
    corpus = languages()
    groups = corpus.train.values("language")

    plan = one_stage("leave_groups_out", corpus, "warmth", by="language", held_out=2, share=0.2, seed=42)

    assert plan.count == 15
    for fold, chosen in enumerate(combinations(range(6), 2)):
        assert plan.validation[fold][np.isin(groups, chosen)].all()
        assert set(groups[plan.training_rows(fold)]) == set(range(6)) - set(chosen)
        for other in set(range(6)) - set(chosen):
            assert plan.validation[fold][groups == other].sum() == 2
        assert (plan.training[fold] ^ plan.validation[fold]).all()


def test_draws_are_some_of_all_folds_and_the_same_rows() -> None:
    corpus = languages()
    every = one_stage("leave_groups_out", corpus, "warmth", by="language", held_out=2)
    some = one_stage("leave_groups_out", corpus, "warmth", by="language", held_out=2, draws=4)

    assert some.count == 4
    assert {some.hash_of(fold) for fold in range(4)} < {every.hash_of(fold) for fold in range(15)}
    other = one_stage("leave_groups_out", corpus, "warmth", by="language", held_out=2, draws=4, seed=1)
    assert other.hash != some.hash
    many = languages(200, "abcdefghijklmnopqrst")
    drawn = one_stage("leave_groups_out", many, "warmth", by="language", held_out=8, draws=5, share=0.0)
    assert drawn.count == 5
    assert drawn.validation.sum(axis=1).tolist() == [80] * 5


def test_a_text_of_a_held_out_group_does_not_train_elsewhere() -> None:
    texts = [f"text {row}" for row in range(60)]
    texts[1] = texts[0]  # of groups b and a
    texts[8] = texts[2]  # both of group c
    corpus = languages()
    corpus = corpus_of(corpus.train.columns, texts)

    plan = one_stage("leave_groups_out", corpus, "warmth", by="language", held_out=1)

    assert plan.idle_rows(0).tolist() == [1]
    assert plan.idle_rows(1).tolist() == [0]
    for fold in range(6):
        assert plan.validation[fold][2] == plan.validation[fold][8]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"held_out": 6}, "at least 1 and fewer than there are, got 6 of the 6 groups of 'language'"),
        ({"held_out": 0}, "got 0 of the 6 groups"),
        ({"by": "warmth"}, "numbers of 'warmth'"),
        ({"share": 1.0}, "validated share must be at least 0 and below 1, got 1.0"),
        ({"draws": 7}, "at most the 6 choices of 1 of 6 groups, and at most 100, got 7"),
        ({"draws": 0}, "got 0"),
        ({"seed": -1}, "seed of the folds"),
    ],
)
def test_leave_groups_out_refuses_what_cannot_be(changes: dict[str, object], message: str) -> None:
    with pytest.raises(FoldPlanError, match=message):
        one_stage("leave_groups_out", languages(), "warmth", **{"by": "language", **changes})


def test_too_many_choices_are_drawn() -> None:
    with pytest.raises(FoldPlanError, match=r"got 184756\n.*folds.draws from 1 to 100"):
        one_stage("leave_groups_out", languages(200, "abcdefghijklmnopqrst"), "warmth", by="language", held_out=10)


# -- all kinds


def test_a_stage_must_have_rows_to_validate_in_every_fold() -> None:
    columns = {"hate": [1, 1, 1, 1, 0, 0], "kind": [1, 0, 1, 0, 1, 0], "split": group_column(list("112233"))}
    stages, targets = {"a": {}, "b": {"hate": 1}}, {"a": ["kind"], "b": ["kind"]}

    with pytest.raises(FoldPlanError, match=r"at least one row with hate = 1, got none in folds \[2\]"):
        make_plans("given", corpus_of(columns), stages=stages, targets=targets, column="split")


def test_refuses_a_kind_that_is_not_there() -> None:
    with pytest.raises(
        FoldPlanError, match=r"must be one of stratified, paper, .*, got 'stratifed'; did you mean 'strat"
    ):
        one_stage("stratifed", corpus_of({"hate": [0, 1]}), "hate")


def test_further_kinds_are_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tune_polar.data.plans.PLANS", dict(PLANS))
    register("mine")(PLANS["holdout"])
    with pytest.raises(ValueError, match="'mine' must be registered once"):
        register("mine")(PLANS["holdout"])

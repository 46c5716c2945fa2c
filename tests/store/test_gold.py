"""What a store keeps of the data: typed columns of every split, plans as masks, which texts repeat, and no text."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from tests.store.made_recipes import recipe_of, regression, three_classes, two_stages
from tests.store.made_store import made_corpus, made_split, plans_of
from tune_polar.data.columns import Column, group_column, label_column, text_column
from tune_polar.data.plans.fold_plan import FoldPlan, partition
from tune_polar.data.table import Corpus, Split
from tune_polar.errors import DataError, StoreError
from tune_polar.store import codec
from tune_polar.store.gold import Gold, GoldSplit, gold_digest, gold_of
from tune_polar.store.near_texts import NearRows

MIXED: Mapping[str, Any] = {
    "recipe": "mixed",
    "data": {
        "labels": ["hurt"],
        "classes": {"topic": ["news", "sport/travel", "other"]},
        "numbers": {"grade": [1, 5]},
        "groups": ["language"],
        "texts": {"positive": {"column": "implied"}},
        "evaluate": {"later": {"path": "later.csv"}, "plan": {"path": "plan.csv"}},
    },
    "folds": {"count": 3, "together": ["author"]},
    "stages": {
        "zeta": {"task": {"type": "multiclass", "target": "topic"}},
        "alpha": {"task": {"type": "binary", "target": "hurt"}},
    },
    "score": {"of": "zeta"},
}


def again(gold: Gold) -> Gold:
    return Gold.from_parts(*codec.decode_arrays(codec.encode_arrays(*gold.to_parts())))


def same_column(one: Column, other: Column) -> bool:
    values = np.asarray(one.values), np.asarray(other.values)
    return (
        (one.kind, one.names) == (other.kind, other.names)
        and values[0].dtype == values[1].dtype
        and np.array_equal(*values)
    )


def same_split(one: GoldSplit, other: GoldSplit) -> bool:
    return (
        one.ids == other.ids
        and list(one.columns) == list(other.columns)
        and all(same_column(one.columns[name], other.columns[name]) for name in one.columns)
    )


@pytest.fixture
def mixed() -> Gold:
    recipe = recipe_of(MIXED)
    corpus = made_corpus(recipe, rows=60, dev=11, test=13)
    blind = dataclasses.replace(corpus.splits["test"], columns={})
    corpus = Corpus("mixed", {**corpus.splits, "test": blind})
    return gold_of(corpus, plans_of(recipe, corpus))


def test_gold_is_read_as_it_was_written(mixed):
    after = again(mixed)
    assert list(after.splits) == ["train", "dev", "test", "later", "plan"]
    assert all(same_split(after.splits[name], mixed.splits[name]) for name in mixed.splits)
    assert {column.kind for column in after.train.columns.values()} == {"label", "class", "number", "group"}
    assert "positive" not in after.train.columns
    assert after.splits["test"].columns == {}
    assert len(after.splits["test"]) == 13
    assert list(after.plans) == list(mixed.plans)
    assert {name: plan.hash for name, plan in after.plans.items()} == {
        name: plan.hash for name, plan in mixed.plans.items()
    }
    assert after.plans["alpha"] is after.plans["zeta"], "stages that share a plan share it again"
    assert gold_digest(after) == gold_digest(mixed)


def test_plans_that_differ_stay_apart_in_the_order_of_the_stages():
    paper = {"folds": {"plan": "paper", "count": 3}, "score": {"of": "kinds"}, "decide__system": None}
    recipe = two_stages(sorter__start__fold="best", **paper)
    corpus = made_corpus(recipe, rows=60, dev=0)
    gold = gold_of(corpus, dict(reversed(plans_of(recipe, corpus).items())))
    after = again(gold)
    assert list(after.plans) == list(gold.plans)
    assert after.plans["finder"].hash != after.plans["sorter"].hash
    for name, plan in gold.plans.items():
        np.testing.assert_array_equal(after.plans[name].training, plan.training)
        np.testing.assert_array_equal(after.plans[name].validation, plan.validation)
        assert (after.plans[name].kind, after.plans[name].moved) == (plan.kind, plan.moved)


def test_masks_take_an_eighth_of_a_byte_a_row(mixed):
    arrays = mixed.to_parts()[1]
    masks = [array for name, array in arrays.items() if name.startswith("plan/0/")]
    assert [mask.nbytes for mask in masks] == [3 * 8, 3 * 8]  # 3 folds, 60 rows


def test_numbers_are_kept_as_they_were_read():
    recipe = regression()
    corpus = made_corpus(recipe)
    gold = gold_of(corpus, plans_of(recipe, corpus))
    np.testing.assert_array_equal(again(gold).train.values("closeness"), corpus.train.values("closeness"))


@pytest.mark.parametrize("make", [two_stages, three_classes, regression])
def test_gold_of_every_shape_holds_no_text(make):
    recipe = make()
    corpus = made_corpus(recipe)
    content = codec.encode_arrays(*gold_of(corpus, plans_of(recipe, corpus)).to_parts())
    assert b"train5" in content
    assert b"text" not in content


def test_a_split_says_what_a_split_of_the_corpus_says(mixed):
    recipe = recipe_of(MIXED)
    train = made_corpus(recipe, rows=60, dev=11, test=13).train
    np.testing.assert_array_equal(mixed.train.values("topic"), train.values("topic"))
    np.testing.assert_array_equal(mixed.train.matrix(("hurt",)), train.matrix(("hurt",)))
    for conditions in ({}, {"hurt": 1}, {"topic": "news"}, {"hurt": 0, "language": "eng"}):
        np.testing.assert_array_equal(mixed.train.where(conditions), train.where(conditions))
    for ask in (lambda: mixed.train.values("absent"), lambda: mixed.train.where({"hurt": 2})):
        with pytest.raises(DataError):
            ask()


# -- repeated texts -------------------------------------------------------------------------------------------


def split(name: str, texts: tuple[str, ...]) -> Split:
    ids = tuple(f"{name}{row}" for row in range(len(texts)))
    return Split(name, ids, texts, {"hurt": label_column(row % 2 for row in range(len(texts)))})


def repeated(
    train: tuple[str, ...], plans: Mapping[str, FoldPlan], **others: tuple[str, ...]
) -> dict[str, list[list[int]]]:
    splits = {"train": split("train", train)} | {name: split(name, texts) for name, texts in others.items()}
    gold = gold_of(Corpus("c", splits), plans)
    assert {name: pairs.tolist() for name, pairs in again(gold).repeated.items()} == {
        name: pairs.tolist() for name, pairs in gold.repeated.items()
    }
    return {name: pairs.tolist() for name, pairs in gold.repeated.items()}


def folds(*numbers: int) -> FoldPlan:
    return partition("given", np.array(numbers), max(numbers) + 1)


def test_repeated_texts_are_found_as_a_reader_would_and_only_across_folds():
    found = repeated(
        ("one", "ＯＮＥ ", "two", "two", "three", "four"),
        {"model": folds(0, 1, 0, 0, 1, 1)},
        dev=("THREE", "five"),
        sbic=("six", "four", "four"),
    )
    assert found == {"train": [[0, 1]], "dev": [[0, 4]], "sbic": [[1, 5], [2, 5]]}, "two and two are in one fold"
    assert repeated(("a", "b", "c", "d"), {"model": folds(0, 1, 0, 1)}, dev=("e",)) == {}


def test_each_row_that_is_scored_by_its_own_text_stands_in_one_pair():
    assert repeated(("x", "x", "x", "y"), {"model": folds(0, 1, 0, 1)}) == {"train": [[0, 1], [1, 2]]}
    assert repeated(("x", "x", "x", "y"), {"model": folds(0, 0, 1, 1)}) == {"train": [[0, 2]]}


def test_a_row_that_takes_no_part_in_a_fold_is_no_repetition_in_it():
    assert repeated(("x", "x", "y", "z"), {"model": folds(0, -1, 0, 1)}) == {}
    assert repeated(("x", "x", "y", "z"), {"a": folds(0, -1, 0, 1), "b": folds(0, 1, 0, 1)}) == {"train": [[0, 1]]}
    training = np.array([[False, True, True, True], [True, True, False, False]])
    validation = np.array([[True, False, False, False], [False, False, True, True]])
    assert repeated(("x", "y", "x", "z"), {"model": FoldPlan("given", training, validation)}) == {"train": [[0, 2]]}


def test_many_rows_of_one_text_cost_no_more_than_others():
    texts = ("same",) * 20_000
    plan = folds(*(row % 2 for row in range(len(texts))))
    assert len(repeated(texts, {"model": plan})["train"]) == len(texts) - 1


def test_near_twins_are_found_across_folds_and_in_other_splits():
    train = ("a b c d e", "a b c d e f", "A b c d e", "p q r s t", "p q r s t u", "x y")
    dev = Split("dev", ("1", "2"), ("b c d e a f", "g h i j k"), {})
    corpus = Corpus("c", {"train": split("train", train), "dev": dev})
    near = gold_of(corpus, {"model": folds(0, 1, 1, 2, 2, 0)}).near
    assert {name: pairs.tolist() for name, pairs in near.pairs.items()} == {"train": [[1, 0]], "dev": [[0, 0]]}, (
        "3 and 4 are in one fold, 0 and 2 are equal, 5 is too short"
    )
    assert near.is_complete


# -- forged gold ----------------------------------------------------------------------------------------------

Forge = Callable[[dict[str, Any], dict[str, np.ndarray]], object]
FORGED: list[Forge] = [
    lambda header, arrays: header.pop("plans"),
    lambda header, arrays: header.pop("repeated"),
    lambda header, arrays: header.update(splits=[]),
    lambda header, arrays: header.update(stages=[]),
    lambda header, arrays: header.update(stages=["alpha"]),
    lambda header, arrays: header.update(stages=["alpha", "zeta", "zeta"]),
    lambda header, arrays: header["plans"].pop(),
    lambda header, arrays: header["plans"][0].update(stages=["alpha"]),
    lambda header, arrays: header["plans"][0].update(moved=-1),
    lambda header, arrays: header["plans"][0].update(kind=3),
    lambda header, arrays: header["splits"].pop(0),
    lambda header, arrays: header["splits"].append(header["splits"][0]),
    lambda header, arrays: header["splits"][0].update(ids=3),
    lambda header, arrays: header["splits"][0]["ids"].pop(),
    lambda header, arrays: header["splits"][0]["columns"].pop(),
    lambda header, arrays: header["splits"][0]["columns"].append(header["splits"][0]["columns"][0]),
    lambda header, arrays: header["splits"][0]["columns"][0].update(name="absent"),
    lambda header, arrays: header["splits"][0]["columns"][0].update(kind="text"),
    lambda header, arrays: header["splits"][0]["columns"][0].update(kind="number"),
    lambda header, arrays: header["splits"][0]["columns"][0].update(names=["a"]),
    lambda header, arrays: column(header, "topic").update(names=["news", "sport"]),
    lambda header, arrays: column(header, "topic").update(names=["news", "news", "news"]),
    lambda header, arrays: column(header, "language").update(names=["eng"]),
    lambda header, arrays: header.update(repeated=["elsewhere"]),
    lambda header, arrays: header.update(near=["elsewhere"]),
    lambda header, arrays: header.update(near_is_complete=1),
    lambda header, arrays: header.pop("near"),
    lambda header, arrays: arrays.update({"near/dev": np.array([[0, 60]], np.int32)}),
    lambda header, arrays: arrays.pop("gold/train/hurt"),
    lambda header, arrays: arrays.update({"gold/train/more": np.zeros(60, np.int8)}),
    lambda header, arrays: arrays.update({"gold/train/hurt": np.zeros(61, np.int8)}),
    lambda header, arrays: arrays.update({"gold/train/hurt": np.zeros((60, 1), np.int8)}),
    lambda header, arrays: arrays.update({"gold/train/hurt": np.zeros(60, np.int64)}),
    lambda header, arrays: arrays.update({"gold/train/hurt": np.full(60, 2, np.int8)}),
    lambda header, arrays: arrays.update({"gold/train/topic": np.full(60, -1, np.int32)}),
    lambda header, arrays: arrays.update({"gold/train/language": np.full(60, -2, np.int32)}),
    lambda header, arrays: arrays.update({"gold/train/grade": np.full(60, np.nan)}),
    lambda header, arrays: arrays.update({"gold/train/grade": np.full(60, 1, np.float32)}),
    lambda header, arrays: arrays.update({"plan/0/training": np.zeros((3, 8), np.uint8)}),
    lambda header, arrays: arrays.update({"plan/0/training": arrays["plan/0/training"][:2]}),
    lambda header, arrays: arrays.update({"plan/0/training": arrays["plan/0/training"][:, :7]}),
    lambda header, arrays: arrays.update({"plan/0/training": arrays["plan/0/training"][0]}),
    lambda header, arrays: arrays.update({"plan/0/training": arrays["plan/0/training"].astype(np.int8)}),
    lambda header, arrays: arrays.update({"plan/0/training": arrays["plan/0/validation"]}),
    lambda header, arrays: arrays.update({"plan/0/validation": arrays["plan/0/validation"] | 1}),
    lambda header, arrays: arrays.update({"plan/0/validation": np.zeros((0, 8), np.uint8)}),
    lambda header, arrays: arrays.update({"repeated/dev": np.array([[11, 0]], np.int32)}),
    lambda header, arrays: arrays.update({"repeated/dev": np.array([[0, 60]], np.int32)}),
    lambda header, arrays: arrays.update({"repeated/dev": np.array([[-1, 0]], np.int32)}),
    lambda header, arrays: arrays.update({"repeated/dev": np.array([0, 1], np.int32)}),
    lambda header, arrays: arrays.update({"repeated/dev": np.array([[0.0, 1.0]])}),
]  # fmt: skip


def column(header: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in header["splits"][0]["columns"] if each["name"] == name)


@pytest.mark.parametrize("place", range(len(FORGED)))
def test_forged_gold_is_damaged_gold(search, mixed, place):
    pairs = {"dev": np.array([[0, 1]])}
    header, arrays = dataclasses.replace(mixed, repeated=pairs, near=NearRows(pairs, is_complete=False)).to_parts()
    path = search.folder / "gold.safetensors"
    path.write_bytes(codec.encode_arrays(header, arrays))
    read = search.store.gold()
    assert read.repeated["dev"].tolist() == read.near.pairs["dev"].tolist() == [[0, 1]]
    assert not read.near.is_complete
    FORGED[place](header, arrays)
    path.write_bytes(codec.encode_arrays(header, arrays))
    with pytest.raises(StoreError, match=r"must hold an undamaged gold"):
        search.store.gold()


def test_a_column_of_texts_cannot_be_put_in(mixed):
    texts = {**mixed.train.columns, "secret": text_column(["what was said"] * 60)}
    spoilt = dataclasses.replace(mixed, splits={**mixed.splits, "train": GoldSplit(mixed.train.ids, texts)})
    with pytest.raises(KeyError):
        spoilt.to_parts()


def test_a_group_that_a_row_does_not_have_stays_missing():
    recipe = two_stages()
    train = made_split(recipe, "train", 40, np.random.default_rng(0))
    words = ["eng", ""] * 20
    columns = {**train.columns, "language": group_column(words, ["deu", "eng"])}
    corpus = Corpus("c", {"train": dataclasses.replace(train, columns=columns)})
    assert again(gold_of(corpus, plans_of(recipe, corpus))).train.columns["language"].words() == words

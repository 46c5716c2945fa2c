from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_polar.data.batches import BATCHES, BatchContext, Batches, make_batches, register
from tune_polar.data.batching import BalancedBatches, LengthGroupedBatches
from tune_polar.errors import DataError

LENGTHS = np.random.default_rng(1).integers(5, 90, size=200)
STRATA = np.random.default_rng(2).integers(0, 6, size=200)
CODES = {"strata": STRATA, "classes": STRATA % 3, "flag": STRATA % 2, "language": np.where(STRATA > 2, STRATA, -1)}


def context(seed: int = 0) -> BatchContext:
    return BatchContext(LENGTHS, CODES.__getitem__, np.random.default_rng(seed))


def first(batches: object, number: int = 60) -> list[list[int]]:
    return [batch.tolist() for batch in islice(iter(batches), number)]  # type: ignore[call-overload]


def test_streams_are_those_of_the_classes_themselves() -> None:
    rng = np.random.default_rng
    assert first(make_batches("balanced", context(7), by="strata", size=24)) == first(
        BalancedBatches(STRATA, 24, rng(7))
    )
    assert first(make_batches("balanced", context(7), by="flag", size=8)) == first(
        BalancedBatches(STRATA % 2, 8, rng(7))
    )
    grouped = make_batches("length_grouped", context(7), size=8)
    assert first(grouped) == first(LengthGroupedBatches(LENGTHS, 8, rng(7)))


@given(st.integers(1, 50), st.integers(1, 9), st.integers(0, 99))
def test_shuffled_shows_every_row_once_an_epoch(rows: int, size: int, seed: int) -> None:
    about = BatchContext(np.ones(rows, dtype=np.int64), CODES.__getitem__, np.random.default_rng(seed))
    batches = make_batches("shuffled", about, size=size)
    stream = iter(batches)
    for _ in range(3):
        epoch = list(islice(stream, -(-rows // size)))
        assert sorted(np.concatenate(epoch).tolist()) == list(range(rows))
        assert [len(batch) for batch in epoch[:-1]] == [size] * (len(epoch) - 1)


def test_shuffled_epochs_differ_and_seeds_decide() -> None:
    one = first(make_batches("shuffled", context(1), size=200), 2)
    assert one[0] != one[1]
    assert one == first(make_batches("shuffled", context(1), size=200), 2)
    assert one != first(make_batches("shuffled", context(2), size=200), 2)


@pytest.mark.parametrize("by", ["classes", "language"])
def test_classes_and_groups_come_in_turn(by: str) -> None:
    batches = make_batches("balanced", context(), by=by, size=7)
    codes = CODES[by]
    seen = codes[np.concatenate(first(batches, 40))]
    numbers = [int((seen == code).sum()) for code in np.unique(codes)]
    assert max(numbers) - min(numbers) <= 1
    assert sum(numbers) == 280


def test_groups_come_in_turn_however_they_are_numbered() -> None:
    def batches(codes: np.ndarray) -> list[list[int]]:
        about = BatchContext(LENGTHS, lambda by: codes, np.random.default_rng(0), frozenset({"language"}))
        return first(make_batches("balanced", about, by="language", size=5))

    assert batches(STRATA % 2) == batches(STRATA % 2 + 1)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("balanced", {"by": "strata", "size": 1}, "batch_size must be at least 2, got 1"),
        ("balanced", {"by": "classes", "size": 1}, "at least 2 rows of at least 2 classes, got batch_size 1"),
        ("length_grouped", {"size": 0}, "batch_size must be at least 1, got 0"),
        ("shuffled", {"size": 0}, "at least 1 row to batch and batch_size at least 1, got 200 and 0"),
        ("lengths", {"size": 8}, "batches must be one of balanced, length_grouped, pairs, shuffled, got 'lengths'"),
    ],
)
def test_refuses_batches_that_cannot_be(name: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_batches(name, context(), **settings)


def test_one_class_cannot_be_balanced() -> None:
    about = BatchContext(LENGTHS, lambda by: np.full(200, 2), np.random.default_rng(0))
    with pytest.raises(DataError, match=r"at least 2 classes, got batch_size 4 and classes \[2\]"):
        make_batches("balanced", about, by="classes", size=4)


def test_further_batches_are_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tune_polar.data.batches.BATCHES", dict(BATCHES))

    @register("mine")
    def mine(context: BatchContext, *, size: int) -> Batches:
        return LengthGroupedBatches(context.lengths, size, context.generator)

    assert first(make_batches("mine", context(), size=8), 2)
    with pytest.raises(ValueError, match="'mine' must be registered once"):
        register("mine")(mine)

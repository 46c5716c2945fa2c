from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_polar.data.batching import (
    BATCHES_A_WINDOW,
    BalancedBatches,
    LengthGroupedBatches,
    TokenRows,
    pad_batch,
    sorted_batches,
)
from tune_polar.errors import DataError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=120), st.integers(1, 9), st.integers(0, 99))
def test_length_grouping_shows_every_row_once_an_epoch(lengths: list[int], size: int, seed: int) -> None:
    batches = LengthGroupedBatches(lengths, size, rng(seed))
    an_epoch = -(-len(lengths) // size)
    stream = iter(batches)
    for _ in range(3):
        epoch = list(islice(stream, an_epoch))
        assert sorted(np.concatenate(epoch).tolist()) == list(range(len(lengths)))
        assert sorted((len(batch) for batch in epoch), reverse=True)[:-1] == [size] * (an_epoch - 1)


def test_length_grouping_pads_little_and_changes_company() -> None:
    lengths = rng(1).integers(5, 90, size=2000)
    batches = LengthGroupedBatches(lengths, 16, rng(2))
    stream = iter(batches)
    first = list(islice(stream, 125))
    second = list(islice(stream, 125))
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in first)
    assert padded < 1.06 * lengths.sum()
    assert {frozenset(batch.tolist()) for batch in first}.isdisjoint(frozenset(batch.tolist()) for batch in second)
    longest = [int(lengths[batch].max()) for batch in first]
    assert longest != sorted(longest)


def test_one_window_is_sorted_whole() -> None:
    lengths = np.arange(4 * BATCHES_A_WINDOW)
    epoch = list(islice(iter(LengthGroupedBatches(lengths, 4, rng())), BATCHES_A_WINDOW))
    spreads = [np.ptp(lengths[batch]) for batch in epoch]
    assert spreads == [3] * BATCHES_A_WINDOW


@pytest.mark.parametrize("kind", ["length", "balanced"])
def test_same_seed_same_batches(kind: str) -> None:
    classes = rng(3).integers(0, 6, size=100)

    def first_batches(seed: int) -> list[list[int]]:
        made = LengthGroupedBatches if kind == "length" else BalancedBatches
        return [batch.tolist() for batch in islice(iter(made(classes, 8, rng(seed))), 40)]

    assert first_batches(1) == first_batches(1)
    assert first_batches(1) != first_batches(2)


@given(
    st.lists(st.integers(0, 4), min_size=0, max_size=60),
    st.integers(2, 13),
    st.integers(0, 99),
)
def test_balanced_batches_are_half_and_half_in_turn(classes: list[int], size: int, seed: int) -> None:
    proxy = np.array([0, 2, *classes])
    stream = iter(BalancedBatches(proxy, size, rng(seed)))
    seen: Counter[int] = Counter()
    dealt: list[int] = []
    for batch in islice(stream, 20):
        assert len(batch) == size
        kinds = proxy[batch]
        assert (kinds > 0).sum() == size // 2
        assert (kinds[: size - size // 2] == 0).all()
        dealt += [int(row) for row in batch]
        seen.update(int(kind) for kind in kinds if kind > 0)
    assert set(seen) <= set(proxy.tolist()) - {0}
    if 20 * (size // 2) >= 4:
        assert set(seen) == set(proxy.tolist()) - {0}
    assert max(seen.values()) - min(seen.values()) <= 1
    for kind in np.unique(proxy):  # a pool is dealt to its end before it is shuffled again
        pool = np.flatnonzero(proxy == kind)
        of_kind = [row for row in dealt if proxy[row] == kind]
        for start in range(0, len(of_kind) - len(pool) + 1, len(pool)):
            assert sorted(of_kind[start : start + len(pool)]) == pool.tolist()


def test_balanced_turns_against_a_plain_list() -> None:
    proxy = np.array([0, 0, 1, 3, 4])
    batches = list(islice(iter(BalancedBatches(proxy, 4, rng())), 3))
    turns = [int(proxy[row]) for batch in batches for row in batch[2:]]
    assert turns == [1, 3, 4, 1, 3, 4]


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 9))
def test_sorted_batches_hold_every_row_longest_first(lengths: list[int], size: int) -> None:
    batches = sorted_batches(lengths, size)
    flat = [int(row) for batch in batches for row in batch]
    assert sorted(flat) == list(range(len(lengths)))
    assert [lengths[row] for row in flat] == sorted(lengths, reverse=True)
    assert all(1 <= len(batch) <= size for batch in batches)


@given(
    st.lists(st.lists(st.integers(5, 99), max_size=7), min_size=1, max_size=8),
    st.data(),
)
def test_padding_against_a_plain_loop(tokens: list[list[int]], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(tokens) - 1), min_size=1, max_size=5))
    ids, mask = pad_batch(TokenRows([np.array(row, dtype=np.int64) for row in tokens]), rows, 1)
    width = max(len(tokens[row]) for row in rows)
    assert ids.tolist() == [tokens[row] + [1] * (width - len(tokens[row])) for row in rows]
    assert mask.tolist() == [[1] * len(tokens[row]) + [0] * (width - len(tokens[row])) for row in rows]
    assert ids.dtype == mask.dtype == np.int64


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(DataError, match="at least 1 row to batch, got 0"):
        LengthGroupedBatches([], 4, rng())
    with pytest.raises(DataError, match="batch_size must be at least 1, got 0"):
        LengthGroupedBatches([3], 0, rng())
    with pytest.raises(DataError, match="batch_size must be at least 2, got 1"):
        BalancedBatches([0, 1], 1, rng())
    with pytest.raises(DataError, match=r"of some class above 0, got classes \[0\]"):
        BalancedBatches([0, 0], 4, rng())
    with pytest.raises(DataError, match=r"of some class above 0, got classes \[1, 2\]"):
        BalancedBatches([1, 2], 4, rng())
    with pytest.raises(DataError, match="must be at least 1, got 0"):
        sorted_batches([1], 0)
    with pytest.raises(DataError, match="at least 1 row, got 0"):
        pad_batch(TokenRows([np.array([1])]), [], 0)


def test_rows_kept_as_one_array_are_still_rows() -> None:
    rows = [np.array(row, dtype=np.int64) for row in ([1, 2, 3], [], [4], [5, 6])]
    kept = TokenRows(rows)
    assert [row.tolist() for row in kept] == [row.tolist() for row in rows]
    assert [row.tolist() for row in kept[1:3]] == [[], [4]]
    assert (kept[-1].tolist(), len(kept), kept.lengths.tolist()) == ([5, 6], 4, [3, 0, 1, 2])
    assert len(TokenRows([])) == 0

"""Row blocks: every token in its place exactly once, rows of about one length together."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tune_polar.model.row_blocks import SHORTEST_SHARE, row_blocks

CPU = torch.device("cpu")
LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=30)


@given(LENGTHS)
def test_spreading_and_gathering_give_every_token_back(lengths: list[int]) -> None:
    found = row_blocks(np.array(lengths), max(lengths), CPU)
    tokens = torch.arange(1.0, sum(lengths) + 1).unsqueeze(1)
    parts = found.split(tokens)
    back = torch.cat([block.gathered(block.spread(part)) for block, part in zip(found.blocks, parts, strict=True)])
    assert torch.equal(back, tokens)


@given(LENGTHS)
def test_tokens_and_rows_come_from_where_they_stood(lengths: list[int]) -> None:
    found = row_blocks(np.array(lengths), max(lengths), CPU)
    width = max(lengths)
    rectangle = torch.arange(len(lengths) * width).view(len(lengths), width)
    tokens = rectangle.flatten()[found.places]
    row_of_token = (tokens // width).split(found.lengths.tolist())
    assert all(len(set(rows.tolist())) == 1 for rows in row_of_token)
    first_of_row = torch.stack([rows[0] for rows in row_of_token])
    assert found.in_order(first_of_row).tolist() == list(range(len(lengths)))
    assert found.in_order(found.lengths).tolist() == lengths
    assert [part.tolist() for part in (tokens % width).split(found.lengths.tolist())] == [
        list(range(length)) for length in found.lengths.tolist()
    ]


@given(LENGTHS)
def test_rows_of_a_block_are_of_about_one_length(lengths: list[int]) -> None:
    found = row_blocks(np.array(lengths), max(lengths), CPU)
    for block, rows in zip(found.blocks, found.rows_split(found.lengths), strict=True):
        assert block.width == rows.max()
        assert rows.min() >= SHORTEST_SHARE * rows.max()
        assert block.tokens == rows.sum()
        assert (block.seen is None) == (block.places is None) == (block.tokens == block.rows * block.width)
        if block.seen is not None:
            assert block.seen.sum(dim=3).flatten().tolist() == rows.tolist()

"""Which rows of a batch meet in one rectangle of attention: those of about one length, so that little is padding.

Attention's products cost a row the square of its rectangle's width. Balanced batches cannot be grouped by length:
beside a row of 96 tokens, one of 30 costs ten times what it needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SHORTEST_SHARE = 0.75  # of a block's longest row. Smaller blocks save less than starting their products costs


@dataclass(frozen=True, eq=False)
class RowBlock:
    """Rows side by side in a rectangle of their own."""

    rows: int
    width: int
    tokens: int
    places: Tensor | None  # where its tokens lie in the flattened rectangle, ascending, (tokens,); None: no padding
    seen: Tensor | None  # True for tokens, (rows, 1, 1, width); None: no padding

    def spread(self, values: Tensor) -> Tensor:
        """(tokens, size) → (rows, width, size), zero where there is padding."""
        size = values.shape[-1]
        if self.places is None:
            return values.view(self.rows, self.width, size)
        empty = values.new_zeros(self.rows * self.width, size)
        return empty.index_copy(0, self.places, values).view(self.rows, self.width, size)

    def gathered(self, rectangle: Tensor) -> Tensor:
        """(rows, width, size) → (tokens, size)."""
        flat = rectangle.reshape(self.rows * self.width, rectangle.shape[-1])
        return flat if self.places is None else flat.index_select(0, self.places)


@dataclass(frozen=True, eq=False)
class RowBlocks:
    """A batch's tokens, block after block and in each row after row."""

    blocks: tuple[RowBlock, ...]
    places: Tensor  # where the tokens lie in the batch's flattened rectangle, (tokens,)
    lengths: Tensor  # of the rows, in the blocks' order, (rows,)
    order: Tensor | None  # where each row of the batch stands in the blocks, (rows,); None: where it stood

    def split(self, values: Tensor) -> tuple[Tensor, ...]:
        """(tokens, size) → one (tokens, size) a block."""
        return torch.split(values, [block.tokens for block in self.blocks])

    def rows_split(self, values: Tensor) -> tuple[Tensor, ...]:
        """(rows, size), in the blocks' order → one (rows, size) a block."""
        return torch.split(values, [block.rows for block in self.blocks])

    def in_order(self, values: Tensor) -> Tensor:
        """(rows, size), in the blocks' order → in the batch's."""
        return values if self.order is None else values.index_select(0, self.order)


def row_blocks(lengths: NDArray[np.int64], width: int, device: torch.device) -> RowBlocks:
    """Blocks of rows at least ``SHORTEST_SHARE`` as long as their longest, the longest rows first.

    An accelerator takes the batch as it stands: there, starting several small products costs more than padding.

    Args:
        lengths: tokens of each row, (rows,); 0 for a row of padding alone, which has a mean but no first token.
        width: of the batch's own rectangle, at least the longest row.
        device: where the tensors shall lie. It is not waited for.
    """
    order = np.argsort(-lengths, kind="stable")  # longest first
    edges = _edges(lengths[order]) if device.type == "cpu" else []
    if not edges:
        order = np.arange(len(lengths))
    ordered = lengths[order]
    starts = np.cumsum(ordered) - ordered
    within_row = np.arange(int(ordered.sum())) - np.repeat(starts, ordered)  # (tokens,)
    return RowBlocks(
        blocks=tuple(_block(part, device) for part in np.split(ordered, edges)),
        places=_to(np.repeat(order * width, ordered) + within_row, device),
        lengths=_to(ordered, device),
        order=_to(np.argsort(order), device) if edges else None,
    )


def _edges(descending: NDArray[np.int64]) -> list[int]:
    """The first row of each block but the first."""
    edges, longest = [], descending[0]
    for row, length in enumerate(descending.tolist()):
        if length < SHORTEST_SHARE * longest:
            edges.append(row)
            longest = length
    return edges


def _block(lengths: NDArray[np.int64], device: torch.device) -> RowBlock:
    width, tokens = int(lengths.max()), int(lengths.sum())
    if tokens == len(lengths) * width:
        return RowBlock(len(lengths), width, tokens, None, None)
    seen = np.arange(width) < lengths[:, np.newaxis]  # (rows, width)
    return RowBlock(len(lengths), width, tokens, _to(np.flatnonzero(seen), device), _to(seen, device)[:, None, None, :])


def _to(array: NDArray[np.int64] | NDArray[np.bool_], device: torch.device) -> Tensor:
    return torch.from_numpy(array).to(device, non_blocking=True)

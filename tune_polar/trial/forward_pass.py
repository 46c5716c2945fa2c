"""Passing rows through a model: padded batches in, one tensor out, in the rows' own order."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple

import torch
from torch import Tensor

from tune_polar.data.batching import TokenRows, pad_batch, sorted_batches
from tune_polar.model.row_blocks import RowBlocks, row_blocks
from tune_polar.trial.memory_plan import EVALUATION_ROWS
from tune_polar.trial.stage_rows import Rows


class Batch(NamedTuple):
    """What a ``StageModel`` takes."""

    ids: Tensor  # (rows, longest of these rows)
    mask: Tensor  # 1 for tokens, 0 for the padding behind them, (rows, longest)
    blocks: RowBlocks  # found here, where the device need not be waited for


def batch_tensors(tokens: TokenRows, rows: Rows, pad_id: int, device: torch.device) -> Batch:
    """The tokens of ``rows`` side by side on ``device``."""
    ids, mask = pad_batch(tokens, rows, pad_id)
    ids_there, mask_there = (torch.from_numpy(array).to(device, non_blocking=True) for array in (ids, mask))
    return Batch(ids_there, mask_there, row_blocks(tokens.lengths[rows], ids.shape[1], device))


def predict(
    forward: Callable[[Tensor, Tensor, RowBlocks], Tensor],
    tokens: TokenRows,
    rows: Rows,
    pad_id: int,
    device: torch.device,
    batch_rows: int = EVALUATION_ROWS,
) -> Generator[None, None, Tensor]:
    """``forward`` over ``rows`` without gradients, shape (rows, outputs), float32, in the order of ``rows``.

    A generator that pauses after each batch, so that a fold trial can be stopped in a long evaluation too.
    """
    result: Tensor | None = None
    for positions in sorted_batches(tokens.lengths[rows], batch_rows):
        places = torch.from_numpy(positions).to(device, non_blocking=True)
        with torch.inference_mode():  # never across a pause: the mode belongs to the thread, not to the generator
            found = forward(*batch_tensors(tokens, rows[positions], pad_id, device)).float()
        if result is None:  # made once and filled: outputs of many rows, joined, would be there two and three times
            result = torch.empty((len(rows), *found.shape[1:]), device=device)
        result[places] = found
        del found
        yield
    if result is None:
        raise ValueError("rows to pass through a model must be at least 1, got none")
    return result

"""One gradient from several small passes: the same effective batch in less memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tune_polar.trial.precision import Precision

Rows = NDArray[np.int64]


def backward(
    loss: Callable[[Rows], Tensor],
    rows: Rows,
    micro_rows: int | None,
    *,
    sums: bool,
    precision: Precision,
) -> Tensor:
    """Add the gradient of ``loss(rows)`` to what the parameters hold, ``micro_rows`` rows at a time.

    A mean over rows is the mean of its parts' means, each weighted by its share of the rows; a sum is the sum of its
    parts. So loss and gradient are those of all rows at once, to rounding: parts are padded to their own longest row,
    and add up in another order. With dropout they are those of other masks, drawn part by part.

    A fast gradient attack belongs outside: all parts first, then the attack, then all parts again inside it.

    Args:
        loss: rows → scalar, a mean over rows unless ``sums``.
        rows: of the whole batch, (batch,).
        micro_rows: most rows a pass; None: all at once, which is one plain forward and backward.
        sums: whether ``loss`` adds its rows up instead of averaging them.
        precision: of each forward pass, with the scale of what each backward pass begins from.

    Returns:
        The loss of all rows, shape (), without gradient.
    """
    if micro_rows is None or len(rows) <= micro_rows:
        with precision.autocast():
            value = loss(rows)
        precision.scaled(value).backward()  # type: ignore[no-untyped-call]
        return value.detach()
    total: Tensor | None = None
    for start in range(0, len(rows), micro_rows):
        part = rows[start : start + micro_rows]
        with precision.autocast():
            value = loss(part) * (1.0 if sums else len(part) / len(rows))
        precision.scaled(value).backward()  # type: ignore[no-untyped-call]
        done = value.detach().float()
        total = done if total is None else total + done
    return torch.zeros(()) if total is None else total


def sums_over_rows(loss: nn.Module) -> bool:
    """Whether a loss adds rows up (the Asymmetric Loss as published) or averages them."""
    return getattr(loss, "reduction", "mean") == "sum"

"""One step's gradients: of all rows at once or in parts, of the clean pass and of the attacked one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tune_polar.model.fgm import FastGradientMethod
from tune_polar.trial.precision import Precision

Rows = NDArray[np.int64]
RowsLoss = Callable[[Rows, float], Tensor]  # rows, and their share of the step's rows → the loss's part of them, ()


def backward(loss: RowsLoss, rows: Rows, micro_rows: int | None, *, precision: Precision) -> Tensor:
    """Add the gradient of the loss of ``rows`` to what the parameters hold, ``micro_rows`` rows at a time.

    The parts' losses add up to that of all rows (see ``LossSum.forward``). So loss and gradient are those of all rows
    at once, to rounding: parts are padded to their own longest row, and add up in another order. With dropout they are
    those of other masks, drawn part by part. A loss that couples rows is never to be computed in parts.

    Args:
        loss: of some rows.
        rows: of the whole step, (batch,).
        micro_rows: most rows a pass; None: all at once, which is one plain forward and backward.
        precision: of each forward pass, with the scale of what each backward pass begins from.

    Returns:
        The loss of all rows, shape (), without gradient.
    """
    if micro_rows is None or len(rows) <= micro_rows:
        with precision.autocast():
            value = loss(rows, 1.0)
        precision.scaled(value).backward()  # type: ignore[no-untyped-call]
        return value.detach()
    total: Tensor | None = None
    for start in range(0, len(rows), micro_rows):
        part = rows[start : start + micro_rows]
        with precision.autocast():
            value = loss(part, len(part) / len(rows))
        precision.scaled(value).backward()  # type: ignore[no-untyped-call]
        done = value.detach().float()
        total = done if total is None else total + done
    return torch.zeros(()) if total is None else total


def step_gradients(
    loss: RowsLoss, rows: Rows, micro_rows: int | None, *, precision: Precision, attack: FastGradientMethod | None
) -> Tensor:
    """Leave one step's gradients in the parameters; the loss of its clean pass, shape ().

    Args:
        loss, rows, micro_rows, precision: see ``backward``.
        attack: a second pass, all parts of it, on embeddings that it has moved; None: there is none.
    """
    clean = backward(loss, rows, micro_rows, precision=precision)
    if attack is not None:
        # Miyato et al. 2017: gradients of the clean and the perturbed pass add up before the one optimizer step.
        with attack:
            backward(loss, rows, micro_rows, precision=precision)
    return clean

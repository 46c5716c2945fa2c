"""One step's gradients: of all rows at once or in parts, of the clean pass and of the attacked one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from tune_polar.model.fgm import FastGradientMethod
from tune_polar.trial.precision import Precision
from tune_polar.trial.stage_rows import Rows

RowsLoss = Callable[[Rows, float], Tensor]  # rows, and their share of the step's rows → the loss's part of them, ()
Given = tuple[Tensor, ...]  # by rows in some order, (rows, …) each


@dataclass(frozen=True)
class Apart:
    """A loss that couples rows, in its two halves.

    Args:
        given: what some rows give by themselves, whatever stands beside them in the batch.
        loss: of all rows of a step, by what they give, ().
    """

    given: Callable[[Rows], Given]
    loss: Callable[[Rows, Given], Tensor]


def backward(
    loss: RowsLoss, rows: Rows, micro_rows: int | None, *, precision: Precision, apart: Apart | None = None
) -> Tensor:
    """Add the gradient of the loss of ``rows`` to what the parameters hold, ``micro_rows`` rows at a time.

    The parts' losses add up to that of all rows (see ``LossSum.forward``). So loss and gradient are those of all rows
    at once, to rounding: parts are padded to their own longest row, and add up in another order. With dropout they are
    those of other masks, drawn part by part.

    A loss that couples rows is not the sum of its parts: with ``apart`` the rows pass in parts without gradient, the
    loss of all of them gives the gradient of what they gave, and they pass in parts once more to carry it on
    (GradCache, Gao et al. 2021). Dropout draws the same masks both times.

    Args:
        loss: of some rows.
        rows: of the whole step, (batch,).
        micro_rows: most rows a pass; None: all at once, which is one plain forward and backward.
        precision: of each forward pass, with the scale of what each backward pass begins from.
        apart: the halves of a loss that couples rows.

    Returns:
        The loss of all rows, shape (), without gradient.
    """
    if micro_rows is None or len(rows) <= micro_rows:
        with precision.autocast():
            value = loss(rows, 1.0)
        precision.scaled(value).backward()  # type: ignore[no-untyped-call]
        return value.detach()
    if apart is not None:
        return _in_two_passes(apart, [*_parts(rows, micro_rows)], rows, precision)
    total: Tensor | None = None
    for part in _parts(rows, micro_rows):
        with precision.autocast():
            value = loss(part, len(part) / len(rows))
        precision.scaled(value).backward()  # type: ignore[no-untyped-call]
        done = value.detach().float()
        total = done if total is None else total + done
    return torch.zeros(()) if total is None else total


def _parts(rows: Rows, micro_rows: int) -> Iterator[Rows]:
    return (rows[start : start + micro_rows] for start in range(0, len(rows), micro_rows))


def _in_two_passes(apart: Apart, parts: list[Rows], rows: Rows, precision: Precision) -> Tensor:
    states, found = [], []
    with torch.no_grad():
        for part in parts:
            states.append(_random_state(precision.device))
            with precision.autocast():
                found.append(apart.given(part))
    given = tuple(torch.cat(each).requires_grad_() for each in zip(*found, strict=True))
    with precision.autocast():
        value = apart.loss(rows, given)
    precision.scaled(value).backward()  # type: ignore[no-untyped-call]
    after, start = _random_state(precision.device), 0
    for part, state in zip(parts, states, strict=True):
        _set_random_state(precision.device, state)
        with precision.autocast():
            again = apart.given(part)
        end = start + len(part)
        carried = [(one, all_.grad[start:end]) for one, all_ in zip(again, given, strict=True) if all_.grad is not None]
        torch.autograd.backward([one for one, _ in carried], [gradient for _, gradient in carried])
        start = end
    _set_random_state(precision.device, after)
    return value.detach()


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def _set_random_state(device: torch.device, state: tuple[Tensor, Tensor | None]) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)


def step_gradients(
    loss: RowsLoss,
    rows: Rows,
    micro_rows: int | None,
    *,
    precision: Precision,
    attack: FastGradientMethod | None,
    apart: Apart | None = None,
) -> Tensor:
    """Leave one step's gradients in the parameters; the loss of its clean pass, shape ().

    Args:
        loss, rows, micro_rows, precision, apart: see ``backward``.
        attack: a second pass, all parts of it, on embeddings that it has moved; None: there is none.
    """
    clean = backward(loss, rows, micro_rows, precision=precision, apart=apart)
    if attack is not None:
        # Miyato et al. 2017: gradients of the clean and the perturbed pass add up before the one optimizer step.
        with attack:
            backward(loss, rows, micro_rows, precision=precision, apart=apart)
    return clean

"""How the terms of a loss become one number."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from tune_polar.errors import ModelError

Reduction = Literal["sum", "mean"]


def check_reduction(reduction: str) -> None:
    """Refuse any name but "sum" and "mean".

    Raises:
        ModelError: ``reduction`` is neither.
    """
    if reduction not in ("sum", "mean"):
        raise ModelError(
            f'the reduction of a loss must be "sum" or "mean", got {reduction!r}', 'Write "sum" or "mean".'
        )


def reduced(terms: Tensor, reduction: Reduction) -> Tensor:
    """Sum or mean over every entry of ``terms``, shape ()."""
    return terms.sum() if reduction == "sum" else terms.mean()


def check_label_shape(logits: Tensor, targets: Tensor) -> None:
    """Refuse targets that would broadcast against the logits instead of standing beside them.

    Raises:
        ModelError: the two shapes differ.
    """
    if logits.shape != targets.shape:
        raise ModelError(
            f"logits and targets must have one shape, got {tuple(logits.shape)} and {tuple(targets.shape)}",
            "Give a target of 0 or 1 for each logit.",
        )

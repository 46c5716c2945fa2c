"""How the rows of a stage become batches, chosen by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tune_polar.data.batches.in_turn import InTurnBatches
from tune_polar.data.batches.shuffled import ShuffledBatches
from tune_polar.data.batching import BalancedBatches, LengthGroupedBatches
from tune_polar.data.columns import IntArray
from tune_polar.data.registering import registering
from tune_polar.data.suggestions import did_you_mean
from tune_polar.errors import DataError

__all__ = ["BATCHES", "BatchContext", "Batches", "make_batches", "register"]


class Batches(Protocol):
    """Positions of training rows, a batch at a time, without end."""

    def __iter__(self) -> Iterator[IntArray]: ...


@dataclass(frozen=True, eq=False)
class BatchContext:
    """What batches may be made of.

    Args:
        lengths: (rows,): tokens of each training row of the fold.
        codes: gives (rows,) codes by what rows are balanced by ("strata", "classes" or a column); ``balance_codes``.
        generator: of all random choices; nothing else draws from it.
        groups: the columns of groups, none of which is a 0 beside the others, however they are numbered.
    """

    lengths: IntArray
    codes: Callable[[str], IntArray]
    generator: np.random.Generator
    groups: frozenset[str] = frozenset()


BatchMaker = Callable[..., Batches]

BATCHES: dict[str, BatchMaker] = {}


def register(name: str) -> Callable[[BatchMaker], BatchMaker]:
    """A decorator: the function makes the batches called ``name``, of a ``BatchContext`` and settings by keyword.

    Raises:
        ValueError: there are such batches already.
    """
    return registering(BATCHES, "batches", name)


@register("balanced")
def balanced(context: BatchContext, *, by: str = "strata", size: int) -> Batches:
    """Half of each batch class 0, half the other classes in turn; of classes without a 0 and of groups, all in turn.

    Args:
        context: the rows.
        by: "strata" (within the target's 1), "classes" (of the target), or a column of groups.
        size: rows a batch.

    Raises:
        DataError: ``size`` is below 2, or there is but one class.
    """
    codes = context.codes(by)
    has_rest = by == "strata" or (by not in context.groups and bool(np.isin(codes, (0, 1)).all()))
    made = BalancedBatches if has_rest else InTurnBatches
    return made(codes, size, context.generator)


@register("length_grouped")
def length_grouped(context: BatchContext, *, size: int) -> Batches:
    """Every row once an epoch, rows of about one length together: little padding.

    Raises:
        DataError: ``size`` is below 1, or there are no rows.
    """
    return LengthGroupedBatches(context.lengths, size, context.generator)


@register("pairs")
def pairs(context: BatchContext, *, text: str = "positive", size: int) -> Batches:  # noqa: ARG001 - rows alone
    """Every row once an epoch, in random order: pairs of like length are mostly of one class, which teaches nothing.

    Raises:
        DataError: ``size`` is below 1, or there are no rows.
    """
    return ShuffledBatches(len(context.lengths), size, context.generator)


@register("shuffled")
def shuffled(context: BatchContext, *, size: int) -> Batches:
    """Every row once an epoch, in random order.

    Raises:
        DataError: ``size`` is below 1, or there are no rows.
    """
    return ShuffledBatches(len(context.lengths), size, context.generator)


def make_batches(name: str, context: BatchContext, **settings: Any) -> Batches:
    """Batches of the kind ``name``, with its settings by keyword.

    Raises:
        DataError: there is no such kind, or its rows cannot be batched so.

    Example: ``make_batches("length_grouped", context, size=8)``
    """
    if name not in BATCHES:
        raise DataError(
            f"batches must be one of {', '.join(BATCHES)}, got {name!r}{did_you_mean(name, BATCHES)}",
            "Name one of these.",
        )
    return BATCHES[name](context, **settings)

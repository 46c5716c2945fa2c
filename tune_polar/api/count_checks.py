"""Numbers that make no search, refused by the names that a person gave them."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, TypeGuard, TypeVar

from tune_polar.errors import SpecError

T = TypeVar("T")

LARGEST_SEED = 2**32 - 1  # what numpy's and Optuna's generators take


def is_whole(value: object) -> TypeGuard[int]:
    """Whether it is a whole number, numpy's too; True, which Python counts as 1, is none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number; True is none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def plain(value: T) -> T:
    """A number of numpy's as Python's own, such as a record holds; anything else as it is.

    Example:
        >>> plain(np.int64(3))
        3
    """
    item: Any = getattr(value, "item", None) if getattr(value, "shape", None) == () else None
    return value if item is None else item()


def check_counts(
    *, trials: int | None = None, folds: int | None = None, slots: int | None = None, seed: int | None = None
) -> None:
    """Refuse numbers that make no search.

    Raises:
        SpecError: one is out of its range.
    """
    positive(trials, "--trials")
    positive(folds, "--folds", at_least=2)
    positive(slots, "--slots")
    check_seed(0 if seed is None else seed)


def positive(value: int | None, option: str, at_least: int = 1) -> None:
    """Refuse counts below ``at_least``.

    Raises:
        SpecError: ``value`` is below it.
    """
    if value is not None and not (is_whole(value) and value >= at_least):
        raise SpecError(
            f"{option} must be at least {at_least}, got {value!r}",
            f"Give a whole number with {option}, or leave it out.",
        )


def check_seed(seed: int) -> None:
    """Refuse a seed outside what every generator takes.

    Raises:
        SpecError: it is.
    """
    if not (is_whole(seed) and 0 <= seed <= LARGEST_SEED):
        raise SpecError(
            f"--seed must be from 0 to {LARGEST_SEED}, got {seed!r}", "Give another whole number with --seed."
        )

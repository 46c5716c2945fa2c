"""What one fold trial covers: a fold and a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tune_polar.recipe.recipe import Recipe


class Counted(Protocol):
    """A fold plan, as far as its number of folds goes."""

    @property
    def count(self) -> int:
        """Number of folds."""


@dataclass(frozen=True, order=True)
class Cell:
    """One fold with one seed.

    Example:
        >>> str(Cell(fold=0, seed=42))
        'f0-s42'
    """

    fold: int
    seed: int

    def __str__(self) -> str:
        return f"f{self.fold}-s{self.seed}"


def cells(recipe: Recipe, plan: Counted) -> tuple[Cell, ...]:
    """Every cell of a configuration of ``recipe``: all folds with its first seed, then all with the next."""
    return tuple(Cell(fold, seed) for seed in recipe.seeds for fold in range(plan.count))

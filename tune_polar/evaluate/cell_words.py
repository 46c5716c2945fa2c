"""What cells are called where people read of them."""

from __future__ import annotations

from collections.abc import Collection

from tune_polar.recipe.cells import Cell


def cell_name(cell: Cell, cells: Collection[Cell]) -> str:
    """One of a configuration's ``cells`` by what tells it from the others.

    Example:
        >>> cell_name(Cell(2, 42), cells_of_five_folds)
        'fold 2'
        >>> cell_name(Cell(2, 7), cells_of_five_folds_and_two_seeds)
        'fold 2, seed 7'
        >>> cell_name(Cell(0, 7), cells_of_one_split_and_four_seeds)
        'seed 7'
    """
    folds, seeds = ({each.fold for each in cells}, {each.seed for each in cells})
    if len(seeds) == 1:
        return f"fold {cell.fold}"
    return f"seed {cell.seed}" if len(folds) == 1 else f"fold {cell.fold}, seed {cell.seed}"


def cells_word(cells: Collection[Cell]) -> str:
    """``folds``; ``seeds`` of one split; ``cells (fold and seed)`` where there are several of both."""
    if len({each.seed for each in cells}) == 1:
        return "fold" if len(cells) == 1 else "folds"
    return "seeds" if len({each.fold for each in cells}) == 1 else "cells (fold and seed)"

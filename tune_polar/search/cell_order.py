"""In which order a configuration runs its cells."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from tune_polar.recipe.cells import Cell


def cell_order(configuration_id: str, cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """An order of ``cells`` that differs between configurations, so that none is always the first to judge by.

    Example:
        >>> cell_order("5f2a", (Cell(0, 42), Cell(1, 42))) == cell_order("5f2a", (Cell(0, 42), Cell(1, 42)))
        True
    """
    seed = int.from_bytes(hashlib.sha256(configuration_id.encode()).digest()[:8], "little")
    return tuple(cells[place] for place in np.random.default_rng(seed).permutation(len(cells)).tolist())

"""Collects what racing reads as cells finish, in arrays that grow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tune_polar.recipe.cells import Cell
from tune_polar.search.racing.board import CURVE_POINTS, Board, curve_values
from tune_polar.store.records import FoldRecord

RACE = "race"  # the score of a cell that is made to be raced on; larger is better


class Scoreboard:
    """A row a configuration, in order of proposal; a column a cell."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._places = {cell: place for place, cell in enumerate(cells)}
        self._rows: dict[str, int] = {}
        self._scores = np.empty((0, len(cells)))
        self._finals = np.empty(0)
        self._open = np.empty(0, dtype=np.bool_)
        self._failed: set[int] = set()
        self._curves = np.empty((0, len(cells), CURVE_POINTS))
        self._known: Board | None = None  # until something changes: what is fitted to it is fitted once

    def row(self, configuration_id: str) -> int:
        """Of a configuration on the board."""
        return self._rows[configuration_id]

    def place(self, cell: Cell) -> int:
        """The column of a cell."""
        return self._places[cell]

    @property
    def ids(self) -> Sequence[str]:
        """Of all rows."""
        return tuple(self._rows)

    def add(self, configuration_id: str, *, may_end: bool) -> None:
        """A configuration is in training; one that may not be given up is on the board like all others."""
        self._known = None
        self._rows[configuration_id] = len(self._rows)
        if len(self._rows) > len(self._finals):
            self._grow(max(16, 2 * len(self._finals)))
        self._open[self._rows[configuration_id]] = may_end

    def scored(self, record: FoldRecord) -> None:
        """A cell has finished."""
        self._known = None
        row, place = self._rows[record.configuration_id], self._places[Cell(record.fold, record.seed)]
        self._scores[row, place] = _number(record.scores.get(RACE, np.nan))
        self._curves[row, place] = curve_values(_numbers(record.curve))

    def ended(self, configuration_id: str, score: float | None) -> None:
        """A configuration has its score, turned so that larger is better, or will have none."""
        self._known = None
        row = self._rows[configuration_id]
        self._open[row] = False
        self._finals[row] = np.nan if score is None else _number(score)

    def failed(self, configuration_id: str) -> None:
        """A configuration will never finish, unlike one that is given up with its last cells in training."""
        self.ended(configuration_id, None)
        self._failed.add(self._rows[configuration_id])

    def board(self) -> Board:
        """What is known now."""
        if self._known is None:
            n = len(self._rows)
            # Curves are large and only added to: a view of them serves.
            arrays = self._scores[:n].copy(), self._finals[:n].copy(), self._open[:n].copy(), self._curves[:n]
            self._known = Board(*arrays, failed=frozenset(self._failed))
        return self._known

    def _grow(self, to: int) -> None:
        def longer(array: np.ndarray, fill: float | bool) -> np.ndarray:
            grown = np.full((to, *array.shape[1:]), fill, dtype=array.dtype)
            grown[: len(array)] = array
            return grown

        self._scores, self._finals, self._curves = (
            longer(each, np.nan) for each in (self._scores, self._finals, self._curves)
        )
        self._open = longer(self._open, False)


def _number(value: float) -> float:
    """``value``, or NaN for what is no number a model could be fitted to."""
    return float(value) if np.isfinite(value) else float("nan")


def _numbers(curve: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(share, value) for share, value in curve if np.isfinite(share) and np.isfinite(value)]

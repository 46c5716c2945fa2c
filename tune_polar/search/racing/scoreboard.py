"""Collects what racing reads as folds finish, in arrays that grow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tune_polar.search.racing.board import CELLS, Board, curve_cells
from tune_polar.store.record import FoldRecord

RACE = "race"  # the score of a fold that is made to be raced on
FALLBACKS = ("fold_macro_f1", "precision_at_1")  # in records older than that: the last stage's checkpoint metric


class Scoreboard:
    """A row a configuration, in order of proposal."""

    def __init__(self, folds: int) -> None:
        self._folds = folds
        self._rows: dict[str, int] = {}
        self._made = np.empty((0, folds))  # scores made to be raced on
        self._older = np.empty((0, folds))  # checkpoint metrics
        self._finals = np.empty(0)
        self._open = np.empty(0, dtype=np.bool_)
        self._curves = np.empty((0, folds, CELLS))
        self._known: Board | None = None  # until something changes: what is fitted to it is fitted once
        self._only_older = False  # a record without a score made for it: then none counts, the two are not alike

    def row(self, configuration_id: str) -> int:
        """Of a configuration on the board."""
        return self._rows[configuration_id]

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
        """A fold has finished."""
        self._known = None
        row = self._rows[record.configuration_id]
        self._made[row, record.fold] = _number(record.scores.get(RACE, np.nan))
        older = next((record.scores[name] for name in FALLBACKS if name in record.scores), np.nan)
        self._older[row, record.fold] = _number(older)
        self._curves[row, record.fold] = curve_cells(_numbers(record.curve))
        self._only_older = self._only_older or RACE not in record.scores

    def ended(self, configuration_id: str, score: float | None) -> None:
        """A configuration has its score, or will have none."""
        self._known = None
        row = self._rows[configuration_id]
        self._open[row] = False
        self._finals[row] = np.nan if score is None else _number(score)

    def board(self) -> Board:
        """What is known now."""
        if self._known is None:
            n = len(self._rows)
            scores = self._older if self._only_older else self._made
            self._known = Board(scores[:n].copy(), self._finals[:n].copy(), self._open[:n].copy(), self._curves[:n])
        return self._known

    def _grow(self, to: int) -> None:
        def longer(array: np.ndarray, fill: float | bool) -> np.ndarray:
            grown = np.full((to, *array.shape[1:]), fill, dtype=array.dtype)
            grown[: len(array)] = array
            return grown

        self._made, self._older, self._finals, self._curves = (
            longer(each, np.nan) for each in (self._made, self._older, self._finals, self._curves)
        )
        self._open = longer(self._open, False)


def _number(value: float) -> float:
    """``value``, or NaN for what is no number a model could be fitted to."""
    return float(value) if np.isfinite(value) else float("nan")


def _numbers(curve: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(share, value) for share, value in curve if np.isfinite(share) and np.isfinite(value)]

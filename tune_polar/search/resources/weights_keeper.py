"""Removes weights and checkpoints that nobody needs any more: after each event of a search, by its one driver."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from tune_polar.decide.metrics import Metric
from tune_polar.errors import StoreError
from tune_polar.model.footprint import GB
from tune_polar.recipe.cells import Cell
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.fold_dispatch import FoldDispatch
from tune_polar.search.resources.weights_budget import CellKeys, WeightsBudget, claims_of, decide, largest_cell
from tune_polar.store.store import Store

log = logging.getLogger(__name__)

_CHECKPOINT_FILES = 2  # of a running stage: the new one is whole before the old one is gone
_CHECKPOINT_WEIGHTS = 4  # weights, two moments, best weights


class WeightsKeeper:
    """Of one search. What it removes can be trained again; records stay."""

    def __init__(
        self, core: FoldDispatch, store: Store, metric: Metric, budget: WeightsBudget, fold_bytes: int, slots: int
    ) -> None:
        """``fold_bytes``: that a running fold trial takes at most, by count; ``slots``: that run at once."""
        self._core, self._store, self._metric = core, store, metric
        self._budget, self._fold_bytes, self._slots = budget, fold_bytes, slots
        self._keys: dict[tuple[str, Cell], CellKeys] = {}
        self._fitted = store.fitted_keys()  # by another driver: none fits while a search runs
        self._largest_checkpoint = 0
        self._strays: dict[str, int] = {}  # bytes of checkpoints of no fold of the search, such as an interrupted fit's
        self._told = 0

    def look(self) -> None:
        """Remove what is not kept. A store that cannot be written now is tried again at the next event."""
        try:
            self._drop_checkpoints()
            sizes = self._store.weights_bytes()
            if not sizes:
                return
            metric = self._metric
            claims = claims_of(
                self._core.progress,
                self._keys_of,
                self._budget.configurations,
                lambda score: metric.gain(0.0, score),
                self._core.expected,
            )
            decision = decide(claims, sizes, self._budget.disk_bytes, self._reserved(sizes))
            for key in sizes.keys() - decision.kept - self._fitted:
                self._store.remove_weights(key)
        except StoreError as error:
            log.warning("weights and checkpoints could not be looked through: %s", error.problem)
            return
        if decision.best_left_out > self._told and self._budget.disk_bytes is not None:
            log.warning(
                "%d cells of the best configurations are without weights: --disk-gb %.3g holds no more; what needs "
                "them trains them again",
                decision.best_left_out,
                self._budget.disk_bytes / GB,
            )
        self._told = decision.best_left_out

    def _drop_checkpoints(self) -> None:
        """Those of configurations that have ended without a score, but for stages that open ones go on with as well."""
        self._strays = self._store.checkpoint_bytes()
        progress, of = self._core.progress.values(), self._strays.keys
        if self._strays:
            for key in of() & self._keys_in((each, [*each.running, *each.waiting]) for each in progress):
                del self._strays[key]
        if self._strays:
            ended = (each for each in progress if each.state in ("abandoned", "infeasible"))
            for key in of() & self._keys_in((each, set(each.order) - set(each.finished)) for each in ended):
                self._store.remove_checkpoint(key)
                del self._strays[key]

    def _keys_in(self, places: Iterable[tuple[ConfigurationProgress, Iterable[Cell]]]) -> frozenset[str]:
        """Of all stages of unfinished cells."""
        cells = (self._keys_of(progress, cell) for progress, cells in places for cell in cells)
        return frozenset().union(*(keys.starts | keys.stages for keys in cells))

    def _reserved(self, sizes: dict[str, int]) -> int:
        """For fold trials that run, or begin as soon as one has ended, and for checkpoints of no fold of the search."""
        others = sum(self._strays.values())
        if self._core.done:
            return others
        checkpoints = self._store.checkpoint_bytes().values()
        self._largest_checkpoint = max((self._largest_checkpoint, *checkpoints))
        cells = [
            tuple(record.stages.values()) for each in self._core.progress.values() for record in each.finished.values()
        ]
        cell, stage = largest_cell(cells, sizes), max(sizes.values())
        if cell == 0:
            return others + self._slots * self._fold_bytes
        checkpoint = self._largest_checkpoint or _CHECKPOINT_WEIGHTS * stage
        return others + self._slots * (cell + _CHECKPOINT_FILES * checkpoint)

    def _keys_of(self, progress: ConfigurationProgress, cell: Cell) -> CellKeys:
        place = progress.configuration.id, cell
        if place not in self._keys:
            trial = self._core.trial(progress, cell)
            self._keys[place] = CellKeys(frozenset(trial.start_keys), frozenset(trial.stage_keys))
        return self._keys[place]

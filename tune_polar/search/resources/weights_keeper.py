"""Removes weights that nobody needs any more: after each event of a search, by its one driver."""

from __future__ import annotations

import logging

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
        self._told = 0

    def look(self) -> None:
        """Remove what is not kept. A store that cannot be written now is tried again at the next event."""
        try:
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
            log.warning("weights could not be looked through: %s", error.problem)
            return
        if decision.best_left_out > self._told and self._budget.disk_bytes is not None:
            log.warning(
                "%d cells of the best configurations are without weights: --disk-gb %.3g holds no more; what needs "
                "them trains them again",
                decision.best_left_out,
                self._budget.disk_bytes / GB,
            )
        self._told = decision.best_left_out

    def _reserved(self, sizes: dict[str, int]) -> int:
        """For fold trials that run, or begin as soon as one has ended."""
        if self._core.done:
            return 0
        checkpoints = self._store.checkpoint_bytes().values()
        self._largest_checkpoint = max((self._largest_checkpoint, *checkpoints))
        cells = [
            tuple(record.stages.values()) for each in self._core.progress.values() for record in each.finished.values()
        ]
        cell, stage = largest_cell(cells, sizes), max(sizes.values())
        if cell == 0:
            return self._slots * self._fold_bytes
        checkpoint = self._largest_checkpoint or _CHECKPOINT_WEIGHTS * stage
        return self._slots * (cell + _CHECKPOINT_FILES * checkpoint)

    def _keys_of(self, progress: ConfigurationProgress, cell: Cell) -> CellKeys:
        place = progress.configuration.id, cell
        if place not in self._keys:
            trial = self._core.trial(progress, cell)
            self._keys[place] = CellKeys(frozenset(trial.start_keys), frozenset(trial.stage_keys))
        return self._keys[place]

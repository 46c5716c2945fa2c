"""Folds stored without training: random neighbour tables and probabilities that know something of the gold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from simulated_search import PROVENANCE

from tune_polar.data.fold_plan import FoldPlan
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.spec.configuration import Configuration
from tune_polar.store.gold import Gold, GoldSplit
from tune_polar.store.predictions_of import PredictionsReader
from tune_polar.store.record import Array, FoldRecord, StageRecord
from tune_polar.store.store import open_store

ROWS, FOLDS, NEIGHBOURS = 90, 3, 30
LABELS = ("rude", "unfair")


class StoredFolds:
    """A store in ``folder``, and configurations whose folds have finished in it."""

    def __init__(self, folder: Path) -> None:
        self._rng = np.random.default_rng(1)
        target = (np.arange(ROWS) % 2).astype(np.int64)
        labels = {name: target * (self._rng.random(ROWS) < 0.6) for name in LABELS}
        plan = FoldPlan("shared", FOLDS, 42, (np.arange(ROWS) // 2 % FOLDS).astype(np.int64))
        self.gold = Gold(GoldSplit(tuple(map(str, range(ROWS))), {"polarization": target, **labels}), None, plan, plan)
        self.store = open_store(folder)
        self.reader = PredictionsReader(self.store, self.gold)

    def finish(self, configuration: Configuration) -> ConfigurationProgress:
        """Store predictions for every fold of ``configuration``."""
        progress = ConfigurationProgress(configuration, tuple(range(FOLDS)), state="finished")
        for fold in range(FOLDS):
            keys = [f"{stage}-{configuration.id}-{fold}" for stage in ("detector", "classifier")]
            rows = self.gold.detector_plan.validation_rows(fold)
            self.store.put_stage(self._stage(keys[0], fold, rows, {"neighbour_labels": self._neighbours(rows)}))
            if configuration.recipe.classifier is not None:
                self.store.put_stage(self._stage(keys[1], fold, rows, {"probability": self._probability(rows)}))
            second = None if configuration.recipe.classifier is None else keys[1]
            record = FoldRecord(configuration.id, fold, 42, keys[0], second, (), {}, 1.0, PROVENANCE)
            self.store.put_fold(record)
            progress.finished[fold] = record
        return progress

    def _neighbours(self, rows: Array) -> Array:
        share = 0.35 + 0.2 * self.gold.train.labels["polarization"][rows]  # a good τ lies below ½
        return (self._rng.random((len(rows), NEIGHBOURS)) < share[:, None]).astype(np.uint8)

    def _probability(self, rows: Array) -> Array:
        gold = self.gold.train.matrix(LABELS)[rows]
        return np.clip(0.3 * gold + 0.6 * self._rng.random(gold.shape), 0, 1).astype(np.float32)

    def _stage(self, key: str, fold: int, rows: Array, arrays: dict[str, Array]) -> StageRecord:
        return StageRecord(
            key=key,
            stage="detector" if key.startswith("d") else "classifier",
            fold=fold,
            seed=42,
            best_step=1,
            best_value=0.5,
            steps=1,
            stopped="max_steps",
            curve=(),
            seconds=1.0,
            peak_memory_bytes=None,
            provenance=PROVENANCE,
            arrays={"validation_rows": rows.astype(np.int32), **arrays},
        )

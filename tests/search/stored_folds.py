"""Cells stored without training: random neighbour tables and probabilities that know something of the gold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from simulated_search import PROVENANCE, SEED, SMALL, cells_of, recipe_of

from tune_polar.data.columns import Column
from tune_polar.data.plans.fold_plan import partition
from tune_polar.evaluate.configuration_predictions import PredictionsReader
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.store.gold import Gold, GoldSplit
from tune_polar.store.records import Array, FoldRecord, StageRecord
from tune_polar.store.store import open_store

ROWS, FOLDS, NEIGHBOURS = 90, 3, 30
LABELS = ("unfair", "crude")
STAGES = ("finder", "sorter", "grader")
TWO_STAGES: Mapping[str, Any] = {
    **SMALL,
    "recipe": "two",
    "data": {"labels": ["rude", *LABELS]},
    "stages": {
        **SMALL["stages"],
        "sorter": {
            "rows": {"rude": 1},
            "start": {"stage": "finder"},
            "task": {"type": "multilabel", "targets": LABELS},
        },
    },
    "decide": {
        **SMALL["decide"],
        "labels": {"type": "threshold", "of": "sorter", "rule": "max_f1"},
        "system": {"type": "gate", "of": "labels", "by": "vote"},
    },
    "score": {"of": "system", "metric": "macro_f1"},
}
GRADES: Mapping[str, Any] = {
    "recipe": "grades",
    "data": {"numbers": {"grade": [0, 1]}},
    "folds": {"count": 3},
    "stages": {"grader": {"task": {"type": "regression", "target": "grade"}}},
    "score": {"of": "grader", "metric": "mae"},
}
TWO, NUMBERS = recipe_of(TWO_STAGES), recipe_of(GRADES)


class StoredFolds:
    """A store in ``folder``, and configurations whose cells have finished in it."""

    def __init__(self, folder: Path, seeds: Sequence[int] = (SEED,)) -> None:
        self._rng = np.random.default_rng(1)
        self.target = (np.arange(ROWS) % 2).astype(np.int64)
        labels = {name: self.target * (self._rng.random(ROWS) < 0.6) for name in LABELS}
        columns = {name: Column("label", values) for name, values in {"rude": self.target, **labels}.items()}
        columns["grade"] = Column("number", self._rng.random(ROWS))
        self.plan = partition("stratified", (np.arange(ROWS) // 2 % FOLDS).astype(np.int64), FOLDS)
        self.gold = Gold({"train": GoldSplit(tuple(map(str, range(ROWS))), columns)}, dict.fromkeys(STAGES, self.plan))
        self.cells = cells_of(FOLDS, seeds)
        self.store = open_store(folder)
        self.reader = PredictionsReader(self.store, self.gold, self.cells)

    def finish(self, configuration: Configuration, noise: float = 0.3) -> ConfigurationProgress:
        """Store predictions for every cell of ``configuration``."""
        progress = ConfigurationProgress(configuration, self.cells, state="finished")
        for cell in self.cells:
            rows = self.plan.validation_rows(cell.fold)
            keys = {}
            for name, stage in configuration.recipe.stages.items():
                keys[name] = f"{name}-{configuration.id}-{cell}"
                table = {"neighbours": self._neighbours, "probability": self._labels}.get(stage.predicts)
                values = self._grades(rows, noise) if table is None else table(rows)
                arrays = {"validation/rows": rows.astype(np.int32), f"validation/{stage.predicts}": values}
                self.store.put_stage(_stage(keys[name], name, cell, stage.predicts, arrays))
            record = FoldRecord(configuration.id, cell.fold, cell.seed, keys, (), {}, 1.0, PROVENANCE)
            self.store.put_fold(record)
            progress.finished[cell] = record
        return progress

    def _neighbours(self, rows: Array) -> Array:
        share = 0.35 + 0.2 * self.target[rows]  # a good τ lies below ½
        return (self._rng.random((len(rows), NEIGHBOURS)) < share[:, None]).astype(np.uint8)

    def _labels(self, rows: Array) -> Array:
        gold = self.gold.train.matrix(LABELS)[rows]
        return np.clip(0.3 * gold + 0.6 * self._rng.random(gold.shape), 0, 1).astype(np.float32)

    def _grades(self, rows: Array, noise: float) -> Array:
        return (self.gold.train.values("grade")[rows, None] + noise * self._rng.random((len(rows), 1))).astype("f4")


def _stage(key: str, name: str, cell: Cell, predicts: Any, arrays: dict[str, Array]) -> StageRecord:
    return StageRecord(
        key=key,
        stage=name,
        fold=cell.fold,
        seed=cell.seed,
        predicts=predicts,
        keep="last",
        start=None,
        best_step=1,
        best_value=0.5,
        steps=1,
        total_steps=1,
        epoch_steps=1,
        stopped="last_step",
        curve=(),
        seconds=1.0,
        peak_memory_bytes=None,
        provenance=PROVENANCE,
        arrays=arrays,
    )

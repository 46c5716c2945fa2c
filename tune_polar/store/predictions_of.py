"""All stored predictions of one configuration, put together from its folds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tune_polar.spec.configuration import Configuration
from tune_polar.store.gold import Gold
from tune_polar.store.record import Array, FoldRecord, StageRecord
from tune_polar.store.store import Store

STAGES_KEPT = 512  # in memory: configurations proposed close together share theirs


@dataclass(frozen=True, eq=False)
class FoldPredictions:
    """One fold's record with the stages it names."""

    record: FoldRecord
    detector: StageRecord
    classifier: StageRecord | None


@dataclass(frozen=True, eq=False)
class ConfigurationPredictions:
    """A configuration and its finished folds, in fold order."""

    configuration: Configuration
    folds: tuple[FoldPredictions, ...]
    gold: Gold

    @property
    def missing_folds(self) -> tuple[int, ...]:
        """Folds of the plan that have not finished."""
        done = {fold.record.fold for fold in self.folds}
        return tuple(fold for fold in range(self.gold.detector_plan.count) if fold not in done)

    @property
    def target(self) -> Array:
        """Gold of the detector's column on train, shape (rows,)."""
        return self.gold.train.labels[self.configuration.recipe.task.target]

    def detector_tables(self) -> tuple[list[Array], list[Array]]:
        """Per fold: neighbour labels (rows, K) cut to the narrowest fold's K, and gold (rows,)."""
        width = min(fold.detector.arrays["neighbour_labels"].shape[1] for fold in self.folds)
        tables = [fold.detector.arrays["neighbour_labels"][:, :width] for fold in self.folds]
        gold = [self.target[fold.detector.arrays["validation_rows"]] for fold in self.folds]
        return tables, gold

    def classifier_rows(self) -> tuple[Array, Array, Array]:
        """Out-of-fold rows pooled over folds: fold (n,), train row (n,), probability (n, labels)."""
        parts = [(f.record.fold, f.classifier) for f in self.folds if f.classifier is not None]
        fold = np.concatenate([np.full(len(c.arrays["validation_rows"]), n) for n, c in parts])
        row = np.concatenate([c.arrays["validation_rows"] for _, c in parts]).astype(np.int64)
        probability = np.concatenate([c.arrays["probability"] for _, c in parts]).astype(np.float64)
        return fold, row, probability

    def dev(self, array: str) -> list[Array]:
        """Each fold model's array on dev; empty where there is no dev gold or no such array."""
        if self.gold.dev is None:
            return []
        stages = [fold.detector if array == "dev_neighbour_labels" else fold.classifier for fold in self.folds]
        found = [stage.arrays[array] for stage in stages if stage is not None and array in stage.arrays]
        return found if len(found) == len(self.folds) else []


class PredictionsReader:
    """Reads configurations' predictions from a store, a stage that several share only once."""

    def __init__(self, store: Store, gold: Gold) -> None:
        self._store = store
        self._gold = gold
        self._stages: OrderedDict[str, StageRecord] = OrderedDict()

    def read(self, configuration: Configuration, folds: Sequence[FoldRecord]) -> ConfigurationPredictions:
        """Predictions of the folds whose stages are all there; a fold with a damaged stage counts as missing."""
        keys = [key for record in folds for key in (record.detector_key, record.classifier_key) if key is not None]
        self._stages.update(self._store.stages([key for key in keys if key not in self._stages]))
        complete: Mapping[int, FoldPredictions] = {
            record.fold: parts for record in folds if (parts := self._fold(record)) is not None
        }
        for key in keys:
            if key in self._stages:
                self._stages.move_to_end(key)
        while len(self._stages) > STAGES_KEPT:
            self._stages.popitem(last=False)
        return ConfigurationPredictions(configuration, tuple(complete[fold] for fold in sorted(complete)), self._gold)

    def _fold(self, record: FoldRecord) -> FoldPredictions | None:
        detector = self._stages.get(record.detector_key)
        classifier = None if record.classifier_key is None else self._stages.get(record.classifier_key)
        if detector is None or (classifier is None and record.classifier_key is not None):
            return None
        return FoldPredictions(record, detector, classifier)

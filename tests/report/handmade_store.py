"""A small store filled by hand: random predictions of a chosen skill, no training, no texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tune_polar.data.fold_plan import FoldPlan
from tune_polar.spec.configuration import Configuration
from tune_polar.spec.recipe import Recipe
from tune_polar.store.gold import Gold, GoldSplit
from tune_polar.store.record import CurvePoint, FailureRecord, FoldRecord, Provenance, StageRecord
from tune_polar.store.store import Store, open_store
from tune_polar.store.summary import SearchSummary, summarise

ROWS, DEV_ROWS, FOLDS, NEIGHBOURS = 120, 40, 3, 7
LABELS = ("stereotype", "vilification")
PROVENANCE = Provenance("lab-1", 7, "cpu (x86_64)", "2026-01-02T03:04:05+00:00", {"python": "3.11.7", "torch": "2.13"})


class StoreBuilder:
    """Writes a search's records; ``skill`` 0 is noise, 1 is nearly right."""

    def __init__(
        self,
        folder: Path,
        *,
        labels: tuple[str, ...] = LABELS,
        dev: bool = True,
        trials: int = 3,
        description: str = "made by hand",
        command: str = "tune-polar search st3",
        changes: Mapping[str, object] | None = None,
    ) -> None:
        self.store: Store = open_store(folder)
        self.labels = labels
        self._rng = np.random.default_rng(5)
        self._number = 0
        self.recipe = _recipe(labels, description)
        self.gold = self._gold(dev)
        self.store.create({**self._manifest(trials, command), **(changes or {})}, self.gold)

    def configuration(self, origin: str = "sampled", **detector: object) -> Configuration:
        """Record one more configuration; keywords change its detector."""
        recipe = self.recipe.model_copy(update={"detector": self.recipe.detector.model_copy(update=detector)})
        configuration = Configuration(recipe, self._number, origin)
        self._number += 1
        self.store.put_configuration(configuration)
        return configuration

    def finish(
        self,
        configuration: Configuration,
        skill: float,
        *,
        folds: Sequence[int] = range(FOLDS),
        provenance: Provenance = PROVENANCE,
    ) -> Configuration:
        """Record finished folds of ``configuration``."""
        for fold in folds:
            keys = [f"{stage}-{configuration.id}-{fold}" for stage in ("d", "c")]
            self.store.put_stage(self._stage(keys[0], fold, self._votes(fold, skill), provenance))
            if self.labels:
                self.store.put_stage(self._stage(keys[1], fold, self._probabilities(fold, skill), provenance))
            classifier_key = keys[1] if self.labels else None
            self.store.put_fold(
                FoldRecord(configuration.id, fold, 42, keys[0], classifier_key, (), {}, 61.0, provenance)
            )
        return configuration

    def fail(self, configuration: Configuration, message: str, *, kind: str = "ValueError", fold: int = 0) -> None:
        """Record a failed fold."""
        self.store.put_failure(FailureRecord(configuration.id, fold, 42, 0, kind, message, "Traceback", PROVENANCE))

    def summary(self) -> SearchSummary:
        """What the store says now."""
        return summarise(self.store)

    def _gold(self, dev: bool) -> Gold:
        def split(rows: int) -> GoldSplit:
            target = (np.arange(rows) % 2).astype(np.int64)
            labels = {label: target * (self._rng.random(rows) < 0.5).astype(np.int64) for label in self.labels}
            return GoldSplit(tuple(f"r{row}" for row in range(rows)), {"polarization": target, **labels})

        plan = FoldPlan("shared", FOLDS, 42, (np.arange(ROWS) // 2 % FOLDS).astype(np.int64))
        return Gold(split(ROWS), split(DEV_ROWS) if dev else None, plan, plan)

    def _votes(self, fold: int, skill: float) -> dict[str, np.ndarray]:
        def votes(target: np.ndarray) -> np.ndarray:
            share = 0.5 + skill * (target[:, None] - 0.5)
            return (self._rng.random((len(target), NEIGHBOURS)) < share).astype(np.uint8)

        rows = self.gold.detector_plan.validation_rows(fold)
        arrays = {"neighbour_labels": votes(self.gold.train.labels["polarization"][rows])}
        if self.gold.dev is not None:
            arrays["dev_neighbour_labels"] = votes(self.gold.dev.labels["polarization"])
        return {"validation_rows": rows.astype(np.int32), **arrays}

    def _probabilities(self, fold: int, skill: float) -> dict[str, np.ndarray]:
        def probabilities(gold: np.ndarray) -> np.ndarray:
            noise = self._rng.random(gold.shape)
            return np.clip(skill * gold + (1 - skill) * noise, 0, 1).astype(np.float32)

        rows = self.gold.classifier_plan.validation_rows(fold)
        arrays = {"probability": probabilities(self.gold.train.matrix(self.labels)[rows])}
        if self.gold.dev is not None:
            arrays["dev_probability"] = probabilities(self.gold.dev.matrix(self.labels))
        return {"validation_rows": rows.astype(np.int32), **arrays}

    def _stage(self, key: str, fold: int, arrays: dict[str, np.ndarray], provenance: Provenance) -> StageRecord:
        return StageRecord(
            key=key,
            stage="detector" if key.startswith("d") else "classifier",
            fold=fold,
            seed=42,
            best_step=10,
            best_value=0.5,
            steps=20,
            stopped="max_steps",
            curve=(CurvePoint(10, 1.0, 0.5),),
            seconds=30.0,
            peak_memory_bytes=None,
            provenance=provenance,
            arrays=arrays,
        )

    def _manifest(self, trials: int, command: str) -> dict[str, Any]:
        return {
            "kind": "search",
            "recipe": self.recipe.model_dump(mode="json"),
            "profile": "tiny",
            "space": {
                "name": "small",
                "parameters": {"detector.lr": {"type": "float", "low": 0.0001, "high": 0.1, "log": True}},
            },
            "variants": [],
            "data": {
                "source": {"kind": "polar", "path": "/data/polar"},
                "name": "polar zho",
                "fingerprint": "f" * 64,
                "rows": {"dev": DEV_ROWS, "train": ROWS},
            },
            "inputs": {
                "data": "f" * 64,
                "detector_plan": self.gold.detector_plan.hash,
                "classifier_plan": self.gold.classifier_plan.hash,
                "encoder": "tiny",
            },
            "folds": FOLDS,
            "trials": trials,
            "seed": 11,
            "command": command,
            "created": "2026-01-02T03:00:00+00:00",
            "versions": {"tune-polar": "0.1.0", "python": "3.11.7", "torch": "2.13"},
        }


def _recipe(labels: tuple[str, ...], description: str) -> Recipe:
    stage = {"lr": 0.002, "xi": 0.95, "batch_size": 8, "fgm_epsilon": 0.2}
    return Recipe.model_validate(
        {
            "recipe": "st3" if labels else "st1",
            "description": description,
            "task": {"subtask": "st3" if labels else "st1", "target": "polarization", "labels": labels},
            "folds": {"count": FOLDS},
            "encoder": {"name": "tiny"},
            "detector": {**stage, "centers_lr": 0.01},
            "classifier": {**stage, "gamma_negative": dict.fromkeys(labels, 2.0)} if labels else None,
            "decision": {"k": 5, "tau": 0.4, "objective": "end_to_end" if labels else "detector"},
        }
    )

"""Recipes of a few steps in any shape, and fold trials over a real store."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from tune_polar.data.plans import make_plans
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import Corpus
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.defaults import with_defaults
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.store import Store
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.stage_inputs import inputs_of
from tune_polar.trial.worker_context import TrialContext

T = TypeVar("T")
TYPES = ["gender/sexual", "religious", "racial/ethnic", "political", "other"]
MANIFESTATIONS = [
    "stereotype",
    "vilification",
    "dehumanization",
    "extreme_language",
    "lack_of_empathy",
    "invalidation",
]
FEW_STEPS: Mapping[str, Any] = {"max_steps": 4, "eval_every_steps": 2, "lr": 2e-3, "xi": 0.95, "fgm_epsilon": 0.2}
DETECTOR: Mapping[str, Any] = {
    "task": {"type": "binary", "target": "polarization"},
    "head": {"type": "projection", "size": 16},
    "losses": {"soft_triple": {}},
    "batches": {"type": "balanced", "size": 16},
    "optimizer": {**FEW_STEPS, "head_lr": 1e-3},
    "keep": "precision_at_1",
}
CLASSIFIER: Mapping[str, Any] = {
    "rows": {"polarization": 1},
    "start": {"stage": "detector"},
    "task": {"type": "multilabel", "targets": MANIFESTATIONS},
    "head": {"type": "mlp"},
    "losses": {
        "asymmetric": {"gamma_negative": dict(zip(MANIFESTATIONS, [4.0, 4.0, 3.5, 3.5, 2.0, 2.0], strict=True))}
    },
    "batches": {"type": "length_grouped", "size": 16},
    "optimizer": dict(FEW_STEPS),
    "keep": "best_threshold_f1",
}
ONE_STAGE: Mapping[str, Any] = {
    "recipe": "one",
    "data": {"labels": ["polarization", *MANIFESTATIONS], "strata": TYPES},
    "folds": {"count": 3},
    "encoder": {"name": "tiny", "pooling": "mean", "tiny": {"hidden": 32}},
    "stages": {"detector": DETECTOR},
    "decide": {"polarized": {"type": "knn_vote", "of": "detector", "k": 9}},
    "score": {"of": "polarized"},
}
TWO_STAGES: Mapping[str, Any] = {
    **ONE_STAGE,
    "recipe": "two",
    "stages": {"detector": DETECTOR, "classifier": CLASSIFIER},
    "decide": {
        "polarized": {"type": "knn_vote", "of": "detector", "k": 9},
        "manifestations": {"type": "threshold", "of": "classifier"},
        "system": {"type": "gate", "of": "manifestations", "by": "polarized"},
    },
    "score": {"of": "system"},
}


def recipe_of(values: Mapping[str, Any], **changes: object) -> Recipe:
    """A recipe of plain values with some of them changed; ``stages__detector__keep="last"`` goes down the sections."""
    tree = json.loads(json.dumps(values))  # no section of it is shared with another
    for key, value in changes.items():
        *above, last = key.split("__")
        section = tree
        for name in above:
            section = section.setdefault(name, {})
        section[last] = value
    return Recipe.model_validate(with_defaults(tree))


def result_of(steps: Generator[Any, None, T]) -> T:
    """Run a generator to its end for what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


def plans_of(recipe: Recipe, corpus: Corpus) -> dict[str, FoldPlan]:
    """The fold plan of each stage."""
    folds = recipe.folds.model_dump(exclude={"order"})
    return make_plans(
        recipe.folds.name,
        corpus,
        stages={name: dict(stage.rows) for name, stage in recipe.stages.items()},
        targets={name: stage.columns for name, stage in recipe.stages.items()},
        strata=recipe.data.strata,
        **folds,
    )


@dataclass(frozen=True, eq=False)
class Bench:
    """Makes fold trials and the contexts they need; all share one corpus and one store."""

    corpus: Corpus
    store: Store
    folder: Path
    plans: Mapping[str, FoldPlan] | None = None  # None: those that the recipe asks for

    def trial(self, recipe: Recipe, fold: int = 0, seed: int | None = None) -> FoldTrial:
        cell = Cell(fold, recipe.seeds[0] if seed is None else seed)
        return FoldTrial(recipe, cell, inputs_of(recipe, self.corpus, self._plans(recipe)))

    def context(self, recipe: Recipe, checkpoint_seconds: float = 60.0) -> TrialContext:
        device = torch.device("cpu")
        return TrialContext(self.corpus, self._plans(recipe), self.store, device, checkpoint_seconds)

    def stages(self) -> set[str]:
        return {path.stem for path in (self.folder / "stages").glob("*.safetensors")}

    def _plans(self, recipe: Recipe) -> Mapping[str, FoldPlan]:
        return plans_of(recipe, self.corpus) if self.plans is None else self.plans

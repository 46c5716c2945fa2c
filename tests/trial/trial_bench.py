"""Recipes of a few steps, and fold trials over a real store."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from tune_polar.data.corpus import Corpus
from tune_polar.spec.fold_plans import fold_plans
from tune_polar.spec.fold_trial import FoldTrial, Inputs
from tune_polar.spec.recipe import Recipe
from tune_polar.spec.recipe_file import RecipeOptions, load_recipe
from tune_polar.store.store import Store
from tune_polar.trial.materials import Materials

FEW_STEPS: dict[str, object] = {
    "folds.count": 3,
    "decision.k": 9,
    "encoder.tiny.hidden": 32,
    "detector.projection": 16,
    "detector.batch_size": 16,
    "detector.max_steps": 4,
    "detector.eval_every_steps": 2,
}
FEW_CLASSIFIER_STEPS: dict[str, object] = {
    "classifier.batch_size": 16,
    "classifier.max_steps": 4,
    "classifier.eval_every_steps": 2,
}


def quick_recipe(name: str = "st3", **changes: object) -> Recipe:
    """A shipped recipe with few steps; ``classifier__lr=0.1`` changes ``classifier.lr``."""
    few = FEW_STEPS if name == "st1" else FEW_STEPS | FEW_CLASSIFIER_STEPS
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return load_recipe(name, RecipeOptions(encoder="tiny", changes=few | named)).recipe


T = TypeVar("T")


def result_of(steps: Generator[Any, None, T]) -> T:
    """Run a generator to its end for what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


@dataclass(frozen=True, eq=False)
class Bench:
    """Makes fold trials and the materials they need; all share one corpus and one store."""

    corpus: Corpus
    store: Store
    folder: Path

    def trial(self, recipe: Recipe, fold: int = 0) -> FoldTrial:
        detector, classifier = fold_plans(recipe, self.corpus)
        return FoldTrial(recipe, fold, Inputs(self.corpus.fingerprint, detector.hash, classifier.hash, "tiny"))

    def materials(self, recipe: Recipe, checkpoint_seconds: float = 60.0) -> Materials:
        plans = fold_plans(recipe, self.corpus)
        return Materials(self.corpus, *plans, self.store, torch.device("cpu"), checkpoint_seconds)

    def stages(self) -> set[str]:
        return {path.name for path in (self.folder / "stages").glob("*.safetensors")}

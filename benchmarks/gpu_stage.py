"""Stages for `gpu.py`: the product's own at the published size, up to their first step, over made-up texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tune_polar.data.corpus import Corpus, Split
from tune_polar.data.fold_plan import FoldPlan
from tune_polar.data.sample import sample_corpus
from tune_polar.model.encoder_shape import PUBLISHED_CONFIGS
from tune_polar.spec.fold_trial import FoldTrial, Inputs
from tune_polar.spec.recipe import Recipe
from tune_polar.spec.recipe_file import RecipeOptions, load_recipe
from tune_polar.store.record import StageName
from tune_polar.store.store import open_store
from tune_polar.trial.checkpoints import Checkpoints
from tune_polar.trial.classifier import classifier_stage
from tune_polar.trial.detector import detector_stage
from tune_polar.trial.loop import Training
from tune_polar.trial.materials import Materials
from tune_polar.trial.micro_batches import sums_over_rows
from tune_polar.trial.slot_memory import SlotMemory
from tune_polar.trial.stage import BuiltStage, training_of

XBASE: Mapping[str, Any] = PUBLISHED_CONFIGS["nghuyong/ernie-3.0-xbase-zh"]
SMALL: Mapping[str, Any] = {
    **XBASE,
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "intermediate_size": 256,
    "vocab_size": 500,
    "max_position_embeddings": 128,
}
FOLDS = 3
GPU = torch.device("cuda", 0)


def texts(rows: int, characters: int | None = None) -> Corpus:
    """Rows of the sample, alone; with ``characters`` each text repeats itself until it has as many."""
    corpus = sample_corpus(0, rows_train=rows, rows_dev=0, rows_test=0)
    if characters is None:
        return corpus
    train = corpus.train
    longer = tuple((text * characters)[:characters] for text in train.texts)
    return Corpus(corpus.name, {"train": Split(train.name, train.ids, longer, train.labels)})


def folds(corpus: Corpus, count: int) -> FoldPlan:
    """Rows in turn: what is measured does not ask for stratified ones."""
    return FoldPlan("shared", count, 0, np.arange(len(corpus.train), dtype=np.int64) % count)


def recipe_of(encoder: Path | str, changes: Mapping[str, object], name: str = "st3") -> Recipe:
    """A shipped recipe on ``FOLDS`` folds, otherwise as published, with ``changes`` (``classifier.lr``: value)."""
    return load_recipe(name, RecipeOptions(encoder=str(encoder), changes={"folds.count": FOLDS, **changes})).recipe


def trial_of(recipe: Recipe, corpus: Corpus, fold: int = 0) -> FoldTrial:
    """One fold of a recipe on ``folds(corpus)``."""
    plan = folds(corpus, recipe.folds.count)
    return FoldTrial(recipe, fold, Inputs(corpus.fingerprint, plan.hash, plan.hash, recipe.encoder.name))


def materials_of(recipe: Recipe, corpus: Corpus, folder: Path, checkpoint_seconds: float = 0.0) -> Materials:
    """What its stages read, with the encoder loaded into this machine's memory: forked processes share it."""
    torch.set_num_threads(1)  # torch's threads do not survive a fork
    plan = folds(corpus, recipe.folds.count)
    made = Materials(corpus, plan, plan, open_store(folder), torch.device("cpu"), checkpoint_seconds)
    made.encoder_source(recipe.encoder)
    return made


def on_gpu(materials: Materials, budget_bytes: int | None = None) -> Materials:
    """The same, for stages on the card."""
    return replace(materials, device=GPU, memory=SlotMemory(budget_bytes))


@dataclass(frozen=True, eq=False)
class Ready:
    """A stage that may take its first step."""

    built: BuiltStage
    training: Training


def ready(stage: StageName, recipe: Recipe, materials: Materials) -> Ready:
    """The stage of fold 0, as if its slot had no end."""
    trial = trial_of(recipe, materials.corpus)
    built = detector_stage(trial, materials) if stage == "detector" else classifier_stage(trial, materials, None)
    training = training_of(built.plan, Checkpoints(materials.stages, built.plan.key, 0.0))
    training.model.train()
    return Ready(built, replace(training, loss_sums=sums_over_rows(built.plan.model.loss)))

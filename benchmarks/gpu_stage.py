"""Stages for `gpu.py`: the product's own at the published size, up to their first step, over made-up texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.table import TRAIN, Corpus
from tune_polar.model.encoder_shape import PUBLISHED_CONFIGS
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.store.store import open_store
from tune_polar.trial.checkpoints import Checkpoints
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.slot_memory import SlotMemory
from tune_polar.trial.stage_build import build_stage
from tune_polar.trial.stage_inputs import inputs_of
from tune_polar.trial.stage_plan import BuiltStage
from tune_polar.trial.stage_training import training_of
from tune_polar.trial.training_loop import Training
from tune_polar.trial.worker_context import TrialContext

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
    train = corpus.train
    if characters is not None:
        train = replace(train, texts=tuple((text * characters)[:characters] for text in train.texts))
    return Corpus(corpus.name, {TRAIN: train}, corpus.sources)


def plans_of(recipe: Recipe, corpus: Corpus) -> dict[str, FoldPlan]:
    """Rows in turn, for every stage: what is measured does not ask for stratified ones."""
    count: int = recipe.folds.model_dump()["count"]
    validation = np.arange(len(corpus.train)) % count == np.arange(count)[:, np.newaxis]
    return dict.fromkeys(recipe.stages, FoldPlan("stratified", ~validation, validation))


def recipe_of(encoder: Path | str, changes: Mapping[str, object], name: str = "st3") -> Recipe:
    """A shipped recipe on ``FOLDS`` folds, otherwise as published, with ``changes`` by dotted key."""
    return load_recipe(name, RecipeOptions(encoder=str(encoder), changes={"folds.count": FOLDS, **changes})).recipe


def trial_of(recipe: Recipe, corpus: Corpus, fold: int = 0) -> FoldTrial:
    """One fold of a recipe on ``plans_of`` it."""
    inputs = inputs_of(recipe, corpus, plans_of(recipe, corpus), identity=lambda encoder: encoder.name)
    return FoldTrial(recipe, Cell(fold, recipe.seeds[0]), inputs)


def context_of(recipe: Recipe, corpus: Corpus, folder: Path, checkpoint_seconds: float = 0.0) -> TrialContext:
    """What its stages read, with their encoders loaded into this machine's memory: forked processes share it."""
    torch.set_num_threads(1)  # torch's threads do not survive a fork
    cpu = torch.device("cpu")
    made = TrialContext(corpus, plans_of(recipe, corpus), open_store(folder), cpu, checkpoint_seconds)
    for stage in recipe.stages.values():
        made.encoder_source(stage.encoder)
    return made


def on_gpu(context: TrialContext, budget_bytes: int | None = None) -> TrialContext:
    """The same, for stages on the card."""
    return replace(context, device=GPU, memory=SlotMemory(budget_bytes))


@dataclass(frozen=True, eq=False)
class Ready:
    """A stage that may take its first step."""

    built: BuiltStage
    training: Training


def ready(stage: str, recipe: Recipe, context: TrialContext) -> Ready:
    """The stage of fold 0, from the encoder as it was pretrained, as if its slot had no end."""
    built = build_stage(trial_of(recipe, context.corpus), stage, context, None)
    training = training_of(built.plan, Checkpoints(context.stages, built.plan.key, 0.0))
    training.model.train()
    return Ready(built, training)

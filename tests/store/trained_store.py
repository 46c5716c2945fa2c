"""A small store as a search leaves it: trained in this process, weights and all, with winner and ensemble beside.

Two stages, of which one compares new rows with vectors of its training rows, on a table that lies beside the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tune_polar.api.data_words import DataWords
from tune_polar.api.fitting import Told, fit_model
from tune_polar.api.model_words import ModelWords
from tune_polar.api.winner_files import write_ensemble, write_winner
from tune_polar.data.source import parse_source
from tune_polar.recipe.configuration import PUBLISHED, Configuration
from tune_polar.recipe.recipe_file import load_recipe
from tune_polar.recipe.space_file import load_space
from tune_polar.report.reading import summary_for_page
from tune_polar.search.make_plan import make_plan
from tune_polar.store.gold import gold_of
from tune_polar.store.lease import held_lease
from tune_polar.store.store import Store, open_store
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.run_fold_trial import run_fold_trial
from tune_polar.trial.worker_context import TrialContext

STEPS = {"lr": 1e-3, "max_steps": 2, "max_epochs": None, "eval_every_steps": 2}
RECIPE: Mapping[str, Any] = {
    "recipe": "own",
    "data": {"labels": ["hate", "loud", "sly"]},
    "folds": {"plan": "stratified", "count": 2},
    "encoder": {"name": "tiny", "pooling": "mean", "max_length_tokens": 16, "tiny": {"hidden": 32, "layers": 1}},
    "stages": {
        "finder": {
            "task": {"type": "binary", "target": "hate"},
            "head": {"type": "projection", "size": 8},
            "losses": {"soft_triple": {"centers": 2}},
            "batches": {"type": "balanced", "size": 8},
            "optimizer": STEPS,
            "keep": "precision_at_1",
        },
        "sorter": {
            "rows": {"hate": 1},
            "start": {"stage": "finder"},
            "task": {"type": "multilabel", "targets": ["loud", "sly"]},
            "batches": {"size": 8},
            "optimizer": STEPS,
        },
    },
    "decide": {
        "vote": {"type": "knn_vote", "of": "finder", "k": 5, "tau": 0.4},
        "kinds": {"type": "threshold", "of": "sorter"},
        "system": {"type": "gate", "of": "kinds", "by": "vote"},
    },
    "score": {"of": "system"},
    "submission": {"member": "own.csv", "format": "csv"},
}
SPACE: Mapping[str, Any] = {
    "space": "own",
    "recipe": "own",
    "parameters": {
        "sorter.optimizer.lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
        "decide.vote.k": {"type": "int", "low": 1, "high": 9, "step": 2},
    },
}


def trained_store(folder: Path, rates: tuple[float | None, ...] = (None, 0.02), **recipe_says: object) -> Store:
    """A new store in ``folder``, whose data lie in ``own.csv`` beside it.

    Args:
        folder: of the store.
        rates: of each configuration the sorter's learning rate; None: the recipe itself.
        recipe_says: sections in place of the recipe's own.
    """
    data = folder.parent / "own.csv"
    rows = [f"r{n},text {n} of {n % 7},{n % 2},{n % 3 // 2 * (n % 2)},{n % 5 // 2 % 2 * (n % 2)}" for n in range(60)]
    data.write_text("\n".join(["id,text,hate,loud,sly", *rows]), encoding="utf-8")
    loaded = load_recipe({**RECIPE, **recipe_says})
    space = load_space(SPACE, loaded.recipe, loaded.profile)
    plan = make_plan(loaded.recipe, loaded.profile, parse_source(str(data)), space=space, trials=len(rates), seed=0)
    store = open_store(folder)
    with held_lease(store.files, lambda: None):
        store.create(plan.manifest("tune-polar search own.yaml"), gold_of(plan.corpus, plan.plans))
        context = TrialContext(plan.corpus, plan.plans, store, torch.device("cpu"), checkpoint_seconds=0)
        for number, rate in enumerate(rates):
            point = {} if rate is None else {"sorter.optimizer.lr": rate, "decide.vote.k": 5}
            recipe = loaded.recipe if rate is None else space.fill(point)
            made = Configuration(recipe, number, "sampled" if point else PUBLISHED, point)
            store.put_configuration(made)
            for cell in plan.cells:
                store.put_fold(run_fold_trial(FoldTrial(recipe, cell, plan.inputs_for(recipe)), context))
        summary = summary_for_page(store)
        write_winner(summary, folder)
        write_ensemble(summary, folder)
    return store


def with_models_of_all_rows(store: Store) -> None:
    """Train each configuration of ``store`` once more, on all rows."""
    told = Told(lambda _: None, lambda _: None, ())
    for configuration in store.configurations():
        fit_model(ModelWords(store.url, configuration.id, all_rows=True), DataWords(), "cpu", 0, told)

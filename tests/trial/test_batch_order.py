"""The order in which a stage sees its rows follows from these rows, and from no group that only other files have."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import torch

from tune_polar.data.source import parse_source
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.search.recipe_data import fold_plans, read_corpus
from tune_polar.store.store import open_store
from tune_polar.trial.batch_order import batch_order
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.stage_inputs import inputs_of
from tune_polar.trial.worker_context import TrialContext

RECIPE = {
    "recipe": "mine",
    "data": {"labels": ["hate"], "groups": ["language"]},
    "folds": {"count": 2},
    "stages": {
        "model": {
            "task": {"type": "binary", "target": "hate"},
            "batches": {"type": "balanced", "by": "language", "size": 5},
        }
    },
}


def rows(languages: str, name: str) -> str:
    lines = (f"{name}{row},text {name} {row},{row % 2},{language}\n" for row, language in enumerate(languages))
    return "id,text,hate,language\n" + "".join(lines)


def test_batches_by_groups_do_not_depend_on_groups_of_other_splits(tmp_path: Path) -> None:
    recipe = load_recipe(RECIPE, RecipeOptions(encoder="tiny")).recipe
    (tmp_path / "train.csv").write_text(rows("ddee" * 8, "r"))
    store = open_store(tmp_path / "store")

    def batches(**more: str) -> list[list[int]]:
        corpus = read_corpus(recipe, parse_source(str(tmp_path / "train.csv"), **more))
        plans = fold_plans(recipe, corpus)
        trial = FoldTrial(recipe, Cell(0, 42), inputs_of(recipe, corpus, plans))
        context = TrialContext(corpus, plans, store, torch.device("cpu"))
        order = batch_order(trial, "model", context, plans["model"].training_rows(0))
        return [batch.tolist() for batch in islice(order, 8)]

    alone = batches()
    (tmp_path / "test.csv").write_text(rows("aade", "t"))
    assert batches(test=str(tmp_path / "test.csv")) == alone
    languages = np.array(list("ddee" * 8))[np.array(alone).ravel()]
    assert (languages[::2] == "d").all()
    assert (languages[1::2] == "e").all()

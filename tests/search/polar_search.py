"""Recipes of a few steps on the sample's texts, and planned searches of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulated_search import recipe_of

from tune_polar.data.polar_writer import write_polar
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.source import Source
from tune_polar.data.table import Corpus
from tune_polar.recipe.fill import fill
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.space import Space
from tune_polar.search.make_plan import SearchPlan, make_plan

TYPES = ("gender/sexual", "religious", "racial/ethnic", "political", "other")
LABELS = ("stereotype", "vilification", "dehumanization")
SMALL: Mapping[str, Any] = {
    "recipe": "small",
    "data": {"labels": ["polarization", *LABELS], "strata": list(TYPES)},
    "folds": {"count": 2},
    "encoder": {"name": "tiny", "pooling": "mean", "tiny": {"hidden": 32}},
    "stages": {
        "finder": {
            "task": {"type": "binary", "target": "polarization"},
            "head": {"type": "projection", "size": 16},
            "losses": {"soft_triple": {}},
            "batches": {"type": "balanced", "size": 16},
            "optimizer": {"lr": 2e-3, "max_steps": 3, "max_epochs": None, "eval_every_steps": 3, "fgm_epsilon": 0.2},
            "keep": "precision_at_1",
        }
    },
    "decide": {"vote": {"type": "knn_vote", "of": "finder", "k": 9}},
    "score": {"of": "vote"},
}
TWO_STAGES: Mapping[str, Any] = {
    **SMALL,
    "recipe": "two",
    "stages": {
        **SMALL["stages"],
        "sorter": {
            "rows": {"polarization": 1},
            "start": {"stage": "finder"},
            "task": {"type": "multilabel", "targets": list(LABELS)},
            "head": {"type": "mlp"},
            "losses": {"asymmetric": {"gamma_negative": dict.fromkeys(LABELS, 2.0)}},
            "batches": {"type": "length_grouped", "size": 16},
            "optimizer": {"lr": 2e-3, "max_steps": 3, "max_epochs": None, "eval_every_steps": 3},
            "keep": "best_threshold_f1",
        },
    },
    "decide": {
        "vote": {"type": "knn_vote", "of": "finder", "k": 9},
        "labels": {"type": "threshold", "of": "sorter"},
        "system": {"type": "gate", "of": "labels", "by": "vote"},
    },
    "score": {"of": "system"},
}
PARAMETERS: Mapping[str, object] = {
    "finder.losses": {"type": "categorical", "choices": ["soft_triple", "cross_entropy"]},
    "finder.losses.soft_triple.centers": {"type": "int", "low": 1, "high": 30},
    "finder.optimizer.lr": {"type": "float", "low": 3e-4, "high": 1e-2, "log": True},
    "decide.vote.tau": {"type": "float", "low": 0.2, "high": 0.8},
    "decide.vote.k": {"type": "int", "low": 1, "high": 21, "step": 2},
    "sorter.losses.asymmetric.gamma_negative": {
        "type": "vector",
        "element": {"type": "float", "low": 0.0, "high": 6.0, "step": 0.5},
    },
    "decide.labels.rule": {"type": "categorical", "choices": ["max_f1", "prevalence_match", "fixed"]},
}


def space_over(recipe: Recipe, parameters: Mapping[str, object] = PARAMETERS) -> LoadedSpace:
    checked = Space.model_validate({"space": "test", "recipe": recipe.recipe, "parameters": parameters})
    return LoadedSpace(checked.space, checked.parameters, recipe)


def small_corpus(seed: int = 0, rows: int = 150) -> Corpus:
    return sample_corpus(seed, rows_train=rows, rows_dev=30, rows_test=0)


def polar_folder(folder: Path, corpus: Corpus | None = None) -> Source:
    write_polar(small_corpus() if corpus is None else corpus, folder, "zho")
    return Source(kind="polar", path=str(folder), language="zho")


def variant(steps: int = 3, number: int = 0, **changes: object) -> Recipe:
    """The small recipe with so many steps, and another weight decay for each number."""
    plain = {"finder.optimizer.max_steps": steps, "finder.optimizer.eval_every_steps": steps}
    different = {"finder.optimizer.weight_decay": 0.01 * (number + 1)}
    return fill(recipe_of(SMALL), {**plain, **different, **changes})


def planned(folder: Path, recipes: Sequence[Recipe], racing: str = "none") -> SearchPlan:
    variants = tuple((f"variant {number}", recipe) for number, recipe in enumerate(recipes))
    source = polar_folder(folder)
    return make_plan(recipes[0], "tiny", source, variants=variants, trials=len(recipes), seed=1, racing=racing)

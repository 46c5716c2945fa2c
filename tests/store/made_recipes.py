"""Small recipes of every shape, for stores that hold made-up predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tune_polar.recipe.defaults import with_defaults
from tune_polar.recipe.fill import fill
from tune_polar.recipe.recipe import Recipe

LABELS = ("x", "y/z")
FOLDS = 3
# Predictions are drawn by all that a stage says: what it does not say itself, so that no default draws others.
LENGTH: Mapping[str, Any] = {"max_steps": 3000, "max_epochs": 5, "eval_every_steps": 100}
TWO_STAGES: Mapping[str, Any] = {
    "recipe": "mini",
    "data": {"labels": ["hurt", *LABELS], "groups": ["language"]},
    "folds": {"count": FOLDS},
    "stages": {
        "finder": {
            "task": {"type": "binary", "target": "hurt"},
            "head": {"type": "projection", "size": 8},
            "optimizer": {"lr": 1e-3},
        },
        "sorter": {
            "rows": {"hurt": 1},
            "start": {"stage": "finder"},
            "task": {"type": "multilabel", "targets": list(LABELS)},
            "optimizer": {"lr": 1e-3},
        },
    },
    "decide": {
        "vote": {"type": "knn_vote", "of": "finder", "k": 5, "tau": 0.4},
        "kinds": {"type": "threshold", "of": "sorter", "rule": "max_f1"},
        "system": {"type": "gate", "of": "kinds", "by": "vote"},
    },
    "score": {"of": "system"},
}
ONE_VOTE: Mapping[str, Any] = {
    **TWO_STAGES,
    "recipe": "vote",
    "stages": {"finder": TWO_STAGES["stages"]["finder"]},
    "decide": {"vote": TWO_STAGES["decide"]["vote"]},
    "score": {"of": "vote"},
}
CLASSES: Mapping[str, Any] = {
    "recipe": "classes",
    "data": {"classes": {"topic": ["news", "sport", "other"]}},
    "folds": {"count": FOLDS},
    "stages": {"model": {"task": {"type": "multiclass", "target": "topic"}}},
}
NUMBER: Mapping[str, Any] = {
    "recipe": "number",
    "data": {"numbers": {"closeness": [1, 5]}, "groups": ["language"], "evaluate": {"later": {"path": "later.csv"}}},
    "folds": {"count": FOLDS},
    "stages": {"model": {"task": {"type": "regression", "target": "closeness"}}},
}


def recipe_of(values: Mapping[str, Any], **changes: object) -> Recipe:
    """A recipe of plain values with some dotted keys changed, their dots written ``__``: ``finder__optimizer__lr``."""
    stages = values["stages"].items()
    whole = {name: {**stage, "optimizer": {**LENGTH, **stage.get("optimizer", {})}} for name, stage in stages}
    recipe = Recipe.model_validate(with_defaults({**values, "stages": whole}))
    return fill(recipe, {k.replace("__", "."): v for k, v in changes.items()})


def two_stages(**changes: object) -> Recipe:
    """A vote that gates two labels' thresholds, scored end to end."""
    return recipe_of(TWO_STAGES, **changes)


def one_vote(**changes: object) -> Recipe:
    """A vote alone."""
    return recipe_of(ONE_VOTE, **changes)


def three_classes(**changes: object) -> Recipe:
    """One stage with three classes."""
    return recipe_of(CLASSES, **changes)


def regression(**changes: object) -> Recipe:
    """One stage that predicts a number, with a further evaluation set."""
    return recipe_of(NUMBER, **changes)

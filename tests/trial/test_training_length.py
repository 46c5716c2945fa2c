"""How many steps a stage takes and after how many it is evaluated."""

from __future__ import annotations

import pytest

from tune_polar.recipe.fill import fill
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.sections import Optimizer
from tune_polar.trial.training_length import TrainingLength

LARGE = RecipeOptions(encoder="elsewhere/large")  # no profile of a small encoder is taken


def length(rows: int, batch_rows: int, **settings: object) -> TrainingLength:
    return TrainingLength(Optimizer.model_validate(settings), rows, batch_rows)


@pytest.mark.parametrize(
    ("settings", "rows", "batch_rows", "steps"),
    [
        ({"max_steps": 3000}, 100, 10, 3000),
        ({"max_steps": 3000, "max_epochs": 1.0}, 100, 10, 10),
        ({"max_steps": 3000, "max_epochs": 1.0}, 101, 10, 11),
        ({"max_steps": 3000, "max_epochs": 2.5}, 99, 10, 25),
        ({"max_steps": 3000, "max_epochs": 0.5}, 51, 10, 3),
        ({"max_steps": 3000, "max_epochs": 0.001}, 10, 64, 1),
        ({"max_steps": 7, "max_epochs": 6.0}, 100, 10, 7),
        ({"max_epochs": 3.0}, 58_945, 16, 11_055),
        ({"max_epochs": 1000.0}, 100, 10, 10_000),
        ({}, 100, 10, 3000),
        ({"max_steps": None, "max_epochs": None}, 100, 10, 3000),
    ],
)
def test_the_bound_that_comes_first_ends_training(
    settings: dict[str, object], rows: int, batch_rows: int, steps: int
) -> None:
    assert length(rows, batch_rows, **settings).steps == steps


@pytest.mark.parametrize(
    ("name", "stage", "epochs"), [("psk", "small", 3), ("psk-small", "classifier", 3), ("classifier", "model", 5)]
)
def test_shipped_recipes_train_all_epochs_of_real_data(name: str, stage: str, epochs: int) -> None:
    recipe = load_recipe(name, LARGE).recipe
    settings = recipe.stages[stage].optimizer
    assert TrainingLength(settings, 58_945, 16).steps == epochs * 3685
    searched = fill(recipe, {f"{stage}.optimizer.max_epochs": 8.0}).stages[stage].optimizer
    assert TrainingLength(searched, 58_945, 16).steps == 8 * 3685


@pytest.mark.parametrize(("name", "stage"), [("st1", "detector"), ("st2", "classifier"), ("st3", "detector")])
def test_alphalyrae_trains_as_published(name: str, stage: str) -> None:
    found = TrainingLength(load_recipe(name, LARGE).recipe.stages[stage].optimizer, 3424, 24)
    assert (found.steps, found.steps_between_evaluations(856)) == (3000, 100)


@pytest.mark.parametrize(
    ("settings", "rows", "evaluated", "between"),
    [
        ({}, 400, 100, 50),  # an epoch of 25 steps
        ({}, 58_945, 14_736, 922),  # a quarter of an epoch, one of five folds
        ({}, 100_000, 500, 1563),  # few rows are validated: patience must not end training within an epoch
        ({}, 1_000, 16_000, 1000),  # more rows are validated than are trained
        ({"eval_every_steps": 7}, 58_945, 14_736, 7),
        ({"eval_every_steps": 9999}, 400, 100, 9999),
    ],
)
def test_steps_between_two_evaluations(settings: dict[str, object], rows: int, evaluated: int, between: int) -> None:
    assert length(rows, 16, **settings).steps_between_evaluations(evaluated) == between

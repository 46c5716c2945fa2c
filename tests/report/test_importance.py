"""Importances against a function whose decomposition is known, and against Optuna's own fANOVA."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import optuna
import pytest

from tune_polar.errors import DecisionError
from tune_polar.report.document import Words
from tune_polar.report.page_context import PageContext
from tune_polar.report.sections import matters
from tune_polar.stats.importance import Column, importances

LEVELS = tuple(np.linspace(0, 1, 11))


def columns(count: int) -> list[Column]:
    return [Column(f"x{place}", LEVELS) for place in range(count)]


def folds(scores: np.ndarray, rng: np.random.Generator, noise: float) -> np.ndarray:
    return scores[:, None] + np.linspace(0, 0.05, 5) + noise * rng.standard_normal((len(scores), 5))


def test_known_shares_are_found() -> None:
    """y = 2·x0 + x1 on the unit square: the variances are 4/12 and 1/12, so the shares 0.8 and 0.2."""
    rng = np.random.default_rng(1)
    settings = rng.random((600, 4))
    found = importances(settings, folds(2 * settings[:, 0] + settings[:, 1], rng, 0.01), columns(4), rng)
    share = {each.name: each.share for each in found.parameters}
    assert [each.name for each in found.parameters][:2] == ["x0", "x1"]
    assert share["x0"] == pytest.approx(0.8, abs=0.06)
    assert share["x1"] == pytest.approx(0.2, abs=0.06)
    assert [each.name for each in found.parameters if found.told_from_chance(each)] == ["x0", "x1"]
    assert found.explained > 0.95
    assert found.interactions[0].share < 0.03


def test_an_interaction_is_found_where_no_parameter_acts_alone() -> None:
    """y = (x0 > ½) xor (x1 > ½): both curves are flat, all variance is the pair's."""
    rng = np.random.default_rng(2)
    settings = rng.random((600, 3))
    truth = ((settings[:, 0] > 0.5) ^ (settings[:, 1] > 0.5)).astype(float)
    found = importances(settings, folds(truth, rng, 0.01), columns(3), rng)
    pair = found.interactions[0]
    assert {pair.first, pair.second} == {"x0", "x1"}
    assert pair.share > 0.6
    assert max(each.share for each in found.parameters) < 0.15


def test_noise_alone_is_told_from_chance_by_nothing() -> None:
    rng = np.random.default_rng(3)
    settings = rng.random((40, 5))
    found = importances(settings, rng.standard_normal((40, 5)), columns(5), rng)
    assert [each.name for each in found.parameters if found.told_from_chance(each)] == []
    assert found.explained < 0.2
    said, *_ = matters.SECTION.build(
        cast("PageContext", SimpleNamespace(importances=found, learned=SimpleNamespace(stopped=0)))
    )
    assert isinstance(said, Words)
    assert "No parameter stands out" in said.texts[1]


def test_the_order_is_that_of_optuna() -> None:
    rng = np.random.default_rng(4)
    settings = rng.random((300, 3))
    truth = 3 * settings[:, 2] + settings[:, 0] + 0.3 * settings[:, 1]
    study = optuna.create_study(direction="maximize")
    ranges = {f"x{place}": optuna.distributions.FloatDistribution(0, 1) for place in range(3)}
    for row, value in zip(settings, truth, strict=True):
        point = {f"x{place}": float(row[place]) for place in range(3)}
        study.add_trial(optuna.trial.create_trial(params=point, distributions=ranges, value=float(value)))
    theirs = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(n_trees=32, seed=0)
    )
    ours = importances(settings, folds(truth, rng, 0.0), columns(3), rng)
    assert [each.name for each in ours.parameters] == list(theirs)
    for each in ours.parameters:
        assert each.share == pytest.approx(theirs[each.name], abs=0.08)


def test_a_curve_has_the_functions_shape_and_folds_level_is_no_error() -> None:
    rng = np.random.default_rng(5)
    settings = rng.random((300, 2))
    curve = importances(settings, folds(settings[:, 0], rng, 0.0), columns(2), rng).curves[0]
    assert np.all(np.diff(curve.mean) > -1e-9)
    assert np.corrcoef(curve.levels, curve.mean)[0, 1] > 0.99
    assert curve.standard_error.max() < 1e-6  # folds differ by their level alone


@pytest.mark.parametrize(("rows", "scored"), [(5, 5), (20, 19)])
def test_too_few_or_unlike_arrays_are_refused(rows: int, scored: int) -> None:
    with pytest.raises(DecisionError, match="importances need at least 10 configurations"):
        importances(np.zeros((rows, 2)), np.zeros((scored, 3)), columns(2), np.random.default_rng(0))

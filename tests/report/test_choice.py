"""What page and terminal say of the winner beside the others says no more than the paired intervals show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tune_polar
from tests.store.made_recipes import three_classes, two_stages
from tests.store.made_store import finished_store, made_store
from tune_polar.decide.metrics import metric_named
from tune_polar.report.choice_words import choice_sentences
from tune_polar.report.page_context import PageContext
from tune_polar.report.top_choice import choice_lines, compared, top_of
from tune_polar.stats.told_apart import ComparisonMatrix, comparison_matrix

FOLDS = np.array([0.62, 0.60, 0.64, 0.61, 0.63])
SMALL = np.array([0.001, -0.001, 0.002, 0.0, -0.001])


@pytest.fixture
def page(tmp_path: Path) -> PageContext:
    return PageContext(finished_store(tmp_path / "s", two_stages()).summary())


def said(page: PageContext, folds: Mapping[str, np.ndarray], metric: str = "macro_f1") -> list[str]:
    matrix = comparison_matrix(list(folds), np.stack(list(folds.values())), metric=metric_named(metric))
    names = [page.index.name(row) for row, _ in page.scored]
    renamed: dict[str, str] = dict(zip(folds, names, strict=False))
    pairs = tuple(replace(p, first=renamed[p.first], second=renamed[p.second]) for p in matrix.pairs)
    return list(choice_sentences(ComparisonMatrix(tuple(renamed.values()), pairs, ()), {}))


def test_what_differs_by_less_than_a_point_is_one_choice(page: PageContext) -> None:
    (sentence,) = said(page, {"a": FOLDS, "b": FOLDS - SMALL, "c": FOLDS + SMALL})
    names = [page.index.name(row) for row, _ in page.scored]
    assert sentence.startswith(
        f"{names[0]}, {names[1]} and {names[2]} are one choice: the 95% intervals leave room for "
    )
    assert re.search(r"room for 0\.\d points between", sentence)


def test_a_wide_interval_makes_nobody_equal(page: PageContext) -> None:
    wide = np.array([0.15, -0.02, 0.18, 0.03, 0.02])
    (sentence,) = said(page, {"a": FOLDS, "b": FOLDS - wide})
    assert "equals: by the 95% interval of their difference it may be up to " in sentence
    assert "cannot be told from" in sentence
    assert "one choice" not in sentence
    (pair,) = comparison_matrix(["a", "b"], np.stack([FOLDS, FOLDS - wide])).pairs
    assert f"up to {100 * pair.paired.interval.high:.1f} points better" in sentence
    assert f", or {-100 * pair.paired.interval.low:.1f} points worse" in sentence


def test_what_is_told_apart_is_neither(page: PageContext) -> None:
    (sentence,) = said(page, {"a": FOLDS, "b": FOLDS - 0.1 - SMALL})
    assert sentence.endswith("is told from every other one of these.")


def test_where_smaller_is_better_better_is_smaller(page: PageContext) -> None:
    wide = np.array([0.15, -0.02, 0.18, 0.03, 0.02])
    better, worse = re.findall(
        r"(?:up to|or) ([\d.]+)(?: \w+)? (?:better|worse)", said(page, {"a": FOLDS, "b": FOLDS + wide}, "mae")[0]
    )
    assert float(better) > float(worse), "the winner's error is smaller"


def of_the_same_predictions(folder: Path, seconds: tuple[float, float]) -> tuple[str, str, str]:
    """What is said of two configurations that differ in how long each stage took, and their names."""
    made = made_store(folder, two_stages())
    rows = [made.configuration(), made.configuration({"sorter.optimizer.lr": 0.01})]
    for row, each in zip(rows, seconds, strict=True):
        for cell in made.cells:
            for name in row.recipe.stages:  # the same predictions, so that nothing differs but the time
                as_first = replace(made.stage(rows[0], name, cell, 0.6), key=made.key(row, name, cell))
                start = None if as_first.start is None else made.key(row, "finder", cell)
                made.store.put_stage(replace(as_first, seconds=each, start=start))
            made.store.put_fold(made.record(row, cell))
    page = PageContext(made.summary())
    (sentence,) = choice_lines(page)
    cheaper = page.index.name(next(row for row, _ in page.scored if row.configuration.id == rows[1].id))
    assert page.best is not None
    return sentence, page.index.name(page.best), cheaper


def test_the_cheaper_of_those_that_decide_alike_is_preferred(tmp_path: Path) -> None:
    sentence, dearer, cheaper = of_the_same_predictions(tmp_path / "s", (30.0, 10.0))
    assert sentence == (
        f"{dearer} and {cheaper} decide every row alike. Prefer {cheaper}, the cheapest to train: 1 min over 3 folds, "
        f"{dearer} 3 min."
    )


def test_costs_that_are_printed_alike_prefer_nothing(tmp_path: Path) -> None:
    sentence, first, other = of_the_same_predictions(tmp_path / "s", (0.04, 0.03))  # 0.2 s each over three folds
    assert sentence == f"{first} and {other} decide every row alike."


def test_like_scores_without_a_spread_make_nobody_equal(page: PageContext) -> None:
    (sentence,) = said(page, {"a": FOLDS, "b": FOLDS})
    assert sentence.endswith(
        "score the same in all of these folds, which does not make them equals: without a spread nothing is shown."
    )
    (pair,) = comparison_matrix(["a", "b"], np.stack([FOLDS, FOLDS])).pairs
    assert not pair.are_equal
    assert pair.sentence == (
        "a and b score the same on these folds, without any spread: that shows nothing of other folds."
    )


@pytest.mark.parametrize("classes", [(0, 1, 0), (1, 1, 1)])
def test_configurations_that_decide_each_fold_as_a_whole_are_no_choice(
    tmp_path: Path, classes: tuple[int, ...]
) -> None:
    made = made_store(tmp_path / "s", three_classes())
    rows = [made.configuration(), made.configuration({"model.optimizer.lr": 0.01})]
    for row, seconds in zip(rows, (30.0, 10.0), strict=True):
        for cell in made.cells:
            stage = made.stage(row, "model", cell)
            whole = {
                key: np.tile(np.eye(3, dtype=each.dtype)[classes[cell.fold]], (len(each), 1))
                for key, each in stage.arrays.items()
                if key.endswith("/probability")
            }
            made.store.put_stage(replace(stage, arrays={**stage.arrays, **whole}, seconds=seconds))
            made.store.put_fold(made.record(row, cell))
    page = PageContext(made.summary())
    names = [page.index.name(row) for row, _ in page.scored]
    assert choice_lines(page) == (
        f"In each of these folds {names[0]} and {names[1]} decide all rows alike: nothing was learnt, and like scores "
        "do not make them one choice.",
    )


def test_decide_says_so_of_predictions() -> None:
    gold, folds = np.arange(120) % 2, np.arange(120) // 60
    constant = np.where(folds == 0, 0.9, 0.1)
    said = str(tune_polar.decide(gold, {"a": constant, "b": constant**2}, folds, rounds=100))
    assert "In each of these folds a and b decide all rows alike: nothing was learnt" in said
    assert "one choice:" not in said
    shares = np.clip(gold * 0.4 + np.random.default_rng(0).random(120) * 0.6, 0, 1)
    said = str(tune_polar.decide(gold, {"a": shares, "b": shares}, folds, rounds=100))
    assert "a and b decide every row alike." in said
    assert "one choice" not in said


def test_every_sentence_is_of_the_pairs_intervals(page: PageContext) -> None:
    matrix = compared(page, top_of(page))
    first = [pair for pair in matrix.pairs if matrix.names[0] in (pair.first, pair.second)]
    equal = [pair for pair in first if pair.are_equal]
    assert any("one choice" in line for line in choice_lines(page)) == bool(equal)
    for pair in matrix.pairs:
        assert pair.are_equal == (max(abs(pair.paired.interval.low), abs(pair.paired.interval.high)) <= 0.01)

"""What a fold's own choice of its checkpoint is worth, by its curves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.store.made_recipes import recipe_of, two_stages
from tests.store.made_store import finished_store
from tune_polar.decide.metrics import metric_named
from tune_polar.report.correction import worth_sentences
from tune_polar.report.page_context import PageContext
from tune_polar.stats.checkpoint_choice import Curve, worth_of_own_checkpoint
from tune_polar.store.records import StageRecord
from tune_polar.store.training_facts import CurvePoint

F1, LOSS = metric_named("macro_f1"), metric_named("log_loss")
STEPS = (10, 20, 30)


def test_the_kept_value_against_that_at_the_others_step() -> None:
    curves = [
        Curve(0, STEPS, (0.6, 0.7, 0.5), 20),
        Curve(1, STEPS, (0.8, 0.6, 0.5), 10),
        Curve(2, STEPS, (0.5, 0.55, 0.6), 30),
    ]
    # Medians of the others' kept steps: 20, 25 (the earlier of two that are as near), 15
    assert worth_of_own_checkpoint(curves, F1) == pytest.approx(((0.7 - 0.7) + (0.8 - 0.6) + (0.6 - 0.5)) / 3)
    assert worth_of_own_checkpoint(curves, LOSS) == pytest.approx(-0.1)


def test_seeds_of_one_fold_choose_by_the_same_rows() -> None:
    same = [Curve(0, STEPS, (0.6, 0.7, 0.5), 20), Curve(0, STEPS, (0.8, 0.6, 0.5), 10)]
    assert worth_of_own_checkpoint(same, F1) is None
    assert worth_of_own_checkpoint([Curve(fold, (10,), (0.5,), 10) for fold in (0, 1)], F1) is None


def with_curves(page: PageContext, best_steps: dict[int, int]) -> PageContext:
    """The winner's stages with three evaluations each, the one at a fold's step 0.03 higher."""

    def of(record: StageRecord, fold: int) -> StageRecord:
        points = [CurvePoint(step, 1.0, 0.53 if step == best_steps[fold] else 0.5) for step in STEPS]
        return replace(record, curve=tuple(points), best_step=best_steps[fold])

    best = page.best
    assert best is not None
    assert best.predictions is not None
    cells = tuple(
        replace(cell, stages={name: of(each, cell.fold) for name, each in cell.stages.items()})
        for cell in best.predictions.cells
    )
    found = replace(best, predictions=replace(best.predictions, cells=cells))
    rows = tuple(found if row is best else row for row in page.summary.configurations)
    return PageContext(replace(page.summary, configurations=rows))


def test_page_and_terminal_say_what_it_is_worth(tmp_path: Path) -> None:
    page = PageContext(finished_store(tmp_path / "store", two_stages(), skills=(0.8, 0.2)).summary())
    said = " ".join(worth_sentences(with_curves(page, {0: 10, 1: 20, 2: 30})))
    assert "keeps its best checkpoint by the very rows that are scored" in said
    assert "finder’s precision@1 by 2.0 points and sorter’s macro-F1 by 2.0 F1 points" in said
    assert "--set sorter.keep=last" in said
    # Where all folds keep the same step nothing is chosen that the others would not have
    assert "very rows" not in " ".join(worth_sentences(with_curves(page, {0: 20, 1: 20, 2: 20})))


def test_of_the_last_checkpoint_nothing_is_said(tmp_path: Path) -> None:
    last = recipe_of(two_stages().model_dump(mode="json", exclude_none=True), finder__keep="last", sorter__keep="last")
    page = PageContext(finished_store(tmp_path / "store", last, skills=(0.8, 0.2)).summary())
    assert "very rows" not in " ".join(worth_sentences(with_curves(page, {0: 10, 1: 20, 2: 30})))

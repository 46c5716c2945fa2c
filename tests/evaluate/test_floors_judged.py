"""Floors judged as configurations are: the same decisions, the same rows, paired by cell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tests.store.made_recipes import NUMBER, TWO_STAGES, one_vote, recipe_of, three_classes, two_stages
from tests.store.made_store import MadeStore, finished_store
from tune_polar.evaluate.floor_scores import (
    NOT_ASKED,
    NOT_COMPUTED,
    NOT_PRETRAINED,
    JudgedFloor,
    floor_recipe,
    floors_of,
)
from tune_polar.store.floor import FloorRecord
from tune_polar.trial import floor_models as trial_floors
from tune_polar.trial.floor_models import make_floor


def judged(made: MadeStore, record: FloorRecord | None = None) -> JudgedFloor:
    made.store.put_floor(record or make_floor("tfidf", made.recipe, made.corpus, made.plans))
    found = floors_of(made.summary())["tfidf"]
    assert isinstance(found, JudgedFloor)
    return found


def test_a_vote_is_a_threshold_and_all_else_stays() -> None:
    recipe = two_stages()
    floor = floor_recipe(recipe)
    assert {name: stage.predicts for name, stage in floor.stages.items()} == dict.fromkeys(
        ("finder", "sorter"), "probability"
    )
    assert floor.decide["vote"].name == "threshold"
    assert {name: floor.decide[name] for name in ("kinds", "system")} == {
        name: recipe.decide[name] for name in ("kinds", "system")
    }
    assert recipe.decide["vote"].name == "knn_vote"


@pytest.mark.parametrize(
    "recipe",
    [
        *(make() for make in (one_vote, two_stages, three_classes)),
        recipe_of(NUMBER),
        two_stages(seeds=(42, 7)),
        recipe_of({**TWO_STAGES, "folds": {"plan": "holdout", "share": 0.4}, "seeds": [0, 1, 2]}),
        recipe_of({**NUMBER, "score": {"of": "model", "metric": "mae"}}),
    ],
    ids=["vote", "two stages", "classes", "number", "two seeds", "one split", "smaller is better"],
)
def test_floors_of_every_shape_stand_beside_the_winner(tmp_path: Path, recipe) -> None:
    made = finished_store(tmp_path / "store", recipe)
    floor = judged(made)
    best = made.summary().best
    beside = floor.beside(best, made.cells)
    assert beside is not None
    assert len(beside.by_cell) == len(beside.floor_by_cell) == len(made.cells)
    assert beside.score == best.scores.score
    assert beside.floor_score == floor.scores.score
    assert np.isfinite(beside.by_cell).all()
    assert np.isfinite(beside.floor_by_cell).all()


def test_its_score_is_that_of_its_decisions(tmp_path: Path) -> None:
    made = finished_store(tmp_path / "store", one_vote())
    floor = judged(made)
    rows, decided = floor.outcome.judged.scored.rows, floor.outcome.best.scored.decided
    assert floor.scores.score == pytest.approx(f1_score(rows.gold.values[:, 0], decided[:, 0], average="macro"))


def test_a_sample_is_compared_on_its_own_rows(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(trial_floors, "MOST_ROWS", 60)
    made = finished_store(tmp_path / "store", one_vote(seeds=(1, 2)))
    floor = judged(made)
    summary = made.summary()
    best = summary.best
    beside = floor.beside(best, made.cells)
    assert beside is not None
    took_part = np.concatenate([floor.record.rows_of("finder", fold) for fold in range(3)])
    rows, decided = best.outcome.judged.scored.rows, best.outcome.best.scored.decided
    for place, cell in enumerate(made.cells):
        picked = (rows.part == cell.fold) & (rows.seed == cell.seed) & np.isin(rows.ids, took_part)
        gold = rows.gold.values[picked, 0]
        assert beside.by_cell[place] == pytest.approx(f1_score(gold, decided[picked, 0], average="macro"))
    assert beside.floor_by_cell.mean() == pytest.approx(np.mean(floor.scores.best.cell_scores))
    assert beside.floor_score == pytest.approx(floor.scores.score)
    assert floor.beside(replace(best, outcome=None), made.cells) is None


def test_what_is_not_there_says_why(tmp_path: Path) -> None:
    made = finished_store(tmp_path / "store", one_vote())
    assert floors_of(made.summary()) == {"tfidf": NOT_COMPUTED, "encoder": NOT_PRETRAINED}
    other = finished_store(tmp_path / "other", one_vote(), floors="none")
    assert floors_of(other.summary())["tfidf"] == NOT_ASKED

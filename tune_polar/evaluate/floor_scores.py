"""What floors are worth beside a search: judged as a configuration is, on the same folds and by the same decisions.

A vote of neighbours has no neighbours in a linear model: where a recipe votes, a floor's probability has a threshold.
Everything else is the recipe's own. Where a floor has seen a sample of the rows, it is compared on those rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Rows
from tune_polar.errors import DecisionError
from tune_polar.evaluate.configuration_scores import Scores, scores_of
from tune_polar.evaluate.outcome import DECIDE, TRAIN, Outcome, outcome_of
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.components.decisions import KnnVote, Threshold, ThresholdRule
from tune_polar.recipe.defaults import default_rule
from tune_polar.recipe.floor_names import FLOORS, Floor, floors_named
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import TINY
from tune_polar.store.floor import FloorRecord
from tune_polar.store.records import VALIDATION

ENCODER: Floor = "encoder"
NOT_PRETRAINED = "the embedded encoder is pretrained on nothing, so that frozen it would know nothing"
NOT_COMPUTED = "not computed yet: that is done at the end of a search, or where it failed by `tune-polar resume`"
NOT_ASKED = "--floors has left it out"


@dataclass(frozen=True, eq=False)
class Beside:
    """Two scores, in the metric's own unit."""

    by_cell: FloatArray  # of the configuration, (cells,); NaN where a cell has no row
    floor_by_cell: FloatArray
    score: float  # of the configuration on all these rows
    floor_score: float


@dataclass(frozen=True, eq=False)
class JudgedFloor:
    """One floor with its scores."""

    floor: Floor
    record: FloorRecord
    outcome: Outcome
    scores: Scores

    def beside(self, row: ConfigurationSummary, cells: Sequence[Cell]) -> Beside | None:
        """A configuration and the floor, on the rows that both have answered.

        None where the configuration has no score, or only a sample could be compared and its predictions are not read.
        """
        if row.scores is None:
            return None
        if not self.record.is_sample:
            return Beside(row.scores.by_cell(cells), self.scores.by_cell(cells), row.scores.score, self.scores.score)
        if row.outcome is None:
            return None
        return _on_common_rows(row.outcome, self.outcome, cells)


_FOUND: WeakKeyDictionary[SearchSummary, dict[Floor, JudgedFloor | str]] = WeakKeyDictionary()


def left_out(recipe: Recipe, floor: Floor) -> str | None:
    """Why a floor cannot be had of ``recipe``, whatever the machine; None: it can."""
    if floor == ENCODER and any(stage.encoder.name == TINY for stage in recipe.stages.values()):
        return NOT_PRETRAINED
    return None


def floors_of(summary: SearchSummary) -> Mapping[Floor, JudgedFloor | str]:
    """Every floor, judged, or why it cannot be; computed once a summary."""
    if summary not in _FOUND:
        _FOUND[summary] = {floor: _judged(summary, floor) for floor in FLOORS}
    return _FOUND[summary]


def floor_recipe(recipe: Recipe) -> Recipe:
    """``recipe`` as a floor's tables are judged by it: no stage has neighbours, and no decision asks for them."""
    stages = {
        name: stage.model_copy(update={"predicts": "probability"}) if stage.predicts == "neighbours" else stage
        for name, stage in recipe.stages.items()
    }
    rule = cast(ThresholdRule, default_rule("binary"))
    decide = {
        name: Threshold(of=step.of, rule=rule) if isinstance(step, KnnVote) else step
        for name, step in recipe.decide.items()
    }
    return recipe.model_copy(update={"stages": stages, "decide": decide})


def _judged(summary: SearchSummary, floor: Floor) -> JudgedFloor | str:
    recipe, record = summary.recipe, summary.floors.get(floor)
    if (never := left_out(recipe, floor)) is not None:
        return never
    if record is None:
        return NOT_COMPUTED if floor in floors_named(summary.facts.floors) else NOT_ASKED
    votes = {name for name, step in recipe.decide.items() if isinstance(step, KnnVote)}
    alternatives = {
        key: values
        for key, values in summary.alternatives.items()
        if key.removeprefix(DECIDE).partition(".")[0] not in votes
    }
    cells = [_cell(record, recipe, cell) for cell in summary.cells]
    try:
        outcome = outcome_of(floor_recipe(recipe), {TRAIN: summary.gold.train}, cells, alternatives)
    except DecisionError as error:
        return error.problem
    return JudgedFloor(floor, record, outcome, scores_of(outcome))


def _on_common_rows(ours: Outcome, floor: Outcome, cells: Sequence[Cell]) -> Beside | None:
    first, second = ours.judged.scored.rows, floor.judged.scored.rows
    seeds = np.union1d(first.seed, second.seed)
    keys, others = (_keys(rows, seeds) for rows in (first, second))
    common, here, there = np.intersect1d(keys, others, return_indices=True)
    if not len(common):
        return None
    rows = first.take(here)
    decided = (ours.best.scored.decided[here], floor.best.scored.decided[there])
    by_cell, whole = [], []
    for each in decided:
        scores = [_score(ours.metric, rows, each, (rows.part == c.fold) & (rows.seed == c.seed)) for c in cells]
        by_cell.append(np.array(scores))
        whole.append(float(np.mean([_score(ours.metric, rows, each, rows.seed == seed) for seed in seeds])))
    return Beside(by_cell[0], by_cell[1], whole[0], whole[1])


def _keys(rows: Rows, seeds: NDArray[Any]) -> NDArray[np.int64]:
    """Of each row, equal for one text in one part with one seed."""
    return (rows.part * len(seeds) + np.searchsorted(seeds, rows.seed)) * 2**40 + rows.ids


def _score(metric: Metric, rows: Rows, decided: NDArray[Any], picked: NDArray[np.bool_]) -> float:
    return metric.score(rows.gold.take(picked), decided[picked]) if picked.any() else float("nan")


@dataclass(frozen=True, eq=False)
class _Table:
    """One stage of one fold, as ``out_of_fold`` reads it."""

    found: NDArray[Any]
    held: NDArray[Any]
    splits: tuple[str, ...] = (VALIDATION,)

    def rows(self, split: str) -> NDArray[Any]:  # noqa: ARG002 - there is one
        return self.held

    def table(self, split: str) -> NDArray[Any]:  # noqa: ARG002 - as above
        return self.found


@dataclass(frozen=True, eq=False)
class _Cell:
    """A floor's answers for a cell; every seed has the same."""

    fold: int
    seed: int
    stages: Mapping[str, _Table]


def _cell(record: FloorRecord, recipe: Recipe, cell: Cell) -> _Cell:
    tables = {name: _Table(record.table(name, cell.fold)[1], record.rows_of(name, cell.fold)) for name in recipe.stages}
    return _Cell(cell.fold, cell.seed, tables)

"""What is known of a cell as soon as it is done: each stage's best value, and the score that racing hears."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tune_polar.decide.decision_engine import fold_score
from tune_polar.decide.graph import Graph
from tune_polar.decide.metrics import metric_named
from tune_polar.decide.rows import Rows
from tune_polar.decide.tables import Table
from tune_polar.store.records import VALIDATION, StageRecord
from tune_polar.trial.checkpoint_metric import evaluated_metric, larger_is_better
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.targets import Targets
from tune_polar.trial.worker_context import TrialContext

RACE = "race"


def fold_scores(trial: FoldTrial, context: TrialContext, records: Mapping[str, StageRecord]) -> dict[str, float]:
    """``STAGE.METRIC`` of every stage's kept weights, and ``race``: larger is better, whatever the recipe's metric is.

    Args:
        trial: the fold trial.
        context: what the worker has.
        records: of all its stages, by name.
    """
    found = {f"{name}.{_metric(trial, name)}": record.best_value for name, record in records.items()}
    return found | {RACE: _race_score(trial, context, records)}


def racing_curve(trial: FoldTrial, record: StageRecord) -> tuple[tuple[float, float], ...]:
    """Share of the stage's steps and the best value so far, at each evaluation; larger is better."""
    sign = 1.0 if larger_is_better(_metric(trial, record.stage)) else -1.0
    best, found = -math.inf, []
    for point in record.curve:
        best = max(best, sign * point.value)
        found.append((min(1.0, point.step / record.total_steps), best))
    return tuple(found)


def _metric(trial: FoldTrial, name: str) -> str:
    stage = trial.recipe.stages[name]
    return evaluated_metric(stage.keep, stage.task.gold, stage.predicts)


def _race_score(trial: FoldTrial, context: TrialContext, records: Mapping[str, StageRecord]) -> float:
    recipe = trial.recipe
    steps = recipe.model_dump(mode="json", include={"decide"})["decide"]
    graph = Graph.of(steps, score=recipe.score.of, stages=tuple(recipe.stages))
    read = [name for name in recipe.stages if name in graph.scored.stages]
    tables = {name: Table.of(records[name].predicts, [records[name].table(VALIDATION)]) for name in read}
    rows = {name: _rows(trial, name, context, records[name]) for name in read}
    value = fold_score(graph, tables, rows, recipe.score.metric)
    return metric_named(recipe.score.metric).gain(value, 0.0)


def _rows(trial: FoldTrial, name: str, context: TrialContext, record: StageRecord) -> Rows:
    stage, train, rows = trial.recipe.stages[name], context.corpus.train, record.rows(VALIDATION)
    groups = {column: train.values(column)[rows] for column in trial.recipe.data.groups}
    gold = Targets.of(stage.task, train).gold(rows)
    return Rows.of(gold, mask=train.where(stage.rows)[rows], groups=groups, ids=rows)

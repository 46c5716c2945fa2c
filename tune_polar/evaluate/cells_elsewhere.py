"""What each cell's model scores by itself on the other labelled splits, by settings chosen on out-of-fold rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.chooser import Chooser
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError
from tune_polar.evaluate.outcome import Outcome


def cell_scores_elsewhere(outcome: Outcome) -> Mapping[str, FloatArray]:
    """By split, the score of each cell's model alone, (cells,), in the order of the configuration's cells.

    Splits that lack what is scored are left out. ``Judgement.splits`` has the score of all models together.
    """
    found = {}
    for split in outcome.judged.scored.splits:
        evidence = outcome.splits[split]
        models = min(len(table.models) for table in evidence.tables.values())
        try:
            found[split] = np.array([_score(outcome, _alone(evidence, place)) for place in range(models)])
        except DecisionError:
            continue  # a single model's table that cannot be decided, such as one without the neighbours asked for
    return found


def _alone(evidence: Evidence, place: int) -> Evidence:
    tables = {name: Table(table.kind, (table.models[place],)) for name, table in evidence.tables.items()}
    return Evidence(tables, evidence.rows)


def _score(outcome: Outcome, evidence: Evidence) -> float:
    graph, chooser = outcome.graph.changed(outcome.best.changes), Chooser(evidence, outcome.metric)
    rows, decided = chooser.rows(graph.scored), chooser.decide(graph.scored, outcome.best.deployed)
    return outcome.metric.score(rows.gold.take(rows.mask), decided[rows.mask])

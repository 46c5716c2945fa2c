"""Ensembles of anybody's predictions: the configurations of one table, decided by the picked rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tune_polar.decide.configuration_ensembles import EnsembleBench
from tune_polar.decide.ensemble_fit import EnsembleCandidate
from tune_polar.decide.prediction_columns import Kind
from tune_polar.decide.predictions import AlignedPredictions
from tune_polar.decide.rows import Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.bbc_cv import Candidate
from tune_polar.stats.ensemble_report import EnsembleReport, Pick, ensemble_report
from tune_polar.stats.scored_configuration import (
    MODEL,
    ScoredConfiguration,
    compared_with,
    gold_of,
    graph_of,
    table_of,
)

MOST = 50  # configurations that are combined: the best so many
ALONE = "there is one configuration alone: there is nothing to combine"
HONEST_ALONE = (
    "there is one configuration alone whose start was not trained on out-of-fold rows (TP010): there is nothing to "
    "combine"
)
OTHER_FOLDS = "the configurations have other folds: no fold's rows are new to all of them at once"


def prediction_ensembles(
    rows: AlignedPredictions,
    scored: Sequence[ScoredConfiguration],
    winner: ScoredConfiguration,
    *,
    rounds: int,
    seed: int,
    kind: Kind = "labels",
) -> EnsembleReport | str:
    """The pick and ensembles beside it, or why there are none.

    Args:
        rows: every complete configuration's out-of-fold rows.
        scored: these configurations under every rule.
        winner: the best of them.
        rounds: of resampling.
        seed: of resampling.
        kind: of the gold.
    """
    every_one, scored = {each.name for each in scored}, compared_with(winner, scored)
    if len({each.name for each in scored}) < 2:
        return ALONE if len(every_one) < 2 else HONEST_ALONE
    if rows.gold is None or rows.fold is None:
        return "the out-of-fold rows must have gold and folds"
    if any(not np.array_equal(each, rows.fold[0]) for each in rows.fold):
        return OTHER_FOLDS
    metric = winner.judgement.metric
    own = sorted((e for e in scored if e.rule == winner.rule), key=lambda each: metric.gain(0.0, each.cross_fitted))
    names = [each.name for each in own[:MOST]]
    every = np.ones(len(rows.ids), dtype=np.bool_)
    candidates = [
        EnsembleCandidate(name, {MODEL: table_of(kind, rows.probability[rows.names.index(name)])}, {MODEL: every})
        for name in names
    ]
    rank = np.unique(np.array(rows.ids), return_inverse=True)[1].reshape(-1)
    gold = gold_of(rows.gold, winner.judgement.rows.gold.names, kind)
    about = {MODEL: Rows.of(gold, part=rows.fold[0], ids=rank)}
    try:
        bench = EnsembleBench(graph_of(winner.rule), about, candidates, metric)
        report = ensemble_report(
            bench,
            Pick(names.index(winner.name), winner.judgement.rows, winner.judgement.cross_fitted),
            [Candidate(each.name, each.rule, each.decided) for each in scored],
            None,  # a file of predictions does not say what models a configuration has
            rounds=rounds,
            seed=seed,
        )
        return replace(report, flaw=winner.flaw, corrected=winner.flaw or report.corrected)
    except DecisionError as error:
        return error.problem

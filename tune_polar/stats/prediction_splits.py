"""What is expected of a picked configuration of anybody's predictions, and its labelled splits beside that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from tune_polar.decide.predictions import AlignedPredictions, ConfigurationPredictions
from tune_polar.decide.rows import Gold, Rows
from tune_polar.stats.bbc_cv import BbcCv
from tune_polar.stats.new_rows import new_rows_score
from tune_polar.stats.run_spread import RunSpread, run_spread
from tune_polar.stats.scored_configuration import ScoredConfiguration
from tune_polar.stats.split_alarm import LabelledSplit, Predicted, SplitEvidence
from tune_polar.stats.split_causes import labelled_split


def spread_of_runs(
    scored: Sequence[ScoredConfiguration], winner: ScoredConfiguration, corrected: BbcCv, rng: np.random.Generator
) -> RunSpread | None:
    """How much training runs differ; ``scored``: what the winner was chosen among, of which those by its rule count.

    Fold models can be told apart only within one plan of folds: configurations with another one do not enter.
    """
    same = [each for each in scored if each.rule == winner.rule and np.array_equal(each.fold, winner.fold)]
    metric = corrected.metric
    same.sort(key=lambda each: metric.gain(0.0, each.cross_fitted))
    return run_spread(winner.judgement.rows, [each.decided for each in same], metric, corrected.standard_error, rng)


def labelled_splits(
    scored: Sequence[ScoredConfiguration],
    winner: ScoredConfiguration,
    rows: AlignedPredictions,
    predicted: ConfigurationPredictions,
    corrected: BbcCv,
    runs: RunSpread | None,
    rng: np.random.Generator,
) -> tuple[LabelledSplit, ...]:
    """Every split of the winner with gold.

    Args:
        scored: what the winner was chosen among.
        winner: one of them.
        rows: the out-of-fold rows.
        predicted: the winner's predictions.
        corrected: of the choice.
        runs: how much training runs differ.
        rng: of the draws.
    """
    judgement = winner.judgement
    measured = Predicted(judgement.rows, winner.decided, rows.probability[rows.names.index(winner.name)])
    others = [each for each in scored if each.rule == winner.rule and each is not winner]
    found = []
    for split, ladder in judgement.splits.items():
        part, tuned = predicted.splits[split], ladder["fold_tuned"]
        if part.gold is None:
            continue
        gold = Gold(judgement.rows.gold.kind, part.gold, judgement.rows.gold.names)
        scores = ((each.cross_fitted, each.on(split)) for each in others)
        there = [(here, scored_there.score) for here, scored_there in scores if scored_there is not None]
        evidence = SplitEvidence(split, Predicted(Rows.of(gold), tuned.decided, part.probability), others=there)
        ahead = new_rows_score(corrected, judgement.rows, winner.decided, len(gold), runs, rng)
        found.append(labelled_split(split, tuned.score, ahead, partial(_both, measured, evidence)))
    return tuple(found)


def _both(measured: Predicted, split: SplitEvidence) -> tuple[Predicted, SplitEvidence]:
    return measured, split

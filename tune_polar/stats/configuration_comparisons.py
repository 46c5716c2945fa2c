"""The top configurations of one rule compared with each other, and their ranks by where thresholds were chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from tune_polar.decide.judgement import Rung
from tune_polar.decide.predictions import OOF
from tune_polar.decide.rows import Rows
from tune_polar.stats.ranking import RankAgreement, rank_agreement
from tune_polar.stats.scored_configuration import ScoredConfiguration
from tune_polar.stats.told_apart import (
    ComparisonMatrix,
    comparison_matrix,
    row_comparison_matrix,
    text_comparison_matrix,
)

NotApplicable: TypeAlias = str  # the reason, as the end of "not applicable: …"
ALONE: NotApplicable = "there is only one complete configuration"
ONE_FOLD: NotApplicable = "there is only one fold"

# Scorings by name: where thresholds were chosen, and the rows that were scored.
SCORINGS: tuple[tuple[str, Rung, str], ...] = (
    ("oracle on dev", "oracle", "dev"),
    ("inside folds", "inside_folds", OOF),
    ("fold-tuned", "fold_tuned", OOF),
    ("cross-fitted", "cross_fitted", OOF),
    ("fold-tuned on dev", "fold_tuned", "dev"),
    ("fold-tuned on test", "fold_tuned", "test"),
)


def compare_folds(top: Sequence[ScoredConfiguration], winner: ScoredConfiguration) -> ComparisonMatrix | NotApplicable:
    """Fold-paired; a configuration whose folds hold other rows than the winner's is not applicable."""
    if len(top) < 2:
        return ALONE
    if len(winner.fold_scores) < 2:
        return ONE_FOLD
    same = [np.array_equal(each.fold, winner.fold) for each in top]
    nothing = np.full(len(winner.fold_scores), np.nan)
    scores = np.stack([each.fold_scores if fits else nothing for each, fits in zip(top, same, strict=True)])
    return comparison_matrix([each.name for each in top], scores, held_out=winner.judgement.rows.held_out)


def compare_rows(
    top: Sequence[ScoredConfiguration], rows: Rows, rng: np.random.Generator
) -> ComparisonMatrix | NotApplicable:
    """Row-paired, whatever the folds; a text that stands in several rows is drawn with all of them."""
    if len(top) < 2:
        return ALONE
    names, decided = [each.name for each in top], [each.decided for each in top]
    if rows.repeats:
        return text_comparison_matrix(names, rows, decided, top[0].judgement.metric, rng)
    return row_comparison_matrix(names, rows.gold, decided, rng)


def ranking_of(scored: Sequence[ScoredConfiguration]) -> RankAgreement:
    """Scorings that all configurations have; regret is counted on test where it has gold, else cross-fitted."""
    found = {name: [each.on(split, rung) for each in scored] for name, rung, split in SCORINGS}
    values = {
        name: np.array([each.score for each in own if each is not None])
        for name, own in found.items()
        if None not in own
    }
    reference = "fold-tuned on test" if "fold-tuned on test" in values else "cross-fitted"
    return rank_agreement(values, reference)

"""The top configurations of one rule compared with each other, and their ranks under every protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from tune_polar.decide.checks import BoolArray
from tune_polar.decide.crossfit import ProtocolScore
from tune_polar.decide.predictions import OOF
from tune_polar.decide.scores import Score
from tune_polar.stats.comparison import ComparisonMatrix, comparison_matrix, row_comparison_matrix
from tune_polar.stats.ranking import RankAgreement, rank_agreement
from tune_polar.stats.scored_configuration import ScoredConfiguration

NotApplicable: TypeAlias = str  # the reason, as the end of "not applicable: …"
ALONE: NotApplicable = "there is only one complete configuration"


def compare_folds(top: Sequence[ScoredConfiguration], winner: ScoredConfiguration) -> ComparisonMatrix | NotApplicable:
    """Fold-paired; a configuration whose folds hold other rows than the winner's is not applicable."""
    if len(top) < 2:
        return ALONE
    same = [np.array_equal(each.fold, winner.fold) for each in top]
    nothing = np.full(len(winner.fold_scores), np.nan)
    scores = np.stack([each.fold_scores if fits else nothing for each, fits in zip(top, same, strict=True)])
    return comparison_matrix([each.name for each in top], scores)


def compare_rows(
    top: Sequence[ScoredConfiguration], gold: BoolArray, rng: np.random.Generator, score: Score
) -> ComparisonMatrix | NotApplicable:
    """Row-paired, whatever the folds."""
    if len(top) < 2:
        return ALONE
    return row_comparison_matrix([each.name for each in top], gold, [each.decided for each in top], rng, score=score)


def ranking_of(scored: Sequence[ScoredConfiguration]) -> RankAgreement:
    """Scorings that all configurations have; regret is counted on test where it has gold, else cross-fitted."""
    scorings: dict[str, list[ProtocolScore | None]] = {
        "oracle on dev": [each.oracle_on("dev") for each in scored],
        "inside folds": [each.protocols.score("inside_folds", OOF) for each in scored],
        "pooled out-of-fold": [each.protocols.score("fold_tuned", OOF) for each in scored],
        "cross-fitted": [each.protocols.score("cross_fitted", OOF) for each in scored],
        "fold-tuned on dev": [each.on("dev") for each in scored],
        "fold-tuned on test": [each.on("test") for each in scored],
    }
    values = {
        name: np.array([each.macro_f1 for each in found if each is not None])
        for name, found in scorings.items()
        if None not in found
    }
    reference = "fold-tuned on test" if "fold-tuned on test" in values else "cross-fitted"
    return rank_agreement(values, reference)

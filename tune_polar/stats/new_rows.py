"""What a finally trained model may score on rows nobody has seen: a prediction interval.

The interval of an estimate says where the expected score lies. A test set is one draw of m rows, scored by one
model trained anew, and its score moves about that expectation. Four things move it:

- the out-of-fold rows that the estimate was measured on (bootstrap of n rows),
- the choice of the best candidate on these rows (repeated in every round),
- the m new rows (bootstrap of m rows under the winner's decisions),
- one more training run. How much runs differ is read off the folds: each fold is scored by a model of its own, and
  what its scores vary beyond what row sampling explains is between models.

Five folds say little of how much runs differ: simulated, a 90% interval holds the new score in 90% of repetitions
where runs do not differ, and in 81 to 86% where they do (``tests/oracles/test_stats_new_rows.py``).

What no estimate from train can contain is not contained: new rows from another source, or a final model that gains
from the rows its fold models did not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tune_polar.decide.checks import BitArray, BoolArray, FloatArray, fold_numbers, same_shape
from tune_polar.decide.metrics import default_metric
from tune_polar.decide.rows import Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.intervals import Interval, check_level, check_rounds, percentile_interval
from tune_polar.stats.row_kinds import row_kinds
from tune_polar.stats.weighted_scores import WeightedScores, bootstrap_weights

_ROUNDS_AT_ONCE = 250
_ROUNDS_PER_FOLD = 200  # for the variance that row sampling explains


@dataclass(frozen=True, eq=False)
class NewRowsScore:
    """The score of the winner, trained once more, on a new set of rows."""

    rows: int  # m
    draws: FloatArray  # (rounds,) none beyond what macro-F1 can be
    training_sd: float  # between models of one configuration, beyond row sampling; 0 where none shows

    def interval(self, level: float) -> Interval:
        """Holds the score on the new rows with probability ``level``."""
        check_level(level)
        return percentile_interval(self.draws, level)


@dataclass(frozen=True, eq=False)
class MeasuredRows:
    """The out-of-fold rows that an estimate comes from."""

    rows: Rows  # binary or of labels; ``part`` is the model that predicted each, the same for every candidate
    decided: Sequence[BitArray]  # cross-fitted decisions of every candidate, (n, labels) each; the best is the winner


def new_rows_score(
    measured: MeasuredRows,
    estimate: float,
    rows: int,
    rng: np.random.Generator,
    *,
    rounds: int = 1000,
    training: bool = True,
) -> NewRowsScore:
    """Draws of the winner's macro-F1 on ``rows`` new rows, about the corrected ``estimate``.

    Args:
        measured: the rows and decisions behind the estimate.
        estimate: what the winner is expected to score, such as ``BbcCv.corrected``.
        rows: m, the size of the new set.
        rng: of all draws.
        rounds: bootstrap rounds.
        training: whether one more training run is among what varies.

    Raises:
        DecisionError: no candidate, shapes that differ, fewer than two folds, no new row, too few rounds.
    """
    check_rounds(rounds)
    if rows < 1 or not measured.decided:
        raise DecisionError(
            f"a new set needs at least one row and one candidate, got {rows} rows and "
            f"{len(measured.decided)} candidates",
            "Give the size of the test set to come.",
        )
    for each in measured.decided:
        same_shape(measured.rows.gold.values, np.asarray(each), "gold and decisions")
    numbers, distinct = fold_numbers(measured.rows.part, len(measured.rows))
    errors, best = _measurement_errors(measured, rng, rounds)
    kinds = row_kinds(measured.rows.gold, measured.decided[best])
    drawn = rng.multinomial(rows, kinds.count / kinds.count.sum(), size=rounds)
    fresh = kinds.macro(drawn) - kinds.macro(kinds.count[None, :])
    spread = _training_sd(measured, [numbers == number for number in distinct], rng) if training else 0.0
    # The estimate is a mean over as many models as folds, and so few tell their variance poorly: Student's t for the
    # next of K observations (as in the prediction interval of a normal mean), K − 1 degrees of freedom.
    runs = spread * (1 + 1 / len(distinct)) ** 0.5 * rng.standard_t(len(distinct) - 1, size=rounds)
    draws = np.clip(estimate - errors + fresh + runs, *default_metric(measured.rows.gold.kind).range)
    return NewRowsScore(rows, draws, spread)


def _measurement_errors(measured: MeasuredRows, rng: np.random.Generator, rounds: int) -> tuple[FloatArray, int]:
    """By how much each round's winner looks better than it is, less the mean, (rounds,); and the winner of all rows."""
    prepared = _prepared(measured.rows, measured.decided)
    whole = prepared.scores(np.ones((1, prepared.texts), dtype=np.float32))[0]
    errors = []
    for start in range(0, rounds, _ROUNDS_AT_ONCE):
        drawn = bootstrap_weights(prepared.texts, min(_ROUNDS_AT_ONCE, rounds - start), rng)
        scores = prepared.scores(drawn)
        winners = scores.argmax(axis=1)
        errors.append(scores[np.arange(len(winners)), winners] - whole[winners])
    joined = np.concatenate(errors)
    return joined - joined.mean(), int(whole.argmax())


def _training_sd(measured: MeasuredRows, folds: Sequence[BoolArray], rng: np.random.Generator) -> float:
    """Standard deviation between fold models: variance of fold scores less what row sampling explains.

    Both are means over candidates; a negative rest counts as 0.
    """
    scores, explained = [], []
    for own in folds:
        prepared = _prepared(measured.rows.take(own), [each[own] for each in measured.decided])
        scores.append(prepared.scores(np.ones((1, prepared.texts), dtype=np.float32))[0])
        explained.append(prepared.scores(bootstrap_weights(prepared.texts, _ROUNDS_PER_FOLD, rng)).var(axis=0))
    rest = np.var(scores, axis=0, ddof=1).mean() - np.mean(explained)
    return float(max(rest, 0.0) ** 0.5)


def _prepared(rows: Rows, decided: Sequence[BitArray]) -> WeightedScores:
    return WeightedScores(rows, decided, default_metric(rows.gold.kind))

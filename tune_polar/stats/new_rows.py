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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.checks import BitArray, BoolArray, FloatArray, as_bool, fold_numbers, same_shape
from tune_polar.decide.scores import Score
from tune_polar.errors import DecisionError
from tune_polar.stats.cells import cells_of
from tune_polar.stats.intervals import Interval, check_level, check_rounds, percentile_interval
from tune_polar.stats.weighted_scores import WeightedScores, bootstrap_weights

_ROUNDS_AT_ONCE = 250
_ROUNDS_PER_FOLD = 200  # for the variance that row sampling explains


@dataclass(frozen=True, eq=False)
class NewRowsScore:
    """The score of the winner, trained once more, on a new set of rows."""

    rows: int  # m
    draws: FloatArray  # (rounds,)
    training_sd: float  # between models of one configuration, beyond row sampling; 0 where none shows

    def interval(self, level: float) -> Interval:
        """Holds the score on the new rows with probability ``level``."""
        check_level(level)
        return percentile_interval(self.draws, level)


@dataclass(frozen=True, eq=False)
class MeasuredRows:
    """The out-of-fold rows that an estimate comes from."""

    gold: BitArray  # (n, labels)
    decided: Sequence[BitArray]  # cross-fitted decisions of every candidate, (n, labels) each; the best is the winner
    fold: NDArray[np.integer[Any]]  # (n,) the model that predicted each row, the same for every candidate


def new_rows_score(
    measured: MeasuredRows,
    estimate: float,
    rows: int,
    rng: np.random.Generator,
    *,
    rounds: int = 1000,
    score: Score = "positive",
    training: bool = True,
) -> NewRowsScore:
    """Draws of the winner's score on ``rows`` new rows, about the corrected ``estimate``.

    Args:
        measured: the rows and decisions behind the estimate.
        estimate: what the winner is expected to score, such as ``BbcCv.corrected``.
        rows: m, the size of the new set.
        rng: of all draws.
        rounds: bootstrap rounds.
        score: which F1 is meant.
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
    truth = as_bool(measured.gold, "gold", 2)
    for each in measured.decided:
        same_shape(truth, np.asarray(each), "gold and decided")
    numbers, distinct = fold_numbers(measured.fold, len(truth))
    guesses = np.stack([as_bool(each, "decided", 2) for each in measured.decided], axis=1)
    errors, best = _measurement_errors(truth, guesses, rng, rounds, score)
    cells = cells_of(truth, guesses[:, best])
    kinds = rng.multinomial(rows, cells.count / cells.count.sum(), size=rounds)
    fresh = cells.macro(kinds, score) - cells.macro(cells.count[None, :], score)
    spread = _training_sd(truth, guesses, [numbers == number for number in distinct], rng, score) if training else 0.0
    # The estimate is a mean over as many models as folds, and so few tell their variance poorly: Student's t for the
    # next of K observations (as in the prediction interval of a normal mean), K − 1 degrees of freedom.
    runs = spread * (1 + 1 / len(distinct)) ** 0.5 * rng.standard_t(len(distinct) - 1, size=rounds)
    return NewRowsScore(rows, estimate - errors + fresh + runs, spread)


def _measurement_errors(
    gold: BoolArray, decided: BoolArray, rng: np.random.Generator, rounds: int, score: Score
) -> tuple[FloatArray, int]:
    """By how much each round's winner looks better than it is, less the mean, (rounds,); and the winner of all rows."""
    prepared = WeightedScores(gold, decided, score)
    whole = prepared.macro(np.ones((1, len(gold)), dtype=np.float32))[0]
    errors = []
    for start in range(0, rounds, _ROUNDS_AT_ONCE):
        drawn = bootstrap_weights(len(gold), min(_ROUNDS_AT_ONCE, rounds - start), rng)
        scores = prepared.macro(drawn)
        winners = scores.argmax(axis=1)
        errors.append(scores[np.arange(len(winners)), winners] - whole[winners])
    joined = np.concatenate(errors)
    return joined - joined.mean(), int(whole.argmax())


def _training_sd(
    gold: BoolArray, decided: BoolArray, folds: Sequence[BoolArray], rng: np.random.Generator, score: Score
) -> float:
    """Standard deviation between fold models: variance of fold scores less what row sampling explains.

    Both are means over candidates; a negative rest counts as 0.
    """
    scores, explained = [], []
    for own in folds:
        prepared = WeightedScores(gold[own], decided[own], score)
        rows = int(np.count_nonzero(own))
        scores.append(prepared.macro(np.ones((1, rows), dtype=np.float32))[0])
        explained.append(prepared.macro(bootstrap_weights(rows, _ROUNDS_PER_FOLD, rng)).var(axis=0))
    rest = np.var(scores, axis=0, ddof=1).mean() - np.mean(explained)
    return float(max(rest, 0.0) ** 0.5)

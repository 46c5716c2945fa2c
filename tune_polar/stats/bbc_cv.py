"""Bootstrap bias-corrected cross-validation (BBC-CV; Tsamardinos, Greasidou and Borboudakis, 2018).

The best of many configurations owes part of its score to luck. BBC-CV repeats the choice: draw rows of the
out-of-fold predictions with replacement, let the best configuration on the drawn rows win, score the winner
on the rows not drawn. No model is trained again.

One term is added to the published method. F1 is not linear in its counts, so a candidate's mean score over a
random 37% of the rows lies a little below its score on all of them, whether it wins or not. This curvature is
read off the same rounds and added back (``plain`` is the score without it); rare labels and few rows make it matter.

What is drawn is a text with all that was decided of it: by several seeds, or in several folds that held it out.

What is left leans low, because a round chooses on 63% of the distinct rows. A round also scores on 37% of the rows, so
that the quantiles of its scores, the published interval, are far too wide for the expected score. The interval here is
of the errors of the chosen one instead: by how much its score on the drawn rows differs from that on all rows, less the
mean of that. The errors of each round's own best vary less, as the largest of many numbers does, and less than the
chosen one's score errs where configurations differ. Errors of correlations are taken on Fisher's scale: the best of
many looks better than it is, and a large r errs less. ``benchmarks/bbc_cv.py`` and ``bbc_cv_numbers.py`` measure bias
and coverage where the truth is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BoolArray, FloatArray, IntArray, same_shape
from tune_polar.decide.metrics import Metric, default_metric
from tune_polar.decide.rows import Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.intervals import Interval, check_level, check_rounds, percentile_interval
from tune_polar.stats.weighted_scores import WeightedScores, bootstrap_weights

_FEWEST_ROWS = 30  # with fewer, a round may leave no row out of the bag
_ROUNDS_AT_ONCE = 250  # keeps the counts of 250 rounds × 100 configurations × 6 labels in a few megabytes


@dataclass(frozen=True, eq=False)
class Candidate:
    """One configuration under one decision setting."""

    configuration: str
    setting: str  # "max_f1", "k=49, τ=0.4"
    decided: NDArray[Any]  # (rows, columns) cross-fitted decisions; values of rows not covered are not looked at
    covered: BoolArray | None = None  # (rows,) rows whose fold has finished; None: all of them


@dataclass(frozen=True, eq=False)
class BbcCv:
    """The best score, and what choosing it among so many was worth."""

    corrected: float  # ``plain`` with the curvature added back, within the metric's range
    plain: float  # mean over rounds of the winner's score on the rows not drawn: the corrected score as published
    curvature: float  # mean over the winners of (score on all rows − mean score on the rows not drawn)
    interval: Interval  # of the expected score: quantiles of ``draws``
    raw_best: float  # score of the best candidate on all rows, which is optimistic
    winner: int  # its position among the candidates given
    win_share: FloatArray  # (candidates,) share of rounds won; 0 for those left out
    rounds: int
    entered: int
    left_out: tuple[str, ...]  # configurations with missing folds, which do not enter
    draws: FloatArray  # (rounds,) ``corrected`` less the winner's error in each round, within the metric's range
    metric: Metric
    inside: FloatArray  # (rounds, entered) every candidate's score on the rows drawn, as float32
    whole: FloatArray  # (entered,) and on all rows
    configurations: tuple[str, ...]  # (entered,) whose candidates these are
    errors: FloatArray  # (rounds,) of the winner's score by drawing rows, about their mean; on the metric's scale

    @property
    def standard_error(self) -> float:
        """Of the winner's score by drawing rows, on the metric's scale."""
        return float(self.errors.std())

    def interval_at(self, level: float) -> Interval:
        """The interval at another level than the one asked for first."""
        check_level(level)
        return percentile_interval(self.draws, level)

    @property
    def optimism(self) -> float:
        """By how much the raw best is better than the corrected score."""
        return self.metric.gain(self.raw_best, self.corrected)


def bbc_cv(
    rows: Rows,
    candidates: Sequence[Candidate],
    rng: np.random.Generator,
    *,
    metric: Metric | None = None,
    rounds: int = 1000,
    level: float = 0.95,
) -> BbcCv:
    """Corrected score of choosing the best of ``candidates``, all decided on the same ``rows``.

    Ties go to the candidate given first.

    Args:
        rows: that are judged; several seeds' one below the other, as ``Judgement.rows`` has them.
        candidates: configurations under decision settings.
        rng: of the draws.
        metric: by which one is chosen; None: the usual one of the rows' gold.
        rounds: draws.
        level: of the interval.

    Raises:
        DecisionError: no candidate covers all rows, shapes that differ, fewer than 100 rounds.

    Example:
        >>> bbc_cv(judgement.rows, [Candidate("a", "max_f1", judgement.cross_fitted.decided)], rng, metric=metric)
    """
    check_rounds(rounds)
    check_level(level)
    for candidate in candidates:
        same_shape(rows.gold.values, candidate.decided, f"gold and the decisions of {candidate.configuration}")
    entering = [place for place, each in enumerate(candidates) if each.covered is None or each.covered.all()]
    if not entering or len(rows) < _FEWEST_ROWS:
        raise DecisionError(
            f"BBC-CV needs at least {_FEWEST_ROWS} rows and one configuration with every fold finished, got "
            f"{len(rows)} rows and {len(candidates)} candidates of which {len(entering)} are complete",
            "Let a configuration finish all its folds.",
        )
    if len(np.unique(rows.bonds)) < 2:
        raise DecisionError(
            "BBC-CV needs at least 2 rows that may be told apart, got rows that all stay together",
            "Leave out of folds.together what all rows share.",
        )
    by = default_metric(rows.gold.kind) if metric is None else metric
    prepared = WeightedScores(rows, [candidates[place].decided for place in entering], by)
    raw = prepared.scores(np.ones((1, prepared.units), dtype=np.float32))
    drawn = _drawn(prepared, len(entering), by, rounds, rng)
    wins = np.bincount(drawn.won, minlength=len(entering)) / rounds
    curvature = float(wins @ (raw[0] - drawn.outside_mean))
    win_share = np.zeros(len(candidates))
    win_share[entering] = wins
    winner, plain = int(_best(raw, by)[0]), float(drawn.scores.mean())
    corrected = float(np.clip(plain + curvature, *by.range))
    of_winner = by.to_scale(drawn.inside[:, winner])
    errors = of_winner - of_winner.mean()
    draws = by.from_scale(by.to_scale(corrected) - errors)
    return BbcCv(
        corrected=corrected,
        plain=plain,
        curvature=curvature,
        interval=percentile_interval(draws, level),
        raw_best=float(raw[0, winner]),
        winner=entering[winner],
        win_share=win_share,
        rounds=rounds,
        entered=len(entering),
        left_out=tuple(
            sorted({each.configuration for place, each in enumerate(candidates) if place not in set(entering)})
        ),
        draws=draws,
        metric=by,
        inside=drawn.inside,
        whole=raw[0],
        configurations=tuple(candidates[place].configuration for place in entering),
        errors=errors,
    )


@dataclass(frozen=True, eq=False)
class _Drawn:
    won: IntArray  # (rounds,) the best candidate on the rows drawn
    scores: FloatArray  # (rounds,) and what it scores on the rows not drawn
    inside: FloatArray  # (rounds, candidates) on the rows drawn, as float32
    outside_mean: FloatArray  # (candidates,) over rounds, on the rows not drawn


def _drawn(prepared: WeightedScores, candidates: int, metric: Metric, rounds: int, rng: np.random.Generator) -> _Drawn:
    won: list[IntArray] = []
    scores: list[FloatArray] = []
    insides: list[FloatArray] = []
    outside_sum = np.zeros(candidates)
    for start in range(0, rounds, _ROUNDS_AT_ONCE):
        drawn = _some_left_out(prepared.units, min(_ROUNDS_AT_ONCE, rounds - start), rng)
        inside = prepared.scores(drawn)
        best = _best(inside, metric)
        insides.append(inside.astype(np.float32))
        outside = prepared.scores((drawn == 0).astype(np.float32))
        outside_sum += outside.sum(axis=0)
        won.append(best)
        scores.append(outside[np.arange(len(best)), best])
    return _Drawn(np.concatenate(won), np.concatenate(scores), np.concatenate(insides), outside_sum / rounds)


def _some_left_out(units: int, rounds: int, rng: np.random.Generator) -> FloatArray:
    """How often each unit is drawn, (rounds, units), in rounds that leave one out: of a dozen authors some do not."""
    drawn = bootstrap_weights(units, rounds, rng)
    while (every := (drawn > 0).all(axis=1)).any():
        drawn[every] = bootstrap_weights(units, int(every.sum()), rng)
    return drawn


def errors_of_choice(measured: FloatArray, truth: FloatArray, metric: Metric) -> FloatArray:
    """By how much each round's best looks other than it is, (rounds,).

    Args:
        measured: (rounds, candidates) scores by which one is chosen, or these on the metric's scale.
        truth: (candidates,) what they are.
        metric: of the scores.
    """
    best = _best(measured, metric)
    return np.asarray(measured[np.arange(len(best)), best] - truth[best], dtype=np.float64)


def _best(scores: FloatArray, metric: Metric) -> IntArray:
    """The best candidate of each round, (rounds,)."""
    return np.asarray(scores.argmax(axis=1) if metric.larger_is_better else scores.argmin(axis=1))

"""What the chosen configuration will score, in two intervals that answer two questions.

- **On the next m rows like these** (prediction interval): a test set is one draw of m rows, scored by one model trained
  anew. This is what a user will see.
- **On average** over all such sets and runs (interval of the expectation): what the configuration is worth. No single
  set need lie in it.

Three things move the first, and the first of them the second:

- what was measured: the out-of-fold rows and the runs of the chosen configuration's fold models (``RunSpread``).
  Choosing the best prefers configurations whose runs went well, which one more run does not repeat: what that is worth
  is taken off beyond BBC-CV, which resamples rows alone;
- the m new rows (m rows drawn from those at hand, under the winner's decisions);
- one more training run.

They are added up on the metric's scale, of correlations Fisher's z.

What no estimate from train can contain is not contained: new rows from another source, or a final model that gains
from the rows its fold models did not see. ``benchmarks/honesty.py`` measures both intervals where the truth is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import FloatArray, same_shape
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.bbc_cv import BbcCv, errors_of_choice
from tune_polar.stats.intervals import Interval, check_level, percentile_interval
from tune_polar.stats.run_spread import RunSpread
from tune_polar.stats.weighted_scores import WeightedScores, bootstrap_weights, portions


@dataclass(frozen=True, eq=False)
class NewRowsScore:
    """The score of the winner, trained once more, on a new set of rows."""

    rows: int  # m
    estimate: float  # that both intervals lie about: the corrected score less ``luck``
    luck: float  # of runs that went well, which the choice prefers; in the metric's gain
    draws: FloatArray  # (rounds,) on the new rows, none beyond what the metric can be
    expected_draws: FloatArray  # (rounds,) on average
    runs: RunSpread | None  # None: one run of each configuration; what varies between runs is then not contained
    run: float  # standard deviation between training runs; 0 where ``runs`` is None
    parts: Mapping[str, float]  # standard deviations of what moves the draws: "measured", "rows", "run"
    metric: Metric

    def interval(self, level: float) -> Interval:
        """Holds the score on the new rows with probability ``level``."""
        check_level(level)
        return percentile_interval(self.draws, level)

    def expected(self, level: float) -> Interval:
        """Holds the expected score with probability ``level``."""
        check_level(level)
        return percentile_interval(self.expected_draws, level)

    def distance(self, score: float) -> float:
        """How far off ``score`` lies, in standard deviations of the draws on its side; below 0 where it is worse."""
        middle = float(np.median(self.draws))
        side = self.draws[self.draws >= middle] if score > middle else self.draws[self.draws <= middle]
        deviation = float(np.mean((side - middle) ** 2) ** 0.5)
        away = self.metric.gain(score, middle)
        return away / deviation if deviation > 0 else float(np.sign(away)) * np.inf if away else 0.0


def new_rows_score(
    corrected: BbcCv,
    measured: Rows,
    decided: NDArray[Any],
    rows: int,
    runs: RunSpread | None,
    rng: np.random.Generator,
) -> NewRowsScore:
    """Draws of the winner's score on ``rows`` new rows, about the corrected score.

    Args:
        corrected: of the choice; as many draws are made as it has.
        measured: the out-of-fold rows it was made on.
        decided: the winner's cross-fitted decisions of them, (rows, columns).
        rows: m, the size of the new set.
        runs: how much training runs differ.
        rng: of the draws.

    Raises:
        DecisionError: shapes that differ, no new row.

    Example:
        >>> new_rows_score(corrected, judgement.rows, judgement.cross_fitted.decided, 500, None, rng).interval(0.9)
    """
    if rows < 1:
        raise DecisionError(f"a new set needs at least one row, got {rows}", "Give the size of the test set to come.")
    same_shape(measured.gold.values, np.asarray(decided), "gold and decisions")
    # One run is to be scored: with several seeds, the first one's answers stand for all.
    first = measured.seed == measured.seeds[0] if len(measured.seeds) > 1 else np.ones(len(measured), dtype=np.bool_)
    prepared = WeightedScores(measured.take(first), [np.asarray(decided)[first]], corrected.metric)
    rounds, units = len(corrected.draws), prepared.units
    drawn = max(1, round(rows * units / measured.texts(first)))  # as many as hold about so many texts
    # Apart, so that what is expected on average does not hang on how many rows are to come.
    rng, of_new_rows = rng.spawn(2)
    found = [
        prepared.scores(bootstrap_weights(units, count, of_new_rows, drawn))[:, 0] for count in portions(rounds, units)
    ]
    metric = corrected.metric
    whole = metric.to_scale(prepared.scores(np.ones((1, units), dtype=np.float32))[0, 0])
    fresh = metric.to_scale(np.concatenate(found)) - whole
    spread = np.zeros(rounds) if runs is None else runs.drawn(rounds, rng)
    of_runs = _runs(corrected, measured, spread, rng)
    luck = _luck(corrected, of_runs)
    winner = int(np.flatnonzero(corrected.whole == corrected.raw_best)[0])
    about = metric.to_scale(corrected.corrected) - luck
    errors = corrected.errors + of_runs[:, winner]
    once_more = spread * of_new_rows.normal(size=rounds)
    estimate = float(metric.from_scale(about))
    moved = {"measured": errors, "rows": fresh, "run": once_more}
    return NewRowsScore(
        rows,
        estimate,
        metric.gain(corrected.corrected, estimate),
        metric.from_scale(about - errors + fresh + once_more),
        metric.from_scale(about - errors),
        runs,
        0.0 if runs is None else metric.off_scale(runs.sd, estimate),
        {name: metric.off_scale(float(each.std()), estimate) for name, each in moved.items()},
        metric,
    )


def _runs(corrected: BbcCv, measured: Rows, spread: FloatArray, rng: np.random.Generator) -> FloatArray:
    """What each candidate's score owes to its runs, on the metric's scale, (rounds, candidates)."""
    models = len(set(zip(measured.part.tolist(), measured.seed.tolist(), strict=True)))
    names = {name: place for place, name in enumerate(dict.fromkeys(corrected.configurations))}
    runs = rng.standard_normal((len(spread), len(names))) * (spread * models**-0.5)[:, None]
    own = [names[name] for name in corrected.configurations]  # candidates of one configuration share its runs
    return np.asarray(runs[:, own])


def _luck(corrected: BbcCv, of_runs: FloatArray) -> float:
    """By how much more the best looks better than it is where runs are drawn beside rows; on the metric's scale."""
    if len(set(corrected.configurations)) == 1:  # all share their runs: the choice prefers none
        return 0.0
    inside, whole = (corrected.metric.to_scale(each) for each in (corrected.inside, corrected.whole))
    with_runs, plain = (errors_of_choice(each, whole, corrected.metric).mean() for each in (inside + of_runs, inside))
    return float(with_runs - plain)

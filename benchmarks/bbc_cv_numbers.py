"""BBC-CV and its intervals for predicted numbers, where the truth is known: bias and coverage, pooled and by group.

    nice python benchmarks/bbc_cv_numbers.py                    # some minutes
    nice python benchmarks/bbc_cv_numbers.py --repetitions 400

Gold is standard normal; a configuration predicts ρ·gold + √(1−ρ²)·noise, so that ρ is its true correlation and
√(2 − 2ρ) its true root mean squared error. Part of the noise is common to all configurations: hard rows are hard for
all. Where runs differ, each of the five folds has a model whose ρ deviates from its configuration's, and so has the
model that predicts new rows.
Reported are means over repetitions of

- raw best: score of the best configuration on the measured rows, less its true score, in its metric's own unit;
- corrected: BBC-CV's score less that true score;
- expectation: how often the 90% interval of the expectation holds the true score of the winner;
- prediction: how often the 90% prediction interval holds the winner's score on as many new rows;
- their widths, against the narrowest that hold 90% of the errors (5% to 95% quantile over all repetitions);
- by group: how often the 95% interval of the mean over six groups holds the truth (texts resampled within groups);
- paired: how often that of a difference of two configurations, drawn in pairs, holds the true difference.

Biases are taken against the mean of (measured − true) over all configurations, which is zero on average.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tune_polar.decide.metrics import metric_named
from tune_polar.decide.rows import Gold, Rows
from tune_polar.stats.bbc_cv import Candidate, bbc_cv
from tune_polar.stats.group_scores import group_difference, group_scores
from tune_polar.stats.new_rows import new_rows_score
from tune_polar.stats.run_spread import run_spread

GROUPS, FOLDS, LEVEL = 6, 5, 0.90


@dataclass(frozen=True)
class Scenario:
    """A search whose truth is known."""

    metric: str
    configurations: int
    rows: int
    best: float = 0.55  # ρ of the middle configuration
    spread: float = 0.02  # standard deviation of ρ between configurations
    shared: float = 0.4  # share of the noise's variance that all have in common
    run: float = 0.02  # standard deviation of ρ between training runs


SCENARIOS = (
    Scenario("pearson", 15, 400),
    Scenario("pearson", 15, 400, spread=0.0),
    Scenario("pearson", 15, 400, spread=0.05),
    Scenario("pearson", 15, 400, run=0.0),
    Scenario("pearson", 15, 400, run=0.04),
    Scenario("pearson", 15, 150),
    Scenario("pearson", 30, 600),
    Scenario("pearson", 5, 2000, best=0.85, spread=0.01, run=0.01),
    Scenario("pearson", 1, 400),
    Scenario("rmse", 15, 400),
)


def truth(metric: str, rho: np.ndarray) -> np.ndarray:
    """Of a correlation of ``rho``."""
    return rho if metric == "pearson" else np.asarray(np.sqrt(2 - 2 * rho))


def drawn(
    scenario: Scenario, rho: np.ndarray, rng: np.random.Generator, part: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Gold (rows, 1) and predictions (configurations, rows, 1), by one model each of each row's ``part``."""
    gold = rng.normal(size=(scenario.rows, 1))
    common, own = rng.normal(size=(scenario.rows, 1)), rng.normal(size=(len(rho), scenario.rows, 1))
    noise = scenario.shared**0.5 * common + (1 - scenario.shared) ** 0.5 * own
    place = np.zeros(scenario.rows, dtype=np.int64) if part is None else part
    runs = rho[:, None] + scenario.run * rng.normal(size=(len(rho), int(place.max()) + 1))
    of_row = np.clip(runs, 0, 0.97)[:, place, None]
    return gold, of_row * gold + np.sqrt(1 - of_row**2) * noise


@dataclass(frozen=True)
class Repetition:
    """One simulated search and what came after it."""

    figures: dict[str, float]
    widths: tuple[float, float]  # of both intervals
    errors: tuple[float, float]  # of the expected and of the new score, less the estimate


def repetition(scenario: Scenario, rng: np.random.Generator, rounds: int) -> Repetition:
    """All figures of one simulated search."""
    metric = metric_named(scenario.metric)
    rho = np.clip(scenario.best + scenario.spread * rng.normal(size=scenario.configurations), 0, 0.95)
    part = np.arange(scenario.rows) % FOLDS
    gold, predicted = drawn(scenario, rho, rng, part)
    rows, true = Rows.of(Gold("number", gold, ("x",)), part=part), truth(scenario.metric, rho)
    found = bbc_cv(
        rows,
        [Candidate(str(n), "", each) for n, each in enumerate(predicted)],
        rng,
        metric=metric,
        rounds=rounds,
        level=LEVEL,
    )
    won, sign = found.winner, 1.0 if metric.larger_is_better else -1.0
    luck = np.mean([metric.score(rows.gold, each) for each in predicted] - true)
    in_order = [predicted[place] for place in np.argsort(-sign * found.whole)]
    runs = run_spread(rows, in_order, metric, found.standard_error, rng)
    ahead = new_rows_score(found, rows, predicted[won], scenario.rows, runs, rng)
    interval, expected = ahead.interval(LEVEL), ahead.expected(LEVEL)
    fresh, again = drawn(scenario, rho, rng)
    new = metric.score(Gold("number", fresh, ("x",)), again[won])
    group = np.arange(scenario.rows) % GROUPS
    subsets = {str(name): group == name for name in range(GROUPS)}
    macro = group_scores(rows, predicted[0], metric, subsets, rng, rounds=200).macro.interval
    pair = group_difference(rows, predicted[0], predicted[-1], metric, list(subsets.values()), rng, rounds=200).interval
    figures = {
        "raw best": sign * (found.raw_best - true[won] - luck),
        "corrected": sign * (ahead.estimate - true[won] - luck),
        "expectation": float(true[won] in expected),
        "prediction": float(new in interval),
        "by group": float(true[0] in macro),
        "paired": float(sign * (true[0] - true[-1]) in pair),
    }
    widths = expected.high - expected.low, interval.high - interval.low
    return Repetition(figures, widths, (float(true[won] - ahead.estimate), new - ahead.estimate))


def measured(
    scenario: Scenario, repetitions: int, seed: int = 0, rounds: int = 400
) -> Mapping[str, tuple[float, float]]:
    """Mean and standard error of every figure."""
    rng = np.random.default_rng(seed)
    each = [repetition(scenario, rng, rounds) for _ in range(repetitions)]
    found = {
        name: (float(np.mean(v)), float(np.std(v, ddof=1) / repetitions**0.5))
        for name in each[0].figures
        for v in [[one.figures[name] for one in each]]
    }
    low, high = np.quantile([one.errors for one in each], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    widths = np.array([one.widths for one in each]) / (high - low)
    for place, name in enumerate(("width of expectation", "width of prediction")):
        found[name] = float(widths[:, place].mean()), float(widths[:, place].std(ddof=1) / repetitions**0.5)
    return found


def main() -> None:
    """Print every scenario."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=200)
    chosen = parser.parse_args()
    for scenario in SCENARIOS:
        print(scenario)
        for name, (mean, error) in measured(scenario, chosen.repetitions).items():
            print(f"  {name:<20} {mean:+.4f} ± {error:.4f}", flush=True)


if __name__ == "__main__":
    main()

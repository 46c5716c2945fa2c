"""Both intervals of a search's result, and the alarm on labelled splits, where the truth is known.

    nice python benchmarks/intervals.py                     # a few minutes
    nice python benchmarks/intervals.py --repetitions 50

Each repetition simulates a search: configurations that differ a little, decided on the same rows with errors that are
partly the same; every fold has a model of its own, whose quality deviates from its configuration's (a training run);
part of that deviation is common to all configurations of a fold, as folds share their training rows. The best is
chosen. Then one more run of it decides a new set of rows.

- held: how often the 90% prediction interval holds the score on the new rows, target 88 to 95% over all scenarios;
- width: of that interval, against the narrowest that holds 90% of the errors (5% to 95% quantile of new score less
  estimate over all repetitions), target within 15%;
- expected: how often the 90% interval of the expectation holds the true expected score of the configuration chosen;
- bias: estimate less new score;
- alarms: new sets, clean by construction, that are told as far outside, target at most 1%.

Exits with status 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tune_polar.decide.metrics import metric_named
from tune_polar.decide.rows import Gold, Rows
from tune_polar.stats.bbc_cv import Candidate, bbc_cv
from tune_polar.stats.new_rows import new_rows_score
from tune_polar.stats.run_spread import run_spread
from tune_polar.stats.split_alarm import Predicted, SplitEvidence
from tune_polar.stats.split_causes import labelled_split

LABELS = ("often", "usual", "seldom", "rare")
PREVALENCE = np.array([0.5, 0.2, 0.06, 0.02])
SIGNAL = np.array([1.6, 1.8, 2.2, 2.6])
COMMON = 0.6  # share of the rows' noise that all configurations have in common
FOLDS, LEVEL, ROUNDS = 5, 0.90, 400
MACRO = metric_named("macro_f1")
COVERAGE, WIDER, FALSE_ALARMS = (0.88, 0.95), 0.15, 0.01
_NORMAL = NormalDist()
above = np.vectorize(lambda value: 1 - _NORMAL.cdf(value))
GRID = np.linspace(0, 4, 81)


@dataclass(frozen=True)
class Scenario:
    """A search whose truth is known; all deviations in standard deviations of a row's noise."""

    name: str
    configurations: int
    rows: int
    new: int
    run: float  # of a training run from its configuration
    fold: float = 0.0  # of a fold's models together
    spread: float = 0.05  # of configurations
    seeds: int = 1


SCENARIOS = (
    Scenario("5 configurations, runs alike", 5, 1500, 750, 0.0),
    Scenario("5 configurations", 5, 1500, 750, 0.06),
    Scenario("20 configurations", 20, 1500, 1500, 0.06),
    Scenario("20, runs differ much", 20, 1500, 750, 0.12),
    Scenario("20, folds of their own", 20, 1500, 750, 0.05, fold=0.04),
    Scenario("20, many new rows", 20, 1500, 6000, 0.06),
    Scenario("20, few rows", 20, 600, 300, 0.06),
    Scenario("100 configurations", 100, 1500, 750, 0.06),
    Scenario("100, runs differ much", 100, 1500, 750, 0.12),
    Scenario("1 configuration", 1, 1500, 750, 0.06),
    Scenario("5 configurations, 3 seeds", 5, 1000, 500, 0.08, seeds=3),
)


def true_score(signal: np.ndarray, threshold: np.ndarray) -> float:
    """Population macro-F1 of deciding ``signal``·gold + N(0, 1) ≥ ``threshold``, (labels,) each."""
    hit, alarm = above(threshold - signal), above(threshold)
    return float((2 * PREVALENCE * hit / (PREVALENCE * hit + (1 - PREVALENCE) * alarm + PREVALENCE)).mean())


def _best_thresholds() -> np.ndarray:
    found = []
    for prevalence, signal in zip(PREVALENCE, SIGNAL, strict=True):
        hit, alarm = above(GRID - signal), above(GRID)
        found.append(GRID[(2 * prevalence * hit / (prevalence * hit + (1 - prevalence) * alarm + prevalence)).argmax()])
    return np.array(found)


THRESHOLDS = _best_thresholds()


# Gauss and Hermite's three points: the mean of a smooth function of a standard normal.
HERMITE = ((-(3.0**0.5), 1 / 6), (0.0, 2 / 3), (3.0**0.5, 1 / 6))


@dataclass(frozen=True)
class Repetition:
    """One simulated search and what came after it."""

    error: float  # new score less estimate
    width: float
    held: bool
    expected_width: float
    expected_held: bool
    false_alarm: bool


@dataclass(frozen=True)
class Figures:
    """Of all repetitions of one scenario."""

    held: float
    width: float
    ideal: float
    expected_held: float
    expected_width: float
    bias: float
    alarms: int

    @property
    def ratio(self) -> float:
        """Of the width to the ideal one."""
        return self.width / self.ideal


def drawn_rows(rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Gold and the noise that all models have in common, (rows, labels) each."""
    return rng.random((rows, len(LABELS))) < PREVALENCE, rng.standard_normal((rows, len(LABELS)), dtype=np.float32)


def values(signals: np.ndarray, gold: np.ndarray, common: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What models with these ``signals`` (models, rows or 1, labels) say of rows; (models, rows, labels)."""
    own = rng.standard_normal((len(signals), *gold.shape), dtype=np.float32)
    noise = np.float32(COMMON**0.5) * common + np.float32((1 - COMMON) ** 0.5) * own
    said: np.ndarray = noise + signals.astype(np.float32) * gold
    return said


def repetition(scenario: Scenario, rng: np.random.Generator) -> Repetition:
    """Search, choose, estimate, and try once more on new rows."""
    count, seeds, rows = scenario.configurations, scenario.seeds, scenario.rows
    own = SIGNAL + scenario.spread * rng.normal(size=(count, 1)) + scenario.spread / 2 * rng.normal(size=(count, 4))
    runs = own[:, None, None] + scenario.run * rng.normal(size=(count, seeds, FOLDS, 1))
    runs = runs + scenario.fold * rng.normal(size=(FOLDS, 1))
    part = np.arange(rows) % FOLDS
    gold, common = drawn_rows(rows, rng)
    said = np.concatenate([values(runs[:, seed][:, part], gold, common, rng) for seed in range(seeds)], axis=1)
    joined = said >= THRESHOLDS  # (configurations, seeds · rows, labels)
    about = Rows.of(
        Gold("labels", np.tile(gold, (seeds, 1)), LABELS),
        part=np.tile(part, seeds),
        seed=np.repeat(np.arange(seeds), rows),
        ids=np.tile(np.arange(rows), seeds),
    )
    candidates = [Candidate(str(place), "", each) for place, each in enumerate(joined)]
    corrected = bbc_cv(about, candidates, rng, metric=MACRO, rounds=ROUNDS)
    order = np.argsort(-corrected.whole)
    spread = run_spread(about, [joined[place] for place in order], MACRO, corrected.standard_error, rng)
    ahead = new_rows_score(corrected, about, joined[corrected.winner], scenario.new, spread, rng)
    winner = own[corrected.winner]
    once_more = winner + scenario.run * rng.normal() + scenario.fold * rng.normal()
    new_gold, new_common = drawn_rows(scenario.new, rng)
    (new,) = values(once_more[None, None], new_gold, new_common, rng)
    there = Predicted(Rows.of(Gold("labels", new_gold, LABELS)), new >= THRESHOLDS, new)
    score = MACRO.score(there.rows.gold, there.decided)
    measured = Predicted(about, joined[corrected.winner], said[corrected.winner])
    split = labelled_split("new", score, ahead, lambda: (measured, SplitEvidence("new", there)))
    interval, expected = ahead.interval(LEVEL), ahead.expected(LEVEL)
    between = (scenario.run**2 + scenario.fold**2) ** 0.5
    truth = sum(weight * true_score(winner + between * at, THRESHOLDS) for at, weight in HERMITE)
    return Repetition(
        score - ahead.estimate,
        interval.high - interval.low,
        score in interval,
        expected.high - expected.low,
        truth in expected,
        split.fires,
    )


def measure(scenario: Scenario, repetitions: int, seed: int) -> Figures:
    """All figures of one scenario, scores in F1 points."""
    rng = np.random.default_rng([seed, *scenario.name.encode()])
    found = [repetition(scenario, rng) for _ in range(repetitions)]
    errors = np.array([each.error for each in found])
    low, high = np.quantile(errors, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    width = float(np.mean([each.width for each in found]))
    return Figures(
        float(np.mean([each.held for each in found])),
        100 * width,
        100 * float(high - low),
        float(np.mean([each.expected_held for each in found])),
        100 * float(np.mean([each.expected_width for each in found])),
        -100 * float(errors.mean()),
        sum(each.false_alarm for each in found),
    )


def main() -> int:
    """Measure all scenarios, print, compare with the targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{arguments.repetitions} repetitions, {LEVEL:.0%} intervals, F1 points")
    print(
        f"{'':<36}{'held':>7}{'width':>8}{'ideal':>8}{'ratio':>7}{'expected':>10}{'width':>8}{'bias':>7}{'alarms':>8}"
    )
    every = []
    for scenario in SCENARIOS:
        found = measure(scenario, arguments.repetitions, arguments.seed)
        every.append(found)
        print(
            f"{scenario.name:<36}{found.held:>7.1%}{found.width:>8.1f}{found.ideal:>8.1f}{found.ratio:>7.2f}"
            f"{found.expected_held:>10.1%}{found.expected_width:>8.1f}{found.bias:>+7.2f}{found.alarms:>8}",
            flush=True,
        )
    held, ratio = (float(np.mean([getattr(each, name) for each in every])) for name in ("held", "ratio"))
    splits = len(every) * arguments.repetitions
    alarms = sum(each.alarms for each in every)
    verdicts = (
        (
            f"prediction interval holds {held:.1%} of new sets over all scenarios, target 88 to 95%",
            COVERAGE[0] <= held <= COVERAGE[1],
        ),
        (f"its width is {ratio:.2f} of the ideal one in the mean, target within {WIDER:.0%}", abs(ratio - 1) <= WIDER),
        (
            f"false alarms: {alarms} of {splits} clean splits, target at most {FALSE_ALARMS:.0%}",
            alarms <= FALSE_ALARMS * splits,
        ),
    )
    for words, is_met in verdicts:
        print(f"{words}: {'met' if is_met else 'missed'}")
    return 0 if all(is_met for _, is_met in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())

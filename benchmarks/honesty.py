"""How far each estimate of the selected configuration lies from its score on test.

    python benchmarks/honesty.py                        # released predictions in ../shared/data/smash; a minute
    python benchmarks/honesty.py --rule shrunk_max_f1

Six cases: English, German and Hausa in ST2 and ST3, nine configurations each (three encoders, three seeds), with
out-of-fold, dev and test predictions of real models. Each protocol picks the configuration it scores highest; its
error is that score minus the configuration's macro-F1 on test with fold-tuned thresholds. `fixed 0.5` chooses no
thresholds, is compared with test at 0.5, and picks by cross-fitting: what is off there is off for every protocol.

The test predictions come from models trained anew on all rows, not from the fold models. Where these final models are
better or worse than the fold models, or where test differs from train, no estimate from out-of-fold rows can see it.

Coverage is how often a 90% interval holds the test score of the configuration that cross-fitting selects:

- rows: out-of-fold rows resampled, stratified by label; speaks of the fold models on these rows alone;
- BBC-CV: the reported interval, of the expected score, with the choice among the nine;
- new rows: prediction interval for a test set of that size: choice, both samples of rows, one more training run;
- new rows, same model: the same without the training run.

Exits with status 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tune_polar.decide.judged import Rung
from tune_polar.decide.metrics import metric_named
from tune_polar.decide.prediction_files import read_predictions
from tune_polar.decide.predictions import OOF, align
from tune_polar.decide.rows import Rows
from tune_polar.stats.bbc_cv import Candidate, bbc_cv
from tune_polar.stats.bootstrap import bootstrap_scores
from tune_polar.stats.new_rows import MeasuredRows, new_rows_score
from tune_polar.stats.scored_configuration import ScoredConfiguration, gold_of, scored_configurations, thresholds_of

LANGUAGES, SUBTASKS = ("eng", "deu", "hau"), ("st2", "st3")
LEVEL = 0.90
TARGET_POINTS, TARGET_COVERAGE = 0.5, 0.85
REPORTED = "BBC-CV"
INTERVALS = ("rows", "BBC-CV", "new rows", "new rows, same model")


@dataclass(frozen=True)
class Case:
    """One language of one subtask; errors in F1 points."""

    name: str
    subtask: str
    picked: str
    test: float
    estimate: float
    errors: dict[str, float]
    mean_of_all: dict[str, float]  # the same over all configurations, without picking
    intervals: dict[str, tuple[float, float]]

    def covered(self, interval: str) -> bool:
        """Whether the interval holds the test score."""
        low, high = self.intervals[interval]
        return low <= self.test <= high


def case_of(path: Path, name: str, subtask: str, rule: str, rng: np.random.Generator) -> Case:
    """Measure one file."""
    complete = read_predictions(path).complete
    rows = align(complete)
    scored = list(scored_configurations(complete, rows, [rule]))
    test = np.array([macro(each, "test", "fold_tuned") for each in scored])
    estimates = {
        "oracle on dev": np.array([macro(each, "dev", "oracle") for each in scored]),
        "inside folds": np.array([macro(each, OOF, "inside_folds") for each in scored]),
        "pooled out-of-fold": np.array([macro(each, OOF, "fold_tuned") for each in scored]),
        "cross-fitted": np.array([each.cross_fitted for each in scored]),
    }
    errors = {name: float(values.max() - test[values.argmax()]) for name, values in estimates.items()}
    mean_of_all = {name: float((values - test).mean()) for name, values in estimates.items()}
    picked = int(estimates["cross-fitted"].argmax())
    winner = scored[picked]
    if rows.gold is None:
        raise SystemExit(f"{path}: out-of-fold rows without gold")
    gold, decided = gold_of(rows.gold, complete[picked].labels), [each.decided for each in scored]
    folds = Rows.of(gold, part=winner.fold)
    corrected = bbc_cv(folds, [Candidate(each.name, rule, each.decided) for each in scored], rng, level=LEVEL)
    errors[REPORTED] = corrected.corrected - test[picked]
    errors["fixed 0.5"] = macro(winner, OOF, "plain") - macro(winner, "test", "plain")
    mean_of_all["fixed 0.5"] = float(
        np.mean([macro(each, OOF, "plain") - macro(each, "test", "plain") for each in scored])
    )
    size = len(complete[picked].splits["test"])
    resampled = bootstrap_scores(gold, winner.decided, rng, level=LEVEL).macro_interval
    intervals = {"rows": (resampled.low, resampled.high), "BBC-CV": (corrected.interval.low, corrected.interval.high)}
    measured = MeasuredRows(folds, decided)
    for label, training in (("new rows", True), ("new rows, same model", False)):
        new = new_rows_score(measured, corrected.corrected, size, rng, training=training)
        found = new.interval(LEVEL)
        intervals[label] = (found.low, found.high)
    # An independent look at the figure everything is compared with.
    part, tuned = complete[picked].splits["test"], winner.on(OOF, "fold_tuned")
    if part.gold is None or tuned is None:
        raise SystemExit(f"{path}: test rows without gold")
    again = metric_named("macro_f1").score(
        gold_of(part.gold, complete[picked].labels), part.probability >= thresholds_of(tuned)
    )
    if abs(again - test[picked]) > 1e-12:
        raise SystemExit(f"{path}: the test score does not follow from thresholds and predictions")
    return Case(name, subtask, winner.name, float(test[picked]), corrected.corrected, errors, mean_of_all, intervals)


def macro(scored: ScoredConfiguration, split: str, rung: Rung) -> float:
    """Macro-F1 on a split by where thresholds were chosen."""
    found = scored.on(split, rung)
    if found is None:
        raise SystemExit(f"{scored.name}: nothing was chosen so for {split}")
    return found.score


def show(cases: list[Case]) -> None:
    """Per case, then means per subtask and over all."""
    names = list(cases[0].errors)
    print("Error in F1 points: estimate minus test, of the configuration that each protocol picks")
    print(f"{'':<10}" + "".join(f"{name:>20}" for name in names))
    for case in cases:
        print(f"{case.name:<10}" + "".join(f"{100 * case.errors[name]:>+20.1f}" for name in names))
    groups = [(subtask, [case for case in cases if case.subtask == subtask]) for subtask in SUBTASKS]
    for title, members in (*groups, ("all", cases)):
        means = [float(np.mean([case.errors[name] for case in members])) for name in names]
        print(f"{'mean ' + title:<10}" + "".join(f"{100 * mean:>+20.1f}" for mean in means))
    print("\nThe same over all nine configurations, without picking")
    every = list(cases[0].mean_of_all)
    print(f"{'':<10}" + "".join(f"{name:>20}" for name in every))
    for title, members in (*groups, ("all", cases)):
        means = [float(np.mean([case.mean_of_all[name] for case in members])) for name in every]
        print(f"{'mean ' + title:<10}" + "".join(f"{100 * mean:>+20.1f}" for mean in means))
    print(f"\n{LEVEL:.0%} intervals of the configuration that cross-fitting selects; * holds the test score")
    print(f"{'':<10}{'test':>8}{'BBC-CV':>8}" + "".join(f"{name:>24}" for name in INTERVALS))
    for case in cases:
        cells = []
        for name in INTERVALS:
            low, high = case.intervals[name]
            cells.append(f"{low:.3f}–{high:.3f} {'*' if case.covered(name) else ' '}")
        print(f"{case.name:<10}{case.test:>8.3f}{case.estimate:>8.3f}" + "".join(f"{cell:>24}" for cell in cells))
    shares = [f"{sum(case.covered(name) for case in cases)} of {len(cases)}" for name in INTERVALS]
    print(f"{'covered':<26}" + "".join(f"{share:>24}" for share in shares))


def main() -> int:
    """Measure all cases, print, compare with the targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parents[2] / "shared" / "data" / "smash"
    parser.add_argument("--data", type=Path, default=default, help="folder with st2/ and st3/")
    parser.add_argument("--rule", default="max_f1")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    cases = [
        case_of(arguments.data / subtask / f"{language}.csv.gz", f"{subtask} {language}", subtask, arguments.rule, rng)
        for subtask in SUBTASKS
        for language in LANGUAGES
    ]
    print(f"rule {arguments.rule}, {len(cases)} cases\n")
    show(cases)
    error = abs(100 * float(np.mean([case.errors[REPORTED] for case in cases])))
    coverage = float(np.mean([case.covered("new rows") for case in cases]))
    close, held = error <= TARGET_POINTS, coverage >= TARGET_COVERAGE
    print(
        f"\n|mean error| of the reported estimate: {error:.1f} points, target {TARGET_POINTS}: "
        f"{'met' if close else 'missed'}"
    )
    print(
        f"coverage of the interval for new rows: {coverage:.0%}, target {TARGET_COVERAGE:.0%}: "
        f"{'met' if held else 'missed'}"
    )
    return 0 if close and held else 1


if __name__ == "__main__":
    sys.exit(main())

"""How far each estimate of the selected configuration lies from its score on test, and what the intervals hold.

    python benchmarks/honesty.py                        # released predictions in ../shared/data/smash; two minutes
    python benchmarks/honesty.py --rule shrunk_max_f1

Nine cases: English, German and Hausa in ST1, ST2 and ST3, nine configurations each (three encoders, three seeds), with
out-of-fold, dev and test predictions of real models. Each protocol picks the configuration it scores highest; its
error is that score minus the configuration's macro-F1 on test with fold-tuned thresholds. `fixed 0.5` chooses no
thresholds, is compared with test at 0.5, and picks by cross-fitting: what is off there is off for every protocol.

The test predictions come from models trained anew on all rows, not from the fold models. Where these final models are
better or worse than the fold models, or where test differs from train, no estimate from out-of-fold rows can see it.
Two final models of ST1 collapsed (all rows called positive): the alarm has to find these, and they are left out of mean
errors and coverage.

Coverage is how often a 90% interval holds the test score of the pick, and of the greedy ensemble:

- rows: out-of-fold rows resampled, stratified by label; speaks of the fold models on these rows alone;
- expectation: of the expected score; no single test set need lie in it;
- prediction: for a test set of that size: choice, both samples of rows, one more training run.

Alarms: every configuration's dev and test by itself (as if it were the only one), and, on copies of each table, the
test logits of its first configuration shuffled, shifted by 3 and negated.

``benchmarks/intervals.py`` measures intervals and alarm where the truth is known. Exits with status 1 where a target is
missed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tune_polar.decide.choose_thresholds import choose_thresholds
from tune_polar.decide.judgement import Rung
from tune_polar.decide.metrics import metric_named
from tune_polar.decide.prediction_files import read_predictions
from tune_polar.decide.predictions import OOF, ConfigurationPredictions, PredictionTable, align
from tune_polar.stats.bbc_cv import Candidate, bbc_cv
from tune_polar.stats.bootstrap import bootstrap_scores
from tune_polar.stats.new_rows import NewRowsScore, new_rows_score
from tune_polar.stats.prediction_splits import labelled_splits, spread_of_runs
from tune_polar.stats.scored_configuration import ScoredConfiguration, gold_of, scored_configurations, thresholds_of
from tune_polar.stats.split_alarm import LabelledSplit
from tune_polar.stats.threshold_report import ReportSettings, ThresholdReport, threshold_report

LANGUAGES, SUBTASKS = ("eng", "deu", "hau"), ("st1", "st2", "st3")
LEVEL = 0.90
TARGET_POINTS, TARGET_COVERAGE = 0.5, 0.85
REPORTED = "BBC-CV"
INTERVALS = ("rows", "expectation", "prediction", "prediction, ensemble")
OF_BOTH_CLASSES = "max_macro_f1"  # the rule of ST1, one label scored by both classes
SPOILED = ("shuffled", "shifted", "negated")


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
    ensemble_test: float
    ensemble_error: float  # its estimate minus test
    alarms: tuple[LabelledSplit, ...]  # of the pick's splits as they are
    spoiled: dict[str, LabelledSplit]  # the test of the first configuration, spoiled
    alone: list[tuple[str, LabelledSplit]]  # every configuration's splits, by itself

    def covered(self, interval: str) -> bool:
        """Whether the interval holds the test score."""
        low, high = self.intervals[interval]
        return low <= (self.ensemble_test if "ensemble" in interval else self.test) <= high

    @property
    def is_sound(self) -> bool:
        """Whether the pick's final model is one; a collapsed one says nothing of an estimate."""
        return not any(each.fires and each.distance < 0 for each in self.alarms)


def case_of(path: Path, name: str, subtask: str, rule: str, rng: np.random.Generator) -> Case:
    """Measure one file."""
    table = read_predictions(path)
    complete = table.complete
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
    gold = gold_of(rows.gold, complete[picked].labels)
    report = threshold_report(table, ReportSettings((rule,), seed=0))
    corrected, ahead, found = report.corrected, report.new_rows, report.ensembles
    if isinstance(corrected, str) or isinstance(ahead, str) or isinstance(found, str):
        raise SystemExit(f"{path}: {corrected}, {ahead}, {found}")
    errors[REPORTED] = ahead.estimate - test[picked]
    errors["fixed 0.5"] = macro(winner, OOF, "plain") - macro(winner, "test", "plain")
    mean_of_all["fixed 0.5"] = float(
        np.mean([macro(each, OOF, "plain") - macro(each, "test", "plain") for each in scored])
    )
    size = len(complete[picked].splits["test"])
    resampled = bootstrap_scores(gold, winner.decided, rng, level=LEVEL).macro_interval
    intervals = {"rows": (resampled.low, resampled.high)}
    for label, of in (("expectation", ahead.expected(LEVEL)), ("prediction", ahead.interval(LEVEL))):
        intervals[label] = (of.low, of.high)
    mixed = ensemble_ahead(report, ahead, size)
    of = mixed.interval(LEVEL)
    intervals["prediction, ensemble"] = (of.low, of.high)
    ensemble_test = ensemble_on_test(report, table, rule)
    alone = [(each.name, split) for each in complete for split in by_itself(each, rule)]
    # An independent look at the figure everything is compared with.
    part, tuned = complete[picked].splits["test"], winner.on(OOF, "fold_tuned")
    if part.gold is None or tuned is None:
        raise SystemExit(f"{path}: test rows without gold")
    again = metric_named("macro_f1").score(
        gold_of(part.gold, complete[picked].labels), part.probability >= thresholds_of(tuned)
    )
    if abs(again - test[picked]) > 1e-12:
        raise SystemExit(f"{path}: the test score does not follow from thresholds and predictions")
    return Case(
        name,
        subtask,
        winner.name,
        float(test[picked]),
        ahead.estimate,
        errors,
        mean_of_all,
        intervals,
        ensemble_test,
        mixed.estimate - ensemble_test,
        report.splits_ahead,
        {how: by_itself(spoil(complete[0], how, rng), rule)[-1] for how in SPOILED},
        alone,
    )


def ensemble_ahead(report: ThresholdReport, ahead: NewRowsScore, rows: int) -> NewRowsScore:
    """What is expected of the greedy ensemble on so many new rows."""
    found, pick, rng = report.ensembles, report.winner.judgement.rows, np.random.default_rng(0)
    if isinstance(found, str) or isinstance(found.corrected, str):
        raise SystemExit("there must be an ensemble")
    decided = found.greedy.decided
    chosen = found.corrected if found.is_chosen else bbc_cv(pick, [Candidate("ensemble", "", decided)], rng)
    return new_rows_score(chosen, pick, decided, rows, ahead.runs, rng)


def ensemble_on_test(report: ThresholdReport, table: PredictionTable, rule: str) -> float:
    """Macro-F1 of the greedy ensemble on test: weights and thresholds chosen on all out-of-fold rows."""
    found, complete = report.ensembles, {each.name: each for each in table.complete}
    if isinstance(found, str):
        raise SystemExit("there must be an ensemble")
    own = [complete[name] for name in found.names]
    oof, test = align(own), align(own, "test")
    if oof.gold is None or test.gold is None:
        raise SystemExit("out-of-fold rows and test must have gold")
    weights = found.greedy.ensemble.deployed.weights
    ours, new = (np.clip(np.tensordot(weights, rows.probability, axes=1), 0, 1) for rows in (oof, test))
    cuts = choose_thresholds(rule, oof.gold, ours, labels=table.labels)
    return metric_named("macro_f1").score(gold_of(test.gold, table.labels), new >= cuts)


def by_itself(each: ConfigurationPredictions, rule: str) -> Sequence[LabelledSplit]:
    """The labelled splits of one configuration, as if the table held no other; runs as its folds tell them."""
    rows, rng = align([each]), np.random.default_rng(0)
    (own,) = scored_configurations([each], rows, [rule])
    corrected = bbc_cv(own.judgement.rows, [Candidate(own.name, rule, own.decided)], rng, level=LEVEL)
    runs = spread_of_runs([own], own, corrected, rng)
    return labelled_splits([own], own, rows, each, corrected, runs, rng)


def spoil(each: ConfigurationPredictions, how: str, rng: np.random.Generator) -> ConfigurationPredictions:
    """A copy whose dev and test probabilities are not what they were."""
    splits = dict(each.splits)
    for name in ("dev", "test"):
        part = splits[name]
        logit = np.log(np.clip(part.probability, 1e-9, 1 - 1e-9) / np.clip(1 - part.probability, 1e-9, 1))
        spoiled = {"shuffled": logit[rng.permutation(len(logit))], "shifted": logit + 3, "negated": -logit}[how]
        splits[name] = replace(part, probability=1 / (1 + np.exp(-spoiled)))
    return replace(each, splits=splits)


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
    print(f"{'':<10}{'test':>8}{'reported':>9}" + "".join(f"{name:>24}" for name in INTERVALS))
    for case in cases:
        cells = []
        for name in INTERVALS:
            low, high = case.intervals[name]
            cells.append(f"{low:.3f}–{high:.3f} {'*' if case.covered(name) else ' '}")
        print(f"{case.name:<10}{case.test:>8.3f}{case.estimate:>9.3f}" + "".join(f"{cell:>24}" for cell in cells))
    shares = [f"{sum(case.covered(name) for case in cases)} of {len(cases)}" for name in INTERVALS]
    print(f"{'covered':<27}" + "".join(f"{share:>24}" for share in shares))
    print("\nSplits far from what was expected, with the likeliest cause")
    for case in cases:
        for split in case.alarms:
            if split.fires:
                why = next((each.sentence for each in split.causes if each.verdict == "found"), "none found")
                print(f"  {case.name} {case.picked} {split.name}: {split.score:.3f}, {split.distance:+.1f} SD; {why}")
    print("\nEvery configuration by itself: those that fire")
    for case in cases:
        for name, split in case.alone:
            if split.fires:
                print(f"  {case.name} {name} {split.name}: {split.score:.3f}, {split.distance:+.1f} SD")
    count = sum(len(case.alone) for case in cases)
    print(f"  of {count} splits of configurations")


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
        case_of(
            arguments.data / subtask / f"{language}.csv.gz",
            f"{subtask} {language}",
            subtask,
            arguments.rule if subtask != "st1" else OF_BOTH_CLASSES,
            rng,
        )
        for subtask in SUBTASKS
        for language in LANGUAGES
    ]
    print(f"rule {arguments.rule}, {len(cases)} cases\n")
    show(cases)
    sound = [case for case in cases if case.is_sound]
    error = abs(100 * float(np.mean([case.errors[REPORTED] for case in sound])))
    mixed = 100 * float(np.mean([case.ensemble_error for case in cases]))
    coverage = float(np.mean([case.covered("prediction") for case in sound]))
    over = float(np.mean([case.covered("prediction, ensemble") for case in cases]))
    fired = [split for case in cases for split in case.alarms if split.fires]
    spoiled = [each for case in cases for each in case.spoiled.values()]
    hurt = [each for each in spoiled if each.score < each.ahead.interval(LEVEL).low]
    print("\nSpoiled copies")
    for case in cases:
        for how, each in case.spoiled.items():
            why = next((cause.sentence for cause in each.causes if cause.verdict == "found"), "no cause found")
            said = f"fires; {why}" if each.fires else "silent"
            print(f"  {case.name} test {how}: {each.score:.3f}, {each.distance:+.1f} SD: {said}")
    print(f"\nmean error of the ensemble's estimate: {mixed:+.1f} points; its prediction interval holds {over:.0%}")
    print(f"alarms on the picks' splits as they are: {len(fired)} of {sum(len(case.alarms) for case in cases)}")
    verdicts = (
        (f"|mean error| of the reported estimate: {error:.1f} points, target {TARGET_POINTS}", error <= TARGET_POINTS),
        (
            f"coverage of the prediction interval: {coverage:.0%}, target {TARGET_COVERAGE:.0%}",
            coverage >= TARGET_COVERAGE,
        ),
        (
            f"alarms on the {len(hurt)} of {len(spoiled)} spoiled tests whose score it moves below the 90% interval: "
            f"{sum(each.fires for each in hurt)}",
            all(each.fires for each in hurt),
        ),
    )
    for words, is_met in verdicts:
        print(f"{words}: {'met' if is_met else 'missed'}")
    return 0 if all(is_met for _, is_met in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())

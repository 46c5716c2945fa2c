"""Which configuration to pick: what each way of choosing loses on rows that it has not seen.

    python benchmarks/choosing.py                 # released predictions in ../shared/data/smash, and benchmarks/tables

Three kinds of cases. *test*: nine models of a language and subtask, chosen on out-of-fold rows, scored on test (nine
tables). *other folds*: the same and Chinese, chosen on three folds, scored on the two others, all ten ways. *recorded*:
120 configurations of a search of ST1 and of ST3, 12 or 40 of them drawn at random, the recipe itself always among them,
chosen on three folds and scored on the two others. Thresholds are the default rule's, cross-fitted.

Regret is the best candidate's score there minus the pick's, in F1 points. A pick is worse than published where it
scores less than the published configuration; the released models have none, so each of the nine is it in turn. Three
final models of ST1 collapsed (20 points and more below their out-of-fold rows, which no choice on these rows can know):
they are left out of *test*.

Ways: the highest cross-fitted score; the published one unless the highest is better by a standard error of their
difference, fold by fold; unless it is better by the corrected interval of 95%; the highest posterior mean of the
fold-effects model, with every fold scored that is the mean over folds; the lowest log loss; the highest macro-AUC.

Exits with status 1 where another way has less regret than the default, the highest score, by 0.1 points over all tables
and by twice the standard error of that difference.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from tune_polar.decide.prediction_files import read_predictions
from tune_polar.decide.predictions import align
from tune_polar.recipe.defaults import default_rule
from tune_polar.stats.fold_effects import fit_fold_effects
from tune_polar.stats.paired import fold_paired
from tune_polar.stats.scored_configuration import scored_configurations

Numbers = NDArray[np.float64]
DEFAULT, TOLERATED = "highest score", 0.1
BASELINE = "published always"  # no way of choosing
COLLAPSED = 0.2  # below out-of-fold rows
LANGUAGES, SUBTASKS = ("eng", "deu", "hau", "zho"), ("st1", "st2", "st3")
CHOSEN_ON = 3  # folds
DRAWS, SIZES = 20, (12, 40)


@dataclass(frozen=True, eq=False)
class Case:
    """Candidates to choose among; scores in 0–1."""

    score: Numbers  # (candidates,) by which a search compares
    folds: Numbers  # (candidates, folds) that score fold by fold
    truth: Numbers  # (candidates,) on rows that are not chosen on
    published: int  # its place among the candidates
    log_loss: Numbers | None = None  # (candidates, folds)
    auc: Numbers | None = None  # (candidates, folds)


def highest(case: Case) -> int:
    """The default."""
    return int(np.argmax(case.score))


def one_error(case: Case) -> int:
    """Published, unless the highest is better by a standard error of the paired difference."""
    best = highest(case)
    deltas = case.folds[best] - case.folds[case.published]
    error = deltas.std(ddof=1) / len(deltas) ** 0.5
    return best if deltas.mean() > error else case.published


def told_apart(case: Case) -> int:
    """Published, unless the corrected interval of the difference lies above zero."""
    best = highest(case)
    if best == case.published:
        return best
    found = fold_paired(case.folds[best], case.folds[case.published])
    return best if found.interval.low > 0 else case.published


def posterior(case: Case) -> int:
    """Of the fold-effects model."""
    return int(np.argmax(fit_fold_effects(case.folds).mean))


def lowest_loss(case: Case) -> int | None:
    """Where probabilities are at hand."""
    return None if case.log_loss is None else int(np.argmin(case.log_loss.mean(axis=1)))


def highest_auc(case: Case) -> int | None:
    """Where probabilities are at hand."""
    return None if case.auc is None else int(np.argmax(case.auc.mean(axis=1)))


WAYS: Mapping[str, Callable[[Case], int | None]] = {
    DEFAULT: highest,
    "one SE to published": one_error,
    "published unless told apart": told_apart,
    "posterior mean": posterior,
    "log loss": lowest_loss,
    "macro-AUC": highest_auc,
    BASELINE: lambda case: case.published,
}


def macro_auc(gold: NDArray[np.bool_], probability: Numbers) -> float:
    """Mean over labels that have both classes here; (rows, labels)."""
    found = []
    for label in range(gold.shape[1]):
        own = gold[:, label]
        positives, negatives = np.count_nonzero(own), np.count_nonzero(~own)
        if positives and negatives:
            ranks = rankdata(probability[:, label])[own].sum()
            found.append((ranks - positives * (positives + 1) / 2) / (positives * negatives))
    return float(np.mean(found))


def released(folder: Path) -> Iterator[tuple[str, Case, bool]]:
    """Name, case (truth on test, where it is labelled), and whether it is."""
    for subtask in SUBTASKS:
        for language in LANGUAGES:
            table = read_predictions(folder / subtask / f"{language}.csv.gz")
            rows = align(table.complete)
            rule = default_rule("binary" if len(table.labels) == 1 else "labels")
            scored = list(scored_configurations(table.complete, rows, (rule,)))
            tests = [each.on("test") for each in scored]
            truth = np.array([0.0 if each is None else each.score for each in tests])
            if rows.gold is None or rows.fold is None:
                raise SystemExit(f"{subtask} {language}: out-of-fold rows without gold or folds")
            gold, fold, shares = rows.gold.astype(bool), rows.fold[0], np.clip(rows.probability, 1e-6, 1 - 1e-6)
            losses = -np.where(gold, np.log(shares), np.log1p(-shares)).mean(axis=2)  # (candidates, rows)
            parts = [fold == number for number in np.unique(fold)]
            yield (
                f"{subtask} {language}",
                Case(
                    score=np.array([each.cross_fitted for each in scored]),
                    folds=np.stack([each.fold_scores for each in scored]),
                    truth=truth,
                    published=0,
                    log_loss=np.stack([losses[:, own].mean(axis=1) for own in parts], axis=1),
                    auc=np.array([[macro_auc(gold[own], each[own]) for own in parts] for each in shares]),
                ),
                None not in tests,
            )


def without_collapsed(case: Case) -> Case:
    """Less the candidates whose final model is another one than its folds'."""
    kept = np.flatnonzero(case.truth >= case.score - COLLAPSED)
    return replace(
        case,
        score=case.score[kept],
        folds=case.folds[kept],
        truth=case.truth[kept],
        log_loss=None if case.log_loss is None else case.log_loss[kept],
        auc=None if case.auc is None else case.auc[kept],
    )


def each_published(case: Case) -> list[Case]:
    """Every candidate in turn as the published one."""
    return [replace(case, published=place) for place in range(len(case.score))]


def other_folds(case: Case) -> Iterator[Case]:
    """Chosen on some folds, true on the others."""
    count = case.folds.shape[1]
    for chosen in combinations(range(count), CHOSEN_ON):
        on, left = list(chosen), [fold for fold in range(count) if fold not in chosen]
        yield replace(
            case,
            score=case.folds[:, on].mean(axis=1),
            folds=case.folds[:, on],
            truth=case.folds[:, left].mean(axis=1),
            log_loss=None if case.log_loss is None else case.log_loss[:, on],
            auc=None if case.auc is None else case.auc[:, on],
        )


def recorded(path: Path, size: int) -> Iterator[Case]:
    """Random searches of ``size`` configurations out of a recorded one."""
    table = pd.read_parquet(path)
    column = "score_end_to_end" if "score_end_to_end" in table else "score"
    wide = table.pivot(index="number", columns="fold", values=column).sort_index().dropna()
    folds, rng = wide.to_numpy(dtype=np.float64), np.random.default_rng(0)
    for _ in range(DRAWS):
        drawn = np.concatenate([[0], 1 + rng.permutation(len(folds) - 1)[: size - 1]])
        own = folds[drawn]
        yield from other_folds(Case(own.mean(axis=1), own, own[:, 0], 0))


def measured(cases: Sequence[Case], way: Callable[[Case], int | None]) -> tuple[float, float, float] | None:
    """Mean regret, mean gain over the published one (both in points), share of picks worse than it."""
    picks = [way(case) for case in cases]
    if None in picks:
        return None
    pairs = [(case, pick) for case, pick in zip(cases, picks, strict=True) if pick is not None]
    regret = [100 * float(case.truth.max() - case.truth[pick]) for case, pick in pairs]
    gain = [100 * float(case.truth[pick] - case.truth[case.published]) for case, pick in pairs]
    return float(np.mean(regret)), float(np.mean(gain)), float(np.mean(np.array(gain) < 0))


def show(kind: str, tables: Mapping[str, Sequence[Case]]) -> dict[str, Numbers]:
    """Print one kind of cases, each table once; regret beyond the default's by way, (tables,) in points."""
    print(f"\n{kind}: mean of {len(tables)} tables ± standard error between them, F1 points")
    print(f"{'':<30}{'regret':>16}{'over the default':>20}{'gain on published':>20}{'worse than it':>16}")
    base = np.array([measured(cases, highest) or (0.0, 0.0, 0.0) for cases in tables.values()])
    found = {}
    for name, way in WAYS.items():
        rows = [measured(cases, way) for cases in tables.values()]
        if None in rows:
            print(f"{name:<30}{'not applicable: no probabilities are recorded':>50}")
            continue
        values = np.array([row for row in rows if row is not None])
        more = values[:, 0] - base[:, 0]
        print(
            f"{name:<30}{_mean(values[:, 0]):>16}{_mean(more, '+'):>20}{_mean(values[:, 1], '+'):>20}"
            f"{values[:, 2].mean():>15.0%}"
        )
        found[name] = more
    return found


def _mean(values: Numbers, sign: str = "") -> str:
    error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{values.mean():{sign}.2f} ± {error:.2f}"


def main() -> int:
    """Measure, print, compare with the default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = Path(__file__).resolve().parent
    data = here.parents[1] / "shared" / "data" / "smash"
    parser.add_argument("--data", type=Path, default=data, help="folder with st1/, st2/ and st3/")
    parser.add_argument("--tables", type=Path, default=here / "tables", help="folder with st1.parquet and st3.parquet")
    arguments = parser.parse_args()
    kinds = []
    if arguments.data.is_dir():
        cases = list(released(arguments.data))
        labelled = {name: case for name, case, is_labelled in cases if is_labelled}
        kept = {name: without_collapsed(case) for name, case in labelled.items()}
        left_out = sum(len(labelled[name].score) - len(case.score) for name, case in kept.items())
        print(f"final models that collapsed, and are left out of test: {left_out}")
        kinds.append(show("test", {name: each_published(case) for name, case in kept.items()}))
        parted = {name: [one for each in each_published(case) for one in other_folds(each)] for name, case, _ in cases}
        kinds.append(show("other folds", parted))
    searches = {
        f"{path.stem}, {size} configurations": list(recorded(path, size))
        for path in sorted(arguments.tables.glob("*.parquet"))
        for size in SIZES
    }
    kinds.append(show("recorded", searches))
    over = {
        name: np.concatenate([found[name] for found in kinds if name in found])
        for name in WAYS
        if name not in (BASELINE, DEFAULT)
    }
    best = min(over, key=lambda name: over[name].mean())
    mean, error = float(over[best].mean()), float(over[best].std(ddof=1)) / len(over[best]) ** 0.5
    met = mean > -TOLERATED or mean + 2 * error > 0
    print(f"\nof all tables, {best} has the least regret beside the default: {mean:+.2f} ± {error:.2f} against it")
    print(
        f"no way is better than the default by {TOLERATED} and twice the standard error: {'met' if met else 'missed'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

"""Losses of a regression over languages held out, and a linear floor: is one better than another, seen and unseen?

    python benchmarks/regression.py                                      # the sample, embedded encoder
    python benchmarks/regression.py --data mint/train.csv --number label --draws 5
    python benchmarks/regression.py --data mint/train.csv --number label --encoder FOLDER --profile minilm --folds 0 1

The recipe `zhegu` is trained on each fold with each loss, in one process. Dev1 validates a fifth of all rows, Dev2
whole pairs of languages beside a fifth of the others. Printed are, by fold, Pearson's r of all its rows and its mean
over languages that the fold trained on (seen) and held out (unseen), the mean error, and seconds; then differences to
MSE, to EPM and to the floor, of the mean over languages: with the interval of texts resampled in pairs within languages
(the models as trained), and that of the corrected t over folds. The floor is ridge regression on TF-IDF of 1-4-grams of
characters, on the same rows; the mean of floor and model is beside them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from tune_polar.cli.options import assignments
from tune_polar.data.columns import FloatArray
from tune_polar.data.plans import FoldPlan
from tune_polar.data.source import parse_source
from tune_polar.data.table import Corpus
from tune_polar.decide.metrics import metric_named
from tune_polar.decide.number_scores import mae, pearson
from tune_polar.decide.rows import Gold, Rows
from tune_polar.errors import DecisionError
from tune_polar.recipe.cells import cells
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.search.recipe_data import fold_plans, read_corpus
from tune_polar.stats.group_scores import Estimate, group_difference
from tune_polar.stats.paired import fold_paired
from tune_polar.store.store import open_store
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.run_fold_trial import run_fold_trial
from tune_polar.trial.stage_inputs import inputs_of
from tune_polar.trial.worker_context import TrialContext

STAGE, TARGET, GROUP = "regressor", "intimacy", "language"
FLOOR = "ridge"
REFERENCES = ("mse", "epm", FLOOR)
FORMS = ("negated_kl", "flipped_sign", "as_printed")
PEARSON = metric_named("pearson")


def contrast(form: str, weight: float) -> dict[str, object]:
    """Its settings."""
    return {"weight": weight, "temperature": 0.2, "form": form}


def losses(weight: float) -> dict[str, dict[str, object]]:
    """Every loss, alone and with each form of the contrast."""
    found: dict[str, dict[str, object]] = {}
    for name in ("mse", "epm"):
        found[name] = {name: {}}
        found |= {f"{name}+{form}": {name: {}, "language_contrast": contrast(form, weight)} for form in FORMS}
    return found


LOSSES = tuple(losses(1))


@dataclass(frozen=True, eq=False)
class Told:
    """What was predicted of one fold."""

    rows: np.ndarray  # of train
    guess: FloatArray
    seconds: float


class Folds:
    """One plan's folds of one corpus."""

    def __init__(self, corpus: Corpus, plan: FoldPlan, chosen: list[int]) -> None:
        self.corpus, self.plan, self.chosen = corpus, plan, chosen
        self.gold, self.languages = corpus.train.values(TARGET), corpus.train.values(GROUP)

    def unseen(self, fold: int, rows: np.ndarray) -> np.ndarray:
        """Rows of languages that the fold does not train on."""
        return ~np.isin(self.languages[rows], np.unique(self.languages[self.plan.training_rows(fold)]))

    def scores(self, fold: int, told: Told) -> dict[str, float]:
        """r of the fold, mean r over its seen and its unseen languages, and the mean error."""
        gold, guess, unseen = self.gold[told.rows], told.guess, self.unseen(fold, told.rows)
        found = {"r": pearson(gold, guess)}
        for name, half in (("seen", ~unseen), ("unseen", unseen)):
            each = [self.languages[told.rows] == code for code in np.unique(self.languages[told.rows][half])]
            found[name] = float(np.mean([pearson(gold[own], guess[own]) for own in each])) if each else float("nan")
        return found | {"mae": mae(gold, guess), "seconds": told.seconds}

    def difference(self, first: Sequence[Told], second: Sequence[Told], half: str) -> Estimate | None:
        """Of the mean over languages, texts drawn in pairs."""
        ids = np.concatenate([told.rows for told in first])
        part = np.repeat(np.arange(len(first)), [len(told.rows) for told in first])
        unseen = np.concatenate([self.unseen(f, told.rows) for f, told in zip(self.chosen, first, strict=True)])
        own = unseen if half == "unseen" else ~unseen
        if not own.any():
            return None
        gold = Gold("number", self.gold[ids][own, None], (TARGET,))
        guesses = [np.concatenate([told.guess for told in each])[own, None] for each in (first, second)]
        subsets = [self.languages[ids][own] == code for code in np.unique(self.languages[ids][own])]
        rows = Rows.of(gold, part=part[own], ids=ids[own])
        return group_difference(rows, guesses[0], guesses[1], PEARSON, subsets, np.random.default_rng(0))


def floor(corpus: Corpus, plan: FoldPlan, fold: int) -> Told:
    """What ridge regression on characters says."""
    began, texts = time.perf_counter(), corpus.train.texts
    training, validation = plan.training_rows(fold), plan.validation_rows(fold)
    words = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), min_df=2, sublinear_tf=True)
    seen = words.fit_transform([texts[row] for row in training])
    model = Ridge(1.0).fit(seen, corpus.train.values(TARGET)[training])
    guess: FloatArray = np.clip(model.predict(words.transform([texts[row] for row in validation])), 1, 5)
    return Told(validation, guess, time.perf_counter() - began)


def trained(recipe: Recipe, corpus: Corpus, plans: Mapping[str, FoldPlan], fold: int) -> Told:
    """What the recipe's stage says of a fold."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        context = TrialContext(corpus, plans, store, torch.device("cpu"), 0.0)
        cell = next(each for each in cells(recipe, plans[STAGE]) if each.fold == fold)
        record = run_fold_trial(FoldTrial(recipe, cell, inputs_of(recipe, corpus, plans)), context)
        stage = store.stage(record.stages[STAGE])
        if stage is None:
            sys.exit(f"fold {fold} left no record")
        guess = np.clip(stage.arrays["validation/value"].reshape(-1).astype(np.float64), 1, 5)
    return Told(plans[STAGE].validation_rows(fold), guess, time.perf_counter() - began)


def main() -> None:
    """Train, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="sample", help="file with texts, numbers and the column `language`")
    parser.add_argument("--number", default=TARGET, help="its column of numbers from 1 to 5")
    parser.add_argument("--plan", choices=("dev1", "dev2"), nargs="*", default=("dev1", "dev2"))
    parser.add_argument("--losses", choices=LOSSES, nargs="*", default=LOSSES)
    parser.add_argument("--weight", type=float, default=1.0, help="of the contrast")
    parser.add_argument("--encoder", default="tiny", help="`tiny`, or a folder")
    parser.add_argument("--profile", help="of the recipe; by default the encoder's")
    parser.add_argument("--epochs", type=float, help="by default the profile's")
    parser.add_argument("--frozen", type=int, default=0, help="layers")
    parser.add_argument("--draws", type=int, default=5, help="pairs of languages that are held out")
    parser.add_argument("--folds", type=int, nargs="*", help="of the draws; by default all")
    parser.add_argument("--minutes", type=float, help="no fold begins later; those done are compared")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the recipe; repeatable")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    columns = {} if chosen.data == "sample" or chosen.number == TARGET else {TARGET: chosen.number}
    source = parse_source(chosen.data, columns=columns)
    until = time.monotonic() + 60 * (float("inf") if chosen.minutes is None else chosen.minutes)
    for plan_name in chosen.plan:
        recipes = {name: recipe_of(plan_name, name, chosen) for name in chosen.losses}
        first = next(iter(recipes.values()))
        corpus = read_corpus(first, source)
        plans = fold_plans(first, corpus)
        wanted = range(plans[STAGE].count) if chosen.folds is None else chosen.folds
        folds = Folds(corpus, plans[STAGE], [])
        found: dict[str, list[Told]] = {}
        for fold in (each for each in wanted if each < plans[STAGE].count):
            if time.monotonic() > until:
                print(f"{plan_name}: the time is over before fold {fold}")
                break
            folds.chosen.append(fold)
            tell(found, FLOOR, floor(corpus, plans[STAGE], fold), f"{plan_name} {FLOOR}", folds)
            for name, recipe in recipes.items():
                told = trained(recipe, corpus, plans, fold)
                tell(found, name, told, f"{plan_name} {name}", folds)
                both = Told(told.rows, (told.guess + found[FLOOR][-1].guess) / 2, 0.0)
                found.setdefault(f"{name} & {FLOOR}", []).append(both)
        for name, every in found.items():
            scores = [folds.scores(fold, told) for fold, told in zip(folds.chosen, every, strict=True)]
            _line(
                f"{plan_name} {name} MEAN", {key: float(np.mean([each[key] for each in scores])) for key in scores[0]}
            )
        compared(plan_name, folds, found)


def recipe_of(plan: str, loss: str, chosen: argparse.Namespace) -> Recipe:
    """The recipe with a loss, a plan, and what the command line changes."""
    changes: dict[str, object] = {
        f"{STAGE}.losses": losses(chosen.weight)[loss],
        f"{STAGE}.optimizer.eval_every_steps": 100_000,  # no choice of a step on the rows that are scored
        "encoder.frozen_layers": chosen.frozen,
    }
    changes |= {} if chosen.epochs is None else {f"{STAGE}.optimizer.max_epochs": chosen.epochs}
    changes |= {"folds": {"plan": "holdout"}} if plan == "dev1" else {"folds.draws": chosen.draws}
    options = RecipeOptions(chosen.encoder, chosen.profile, changes=changes | assignments(chosen.set))
    return load_recipe("zhegu", options).recipe


def tell(found: dict[str, list[Told]], name: str, told: Told, words: str, folds: Folds) -> None:
    """Keep and print what was predicted of the newest fold."""
    found.setdefault(name, []).append(told)
    _line(f"{words} fold {folds.chosen[-1]}", folds.scores(folds.chosen[-1], told))


def _line(head: str, scores: Mapping[str, float]) -> None:
    print(f"{head:34}", "  ".join(f"{key} {value:.3f}" for key, value in scores.items()), flush=True)


def compared(plan: str, folds: Folds, found: Mapping[str, Sequence[Told]]) -> None:
    """Differences to each reference: by texts within languages, and by folds."""
    for reference in REFERENCES:
        for name, told in found.items():
            if reference not in found or name == reference:
                continue
            for half in ("seen", "unseen"):
                by_text = folds.difference(told, found[reference], half)
                if by_text is None:
                    continue
                own, other = (
                    np.array([folds.scores(fold, each)[half] for fold, each in zip(folds.chosen, of, strict=True)])
                    for of in (told, found[reference])
                )
                ends = f"{by_text.value:+.3f} [{by_text.interval.low:+.3f}, {by_text.interval.high:+.3f}] by texts"
                try:
                    by_fold = fold_paired(own, other, planned_folds=len(own))
                    reach = f"[{by_fold.interval.low:+.3f}, {by_fold.interval.high:+.3f}]"
                    spread = f"{by_fold.difference:+.3f} {reach} by folds"
                except DecisionError:  # one fold
                    spread = ""
                print(f"{plan} {name} − {reference}, {half}: {ends}  {spread}")


if __name__ == "__main__":
    main()

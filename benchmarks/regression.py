"""Losses of a regression over languages held out, and a linear floor: is one better than another, seen and unseen?

    python benchmarks/regression.py                                      # the sample
    python benchmarks/regression.py --data mint/train.csv --number label --epochs 3 --draws 5

The recipe `zhegu` is trained with the embedded encoder on each fold with each loss, in one process. Dev1 validates a
fifth of all rows, Dev2 whole pairs of languages beside a fifth of the others. Printed are Pearson's r of each fold, of
seen and of unseen languages (mean over languages), seconds a fold, and paired differences to EPM over folds with their
standard error. The floor is ridge regression on TF-IDF of 1-4-grams of characters, on the same rows.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from tune_polar.data.columns import FloatArray
from tune_polar.data.plans import FoldPlan
from tune_polar.data.source import parse_source
from tune_polar.data.table import Corpus
from tune_polar.decide.number_scores import mae, pearson
from tune_polar.recipe.cells import cells
from tune_polar.recipe.model import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.search.recipe_data import fold_plans, read_corpus
from tune_polar.store.store import open_store
from tune_polar.trial.context import TrialContext
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.run import run_fold_trial
from tune_polar.trial.stage_inputs import inputs_of

STAGE, TARGET, GROUP = "regressor", "intimacy", "language"
FLOOR, REFERENCE = "ridge", "epm"


def contrast(form: str) -> dict[str, object]:
    """Its settings."""
    return {"weight": 1, "temperature": 0.2, "form": form}


LOSSES: dict[str, dict[str, object]] = {
    "mse": {"mse": {}},
    "epm": {"epm": {}},
    "epm+negated_kl": {"epm": {}, "language_contrast": contrast("negated_kl")},
    "epm+flipped_sign": {"epm": {}, "language_contrast": contrast("flipped_sign")},
    "epm+as_printed": {"epm": {}, "language_contrast": contrast("as_printed")},
}


def recipes(plan: str, epochs: float, draws: int) -> Iterator[tuple[str, Recipe]]:
    """The recipe with each loss."""
    for name, losses in LOSSES.items():
        changes: dict[str, object] = {
            f"{STAGE}.losses": losses,
            f"{STAGE}.optimizer.max_epochs": epochs,
            f"{STAGE}.optimizer.eval_every_steps": 100_000,
            "encoder.frozen_layers": 0,
        }
        changes |= {"folds": {"plan": "holdout"}} if plan == "dev1" else {"folds.draws": draws}
        yield name, load_recipe("zhegu", RecipeOptions(encoder="tiny", changes=changes)).recipe


def told(corpus: Corpus, plan: FoldPlan, fold: int, guess: FloatArray) -> dict[str, float]:
    """r of the fold, mean r over its seen and its unseen languages, and the mean error."""
    rows = plan.validation_rows(fold)
    gold, languages = corpus.train.values(TARGET)[rows], corpus.train.values(GROUP)
    trained = set(languages[plan.training_rows(fold)].tolist())
    by: dict[bool, list[float]] = defaultdict(list)
    for language in np.unique(languages[rows]).tolist():
        own = languages[rows] == language
        by[language in trained].append(pearson(gold[own], guess[own]))
    mean = {seen: float(np.mean(each)) for seen, each in by.items()}
    return {
        "r": pearson(gold, guess),
        "seen": mean.get(True, math.nan),
        "unseen": mean.get(False, math.nan),
        "mae": mae(gold, guess),
    }


def floor(corpus: Corpus, plan: FoldPlan, fold: int) -> FloatArray:
    """What ridge regression on characters says."""
    texts = corpus.train.texts
    training, validation = plan.training_rows(fold), plan.validation_rows(fold)
    words = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), min_df=2, sublinear_tf=True)
    seen = words.fit_transform([texts[row] for row in training])
    model = Ridge(1.0).fit(seen, corpus.train.values(TARGET)[training])
    guess: FloatArray = np.clip(model.predict(words.transform([texts[row] for row in validation])), 1, 5)
    return guess


def main() -> None:
    """Train, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="sample", help="file with texts, numbers and the column `language`")
    parser.add_argument("--number", default=TARGET, help="its column of numbers from 1 to 5")
    parser.add_argument("--plan", choices=("dev1", "dev2"), nargs="*", default=("dev1", "dev2"))
    parser.add_argument("--losses", choices=LOSSES, nargs="*", default=tuple(LOSSES))
    parser.add_argument("--epochs", type=float, default=6.0)
    parser.add_argument("--draws", type=int, default=5, help="pairs of languages that are held out")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    columns = {} if chosen.data == "sample" or chosen.number == TARGET else {TARGET: chosen.number}
    source = parse_source(chosen.data, columns=columns)
    for plan_name in chosen.plan:
        found: dict[str, list[dict[str, float]]] = defaultdict(list)
        for name, recipe in recipes(plan_name, chosen.epochs, chosen.draws):
            corpus = read_corpus(recipe, source)
            plans = fold_plans(recipe, corpus)
            plan = plans[STAGE]
            if FLOOR not in found:
                for fold in range(plan.count):
                    began = time.perf_counter()
                    each = told(corpus, plan, fold, floor(corpus, plan, fold))
                    found[FLOOR].append(each | {"seconds": time.perf_counter() - began})
                    show(plan_name, FLOOR, fold, found[FLOOR][-1])
            if name not in chosen.losses:
                continue
            with tempfile.TemporaryDirectory() as folder:
                store = open_store(folder)
                context = TrialContext(corpus, plans, store, torch.device("cpu"), 0.0)
                inputs = inputs_of(recipe, corpus, plans)
                for cell in cells(recipe, plan):
                    began = time.perf_counter()
                    record = run_fold_trial(FoldTrial(recipe, cell, inputs), context)
                    stage = store.stage(record.stages[STAGE])
                    if stage is None:
                        sys.exit(f"{name} fold {cell.fold} left no record")
                    guess = np.clip(stage.arrays["validation/value"].reshape(-1).astype(np.float64), 1, 5)
                    each = told(corpus, plan, cell.fold, guess) | {"seconds": time.perf_counter() - began}
                    found[name].append(each)
                    show(plan_name, name, cell.fold, each)
        compared(plan_name, found)


def show(plan: str, name: str, fold: int, each: dict[str, float]) -> None:
    """A line a fold."""
    print(plan, name, f"fold {fold}", *(f"{key} {value:.3f}" for key, value in each.items()), flush=True)


def compared(plan: str, found: dict[str, list[dict[str, float]]]) -> None:
    """Means over folds, and the differences to the reference, fold by fold."""
    for name, folds in found.items():
        keys = list(folds[0])
        means = "  ".join(f"{key} {np.mean([fold[key] for fold in folds]):.3f}" for key in keys)
        print(f"{plan} {name:18} {means}")
        if name == REFERENCE or REFERENCE not in found or len(folds) < 2:
            continue
        for key in ("r", "seen", "unseen"):
            gaps = [one[key] - other[key] for one, other in zip(folds, found[REFERENCE], strict=True)]
            error = np.std(gaps, ddof=1) / math.sqrt(len(gaps))
            print(f"{plan} {name:18} {key} − {REFERENCE}: {np.mean(gaps):+.3f} ± {error:.3f} (SE, {len(gaps)} folds)")


if __name__ == "__main__":
    main()

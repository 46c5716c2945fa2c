"""What it is worth to keep the best checkpoint by the rows that are scored, and whether curves alone can say so.

    python benchmarks/checkpoint_choice.py

Logistic models are trained by SGD on five folds of drawn rows and evaluated several times; each fold keeps the
evaluation that does best on its validation rows. ``true``: by how much more the kept models score on these rows than
on 8,000 new ones, less the same of the last evaluation, which is nobody's choice. ``told``: what
``worth_of_own_checkpoint`` says from the curves. Both are means over draws with their standard errors, in F1 points.

What it leaves out: encoders, whose curves are smoother; early stopping; thresholds, which are 0.5 throughout. Exits
with status 1 where what is told is off by more than a third of the truth and three standard errors.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from tune_polar.decide.metrics import metric_named
from tune_polar.decide.rows import Gold
from tune_polar.stats.checkpoint_choice import Curve, worth_of_own_checkpoint

METRIC = metric_named("macro_f1")
Drawn: TypeAlias = tuple[np.ndarray, np.ndarray]
FOLDS, FEATURES, BATCH, NEW_ROWS, LR = 5, 60, 16, 8000, 0.3


def main() -> int:
    """A row a setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=16)
    draws: int = parser.parse_args().draws
    print(f"{'learning rate':14}{'rows':>6}{'evaluations':>13}{'true':>16}{'told':>16}")
    failed = False
    for constant in (False, True):
        for rows, evaluations in ((500, 30), (1000, 10), (1000, 30), (4000, 30)):
            found = np.array([one(seed, rows, evaluations, constant=constant) for seed in range(draws)])
            (true, told), errors = found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(draws)
            name = "constant" if constant else "cosine"
            shown = [
                f"{100 * value:.2f} ± {100 * error:.2f}" for value, error in zip((true, told), errors, strict=True)
            ]
            print(f"{name:14}{rows:6,}{evaluations:13}{shown[0]:>16}{shown[1]:>16}", flush=True)
            failed |= abs(told - true) > max(true / 3, 3 * float(np.hypot(*errors)))
    return int(failed)


def one(seed: int, rows: int, evaluations: int, *, constant: bool) -> tuple[float, float]:
    """What the choice is worth in truth, and as told."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 0.15, FEATURES)
    texts, gold = drawn(rng, truth, rows)
    others = drawn(rng, truth, NEW_ROWS)
    fold, curves, kept_more, last_more = np.arange(rows) % FOLDS, [], [], []
    for number in range(FOLDS):
        own = fold == number
        scored = ((texts[own], gold[own]), others)
        measured = list(trained(rng, (texts[~own], gold[~own]), scored, evaluations, constant=constant))
        values = [here for here, _ in measured]
        best = int(np.argmax(values))
        kept_more.append(values[best] - measured[best][1])
        last_more.append(values[-1] - measured[-1][1])
        curves.append(Curve(number, tuple(range(evaluations)), tuple(values), best))
    told = worth_of_own_checkpoint(curves, METRIC)
    return float(np.mean(kept_more) - np.mean(last_more)), 0.0 if told is None else told


def drawn(rng: np.random.Generator, truth: np.ndarray, rows: int) -> Drawn:
    """Features and gold."""
    features = rng.normal(size=(rows, FEATURES))
    return features, rng.random(rows) < sigmoid(features @ truth - 0.6)


def trained(
    rng: np.random.Generator, own: Drawn, scored: tuple[Drawn, Drawn], evaluations: int, *, constant: bool
) -> Iterator[tuple[float, float]]:
    """The scores of each evaluation, on each of ``scored``."""
    (texts, gold), every = own, 40 if evaluations == 10 else 15
    weights, bias, total = np.zeros(FEATURES), 0.0, evaluations * every
    for step in range(1, total + 1):
        rows = rng.integers(0, len(texts), BATCH)
        error = sigmoid(texts[rows] @ weights + bias) - gold[rows]
        rate = LR if constant else LR * 0.5 * (1 + np.cos(np.pi * step / total)) * min(1, 10 * step / total)
        weights = weights - rate * (texts[rows].T @ error) / BATCH
        bias -= rate * error.mean()
        if step % every == 0:
            here, new = (score(truth, of @ weights + bias > 0) for of, truth in scored)
            yield here, new


def score(truth: np.ndarray, decided: np.ndarray) -> float:
    """Of both, (rows,)."""
    return METRIC.score(Gold("binary", truth[:, None], ("y",)), decided[:, None])


def sigmoid(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(−x))."""
    found: np.ndarray = 1 / (1 + np.exp(-np.clip(values, -30, 30)))
    return found


if __name__ == "__main__":
    sys.exit(main())

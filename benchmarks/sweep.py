"""The k × τ sweep against a loop over scikit-learn's F1.

    python benchmarks/sweep.py            # the loop is timed on a random sample of (k, τ) pairs and scaled up
    python benchmarks/sweep.py --full     # the loop runs over every pair (minutes)

Five folds of 856 rows, k from 1 to 200, τ from 1% to 99%. Both sides start from the same stored neighbour labels.
Exits with status 1 where a score differs by more than 1e-12 or the ratio falls below 1,000.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from sklearn.metrics import f1_score

from tune_polar.decide.decision_engine import judge
from tune_polar.decide.graph import Graph
from tune_polar.decide.rows import Gold, Rows
from tune_polar.decide.tables import Table
from tune_polar.decide.vote_sweep import VoteSweep
from tune_polar.decide.votes import grid_candidates, percent_taus

FOLDS, ROWS, WIDTH = 5, 856, 200
FOLD_OF_ROW = np.repeat(np.arange(FOLDS), ROWS)
PERCENTS = range(1, 100)
TARGET_RATIO, TOLERANCE = 1000, 1e-12


def tables(rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Neighbour labels (rows, K) and gold per fold; a row's neighbours share its label more often than not."""
    gold = [rng.random(ROWS) < 0.5 for _ in range(FOLDS)]
    purity = [np.clip(rng.normal(np.where(truth, 0.68, 0.32), 0.2), 0, 1) for truth in gold]
    return [(rng.random((ROWS, WIDTH)) < share[:, None]).astype(np.uint8) for share in purity], gold


def loop_score(neighbours: list[np.ndarray], gold: list[np.ndarray], k: int, percent: int) -> float:
    """One (k, τ) as a script would write it. One division per side rounds alike, so the comparison is exact."""
    shares = np.concatenate([table[:, :k].mean(axis=1) for table in neighbours])
    return float(f1_score(np.concatenate(gold), shares >= percent / 100, average="macro"))


def swept(neighbours: list[np.ndarray], gold: list[np.ndarray], ks: range) -> np.ndarray:
    """Macro-F1 of every k and τ over all folds, (ks, percents)."""
    candidates = grid_candidates(ks, percent_taus(PERCENTS))
    sweep = VoteSweep.of_parts([np.concatenate(neighbours)], np.concatenate(gold), FOLD_OF_ROW, candidates)
    return sweep.over(range(FOLDS)).macro_f1().reshape(len(ks), len(PERCENTS))


def cross_fitted(neighbours: list[np.ndarray], gold: list[np.ndarray]) -> float:
    """The score that a search reports: every share of votes of every k, chosen on the other folds."""
    graph = Graph.of({"vote": {"type": "knn_vote", "of": "model"}}, score="vote", stages=("model",))
    truth = Gold("binary", np.concatenate(gold).astype(np.int64)[:, None], ("label",))
    rows = {"model": Rows.of(truth, part=FOLD_OF_ROW)}
    return judge(graph, {"model": Table.joined("neighbours", neighbours)}, rows, "macro_f1").score


def main() -> int:
    """Time both, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="run the loop over every (k, τ) pair")
    parser.add_argument("--pairs", type=int, default=400, help="pairs in the timed sample (default 400)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    neighbours, gold = tables(rng)
    swept(neighbours, gold, range(1, 11))  # first call pays for imports and page faults

    runs = []
    for _ in range(5):
        start = time.perf_counter()
        result = swept(neighbours, gold, range(1, WIDTH + 1))
        runs.append(time.perf_counter() - start)
    ours = float(np.median(runs))
    start = time.perf_counter()
    crossed = cross_fitted(neighbours, gold)
    cross_seconds = time.perf_counter() - start

    every = [(k, percent) for k in range(1, WIDTH + 1) for percent in PERCENTS]
    picked = every if arguments.full else [every[i] for i in rng.choice(len(every), arguments.pairs, replace=False)]
    start = time.perf_counter()
    scores = [loop_score(neighbours, gold, k, percent) for k, percent in picked]
    seconds = time.perf_counter() - start
    loop = seconds * len(every) / len(picked)
    found = [result[k - 1, percent - 1] for k, percent in picked]
    worst = float(np.abs(np.array(scores) - found).max())

    how = "every pair" if arguments.full else f"{len(picked)} random pairs took {seconds:.2f} s, scaled up"
    print(f"{FOLDS} folds, {FOLDS * ROWS} rows, {WIDTH} k × {len(PERCENTS)} τ = {len(every)} pairs")
    print(f"scikit-learn loop   {loop:10.2f} s  ({how})")
    print(f"the sweep           {ours:10.4f} s  (median of 5)")
    print(f"ratio               {loop / ours:10.0f} ×  (target {TARGET_RATIO})")
    print(f"largest difference  {worst:10.1e}    (on {len(picked)} pairs, target {TOLERANCE})")
    print(f"the whole ladder    {cross_seconds:10.4f} s  (every vote share of every k, by every way of choosing)")
    print(f"best in sample: {result.max():.4f}; cross-fitted {crossed:.4f}")
    return 0 if worst <= TOLERANCE and loop / ours >= TARGET_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())

"""Seconds and memory of `tune-polar decide` on many configurations.

    python benchmarks/decide_scale.py                       # 1,000 configurations × 5,000 rows in 5 folds, one label
    python benchmarks/decide_scale.py --configurations 100  # a quick look

Exits with status 1 where it takes longer than a minute of this machine's processor.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

MOST_SECONDS = 60.0


def write_predictions(path: Path, configurations: int, rows: int, folds: int, labels: int) -> None:
    """Out-of-fold predictions of models that are right about as often as each other."""
    rng = np.random.default_rng(0)
    gold, ids = rng.random((rows, labels)) < 0.4, [f"row-{row}" for row in range(rows)]
    with path.open("w", encoding="utf-8") as file:
        for number in range(configurations):
            frame = {"model": f"m{number}", "split": "oof", "fold": np.arange(rows) % folds, "id": ids}
            frame |= {f"gold/{label}": gold[:, label].astype(int) for label in range(labels)}
            shares = np.clip(0.3 * gold + 0.7 * rng.random(gold.shape), 0, 1).round(6)
            frame |= {f"prob/{label}": shares[:, label] for label in range(labels)}
            pd.DataFrame(frame).to_csv(file, index=False, header=number == 0)


def main() -> int:
    """Write, report, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("configurations", 1000), ("rows", 5000), ("folds", 5), ("labels", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="decide-scale-") as name:
        path = Path(name) / "predictions.csv"
        write_predictions(path, chosen.configurations, chosen.rows, chosen.folds, chosen.labels)
        print(f"{path.stat().st_size / 1e6:,.0f} MB of predictions", flush=True)
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "tune_polar", "decide", str(path)], check=True, stdout=subprocess.DEVNULL)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime
    print(f"{time.perf_counter() - began:.1f} s, {seconds:.1f} s of a processor, {used.ru_maxrss / 1e6:.2f} GB")
    return int(seconds > MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())

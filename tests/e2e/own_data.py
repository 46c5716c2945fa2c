"""Files that somebody might bring, each of another form: what their columns hold and how a search is told of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

ROWS: Mapping[str, int] = {"train": 120, "dev": 40, "test": 50}
TOPICS = ("art", "news", "sport")
TOXIC = ("toxic", "threat", "insult", "obscene", "identity hate")
SAID = ("slow river", "bright morning", "angry crowd", "empty street", "loud engine", "quiet garden")


@dataclass(frozen=True)
class Own:
    """One data set.

    Args:
        recipe: that learns it.
        write: puts its files into an empty folder; gives what the command line says of them.
        splits: beside the rows that folds are made of.
        metric: of the score, unless somebody says otherwise.
        more: further words of the command line.
    """

    recipe: str
    write: Callable[[Path], list[str]]
    splits: tuple[str, ...]
    metric: str = "macro_f1"
    more: tuple[str, ...] = ()


def _table(columns: Callable[[np.random.Generator, int], Mapping[str, object]], split: str) -> pd.DataFrame:
    """Texts, each said once, that tell something of the row's hidden kind."""
    rows = ROWS[split]
    rng = np.random.default_rng([len(split), rows])
    kind = rng.integers(len(SAID), size=rows)
    texts = [f"{SAID[each]} {split} {row} {SAID[rng.integers(len(SAID))]}" for row, each in enumerate(kind)]
    return pd.DataFrame({"tweet": texts, **columns(rng, rows)}).assign(kind=kind)


def _verdicts(folder: Path) -> list[str]:
    """Two words as labels, authors that write several texts each, a file a split."""

    def columns(rng: np.random.Generator, rows: int) -> Mapping[str, object]:
        return {"author": [f"a{each}" for each in rng.integers(rows // 3, size=rows)]}

    for split in ROWS:
        table = _table(columns, split)
        verdict = np.where(table.pop("kind") % 3 == 0, "hateful", "normal")
        table.assign(verdict=verdict).to_csv(folder / f"{split}.csv", index=False)
    files = ["--data", "train.csv", "--dev", "dev.csv", "--test", "test.csv"]
    return [*files, "--text", "tweet", "--target", "verdict", "--group", "author"]


def _zero_one(folder: Path) -> list[str]:
    """0 and 1, ids of their own, one packed file separated by tabs, nothing beside it."""
    table = _table(lambda _, rows: {"number": [f"n{row}" for row in range(rows)]}, "train")
    rude = (table.pop("kind") > 2).astype(int)
    table.assign(rude=rude).to_csv(folder / "tweets.tsv.gz", sep="\t", index=False)
    return ["--data", "tweets.tsv.gz", "--text", "tweet", "--id", "number", "--target", "rude"]


def _topics(folder: Path) -> list[str]:
    """Three classes, an object a line, ids that are numbers."""
    for place, split in enumerate(ROWS):
        table = _table(lambda _, rows, first=1000 * place: {"id": range(first, first + rows)}, split)
        table.assign(topic=[TOPICS[each % 3] for each in table.pop("kind")]).to_json(
            folder / f"{split}.jsonl", orient="records", lines=True
        )
    return [
        *("--data", "train.jsonl", "--dev", "dev.jsonl", "--test", "test.jsonl"),
        "--text",
        "tweet",
        "--target",
        "topic",
    ]


def _toxic(folder: Path) -> list[str]:
    """Five labels, one of them with a blank in its name, in columns; a test file and nothing to develop on."""
    for split in ("train", "test"):
        table = _table(lambda _, rows: {}, split)
        kind = table.pop("kind").to_numpy()
        labels = {name: ((kind + place) % (2 + place % 3) == 0).astype(np.int8) for place, name in enumerate(TOXIC)}
        table.assign(**labels).to_parquet(folder / f"{split}.parquet", index=False)
    targets = [word for name in TOXIC for word in ("--target", name)]
    return ["--data", "train.parquet", "--test", "test.parquet", "--text", "tweet", *targets]


def _stars(folder: Path) -> list[str]:
    """A number from 1 to 5, a folder with a file a split."""
    (folder / "reviews").mkdir()
    for split in ROWS:
        table = _table(lambda _, rows: {}, split)
        noise = np.random.default_rng(len(table)).normal(0, 0.3, len(table))
        stars = np.clip(1 + 0.8 * table.pop("kind") + noise, 1, 5).round(2)
        table.assign(stars=stars).to_csv(folder / "reviews" / f"{split}.csv", index=False)
    return ["--data", "reviews", "--text", "tweet", "--target", "stars"]


OWN: Mapping[str, Own] = {
    "verdicts": Own("classifier", _verdicts, ("dev", "test")),
    "zero_one": Own("classifier", _zero_one, (), more=("--seeds", "2")),
    "topics": Own("classifier", _topics, ("dev", "test")),
    "toxic": Own("classifier", _toxic, ("test",)),
    "stars": Own("regressor", _stars, ("dev", "test"), "pearson"),
}

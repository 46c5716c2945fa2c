"""Scores computed anew by scikit-learn from what `export --csv` writes, and the numbers of a page's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.feature_selection import r_regression
from sklearn.metrics import f1_score

from tune_polar.decide.choose_thresholds import choose_thresholds

Array = NDArray[Any]
GOLD, PROBABILITY, VALUE = "gold/", "prob/", "value/"


@dataclass(frozen=True, eq=False)
class Predicted:
    """Gold and predictions of some rows, (rows, columns) each."""

    kind: str  # "binary", "labels", "class" or "number"
    names: tuple[str, ...]  # of the columns
    gold: Array
    predicted: Array
    fold: Array

    @classmethod
    def of(cls, kind: str, table: pd.DataFrame) -> Predicted:
        prefix = VALUE if kind == "number" else PROBABILITY
        names = [name.removeprefix(prefix) for name in table if str(name).startswith(prefix)]
        predicted = table[[f"{prefix}{name}" for name in names]].to_numpy(float)
        if kind == "class":  # one column with the class's name
            gold = (table[["gold"]].to_numpy(str) == np.array(names)).astype(float)
        else:
            gold = table[[f"{GOLD}{name}" for name in names]].to_numpy(float)
        return cls(kind, tuple(names), gold, predicted, table["fold"].to_numpy())

    def score(self, decided: Array) -> float:
        """Macro-F1 of the task; of numbers Pearson's r."""
        if self.kind == "number":
            return float(r_regression(decided, self.gold[:, 0])[0])
        if self.kind == "class":
            codes = list(range(self.gold.shape[1]))
            return float(f1_score(self.gold.argmax(axis=1), decided, labels=codes, average="macro", zero_division=0))
        if self.kind == "binary":
            return float(f1_score(self.gold[:, 0], decided[:, 0], labels=[0, 1], average="macro", zero_division=0))
        return float(f1_score(self.gold, decided, average="macro", zero_division=0))

    def rungs(self, settings: Mapping[str, Any]) -> dict[str, float]:
        """The score by where settings were chosen, as far as rows and ``settings`` of a configuration say."""
        if self.kind in ("number", "class"):  # nothing is chosen
            decided = self.predicted if self.kind == "number" else self.predicted.argmax(axis=1)
            return dict.fromkeys(("cross_fitted", "fold_tuned", "as_written"), self.score(decided))
        chosen = settings["decide.model.at"]
        at = np.array([chosen[name] for name in self.names] if isinstance(chosen, Mapping) else [chosen])
        return {"fold_tuned": self.score(self.predicted >= at), "plain": self.score(self.predicted >= 0.5)}

    def cross_fitted(self, rule: str) -> float:
        """Thresholds of each fold chosen on the others."""
        decided = np.zeros(self.gold.shape, dtype=bool)
        for fold in np.unique(self.fold):
            own = self.fold == fold
            decided[own] = self.predicted[own] >= choose_thresholds(rule, self.gold[~own], self.predicted[~own])
        return self.score(decided)


# -- a page ------------------------------------------------------------------------------------------------------


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[tuple[str, list[list[str]]]] = []
        self.texts: list[str] = []
        self._hidden = 0
        self._into: Callable[[str], None] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append(("", []))
        elif tag == "caption":
            self._into = self._caption
        elif tag == "tr":
            self.tables[-1][1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][1][-1].append("")
            self._into = self._cell
        elif tag in ("style", "script"):
            self._hidden += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "caption"):
            self._into = None
        elif tag in ("style", "script"):
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.texts.append(data)
            if self._into is not None:
                self._into(data)

    def _caption(self, data: str) -> None:
        caption, rows = self.tables[-1]
        self.tables[-1] = caption + data, rows

    def _cell(self, data: str) -> None:
        self.tables[-1][1][-1][-1] += data


def shown(page: str) -> str:
    """What a reader sees of a page, with the values of what is drawn."""
    parser = _Tables()
    parser.feed(page)
    return " ".join(" ".join(parser.texts).split())


def tables(page: str) -> Iterator[tuple[str, list[list[str]]]]:
    """Caption and rows of each table, the head first."""
    parser = _Tables()
    parser.feed(page)
    yield from ((caption, [[cell.strip() for cell in row] for row in rows]) for caption, rows in parser.tables)


def agrees(text: str, score: float) -> bool:
    """Whether a number as shown is ``score`` to its last digit."""
    number = text.replace("−", "-")
    decimals = len(number.partition(".")[2])
    return abs(float(number) - score) <= 0.5 * 10.0**-decimals + 1e-9

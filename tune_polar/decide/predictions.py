"""Stored predictions of several configurations, as decisions and statistics see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import FloatArray, IntArray
from tune_polar.decide.prediction_columns import SEEN, YES, Kind
from tune_polar.errors import DecisionError

OOF = "oof"  # the split whose rows are each predicted by the fold model that did not train on them


@dataclass(frozen=True, eq=False)
class SplitPredictions:
    """One configuration's predictions of one split."""

    ids: tuple[str, ...]
    fold: IntArray | None  # (rows,); only out-of-fold rows have one; an id stands once in every fold that held it out
    gold: NDArray[Any] | None  # (rows, labels) 0/1, (rows, 1) codes, (rows, numbers); None where the split has no gold
    probability: FloatArray  # (rows, labels or classes); of numbers what is predicted
    group: tuple[str, ...] | None = None  # (rows,) the language, say; None where the file tells none apart

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def keys(self) -> list[tuple[str, int]]:
        """Each row's id, and how many folds of lower numbers held it out too: no two rows have both in common."""
        if self.fold is None:
            return [(row_id, 0) for row_id in self.ids]
        before, found = Counter[str](), [("", 0)] * len(self.ids)
        for row in np.argsort(self.fold, kind="stable").tolist():
            row_id = self.ids[row]
            found[row] = (row_id, before[row_id])
            before[row_id] += 1
        return found


@dataclass(frozen=True, eq=False)
class ConfigurationPredictions:
    """One configuration's predictions of every split the file has for it."""

    name: str  # "model=mdeberta-base seed=1"
    settings: Mapping[str, str]
    labels: tuple[str, ...]
    splits: Mapping[str, SplitPredictions]
    missing_folds: tuple[int, ...]  # folds that other configurations have and this one lacks
    missing_rows: int  # out-of-fold rows that others have and this one lacks

    @property
    def complete(self) -> bool:
        """Whether every out-of-fold row of the file is predicted; only then BBC-CV may take it in."""
        return OOF in self.splits and self.missing_rows == 0

    @property
    def flaw(self) -> str:
        """Why no score of its out-of-fold rows is honest; "" where nothing is known against it."""
        return "its start was trained on out-of-fold rows (TP010)" if self.settings.get(SEEN) == YES else ""


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """All configurations of one file, and what a reader of its numbers should know."""

    path: Path
    labels: tuple[str, ...]  # or classes, or numbers
    configurations: tuple[ConfigurationPredictions, ...]
    notes: tuple[str, ...]  # labels dropped, folds missing, labels absent from a fold, splits without gold
    kind: Kind = "labels"

    @property
    def complete(self) -> tuple[ConfigurationPredictions, ...]:
        """Configurations with every out-of-fold row."""
        return tuple(each for each in self.configurations if each.complete)


@dataclass(frozen=True, eq=False)
class AlignedPredictions:
    """Several configurations' predictions of the same rows in the same order."""

    names: tuple[str, ...]
    ids: tuple[str, ...]
    gold: NDArray[Any] | None  # (rows, labels), as in ``SplitPredictions``
    fold: IntArray | None  # (configurations, rows): fold plans may differ
    probability: FloatArray  # (configurations, rows, labels)
    group: tuple[str, ...] | None = None  # (rows,)


def align(configurations: Sequence[ConfigurationPredictions], split: str = OOF) -> AlignedPredictions:
    """Put every configuration's rows of ``split`` in the order of the first one.

    Raises:
        DecisionError: no configuration, or one that lacks the split or some of its rows.
    """
    lacking = [each.name for each in configurations if split not in each.splits]
    if lacking or not configurations:
        raise DecisionError(
            f"every configuration must have the split {split!r}, got {len(configurations)} configurations; "
            f"without it: {lacking}",
            "Leave out the configurations that were not predicted there.",
        )
    parts = [each.splits[split] for each in configurations]
    place = {key: index for index, key in enumerate(parts[0].keys)}
    orders = []
    for each, part in zip(configurations, parts, strict=True):
        keys = part.keys
        if len(part) != len(place) or any(key not in place for key in keys):
            raise DecisionError(
                f"every configuration must have the same rows of {split!r}, got {len(part)} in {each.name!r} "
                f"and {len(place)} in {configurations[0].name!r}",
                "Compare complete configurations only.",
            )
        orders.append(np.argsort([place[key] for key in keys]))
    folds = [part.fold[order] for part, order in zip(parts, orders, strict=True) if part.fold is not None]
    return AlignedPredictions(
        names=tuple(each.name for each in configurations),
        ids=parts[0].ids,
        gold=parts[0].gold,
        fold=np.stack(folds) if len(folds) == len(parts) else None,
        probability=np.stack([part.probability[order] for part, order in zip(parts, orders, strict=True)]),
        group=parts[0].group,
    )

"""Texts that the winner decides most wrongly: only where asked for, since the texts are hateful."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tune_polar.report.numbers import fixed, listed
from tune_polar.store.summary import ConfigurationSummary

SHOWN_A_CLASS = 3


@dataclass(frozen=True)
class ExampleRow:
    """One text."""

    id: str
    text: str
    what: str  # "missed stereotype" …
    probability: str
    gold: str


def example_rows(best: ConfigurationSummary | None, texts: Mapping[str, str]) -> tuple[ExampleRow, ...]:
    """Per class the texts whose probability is furthest from their gold; ``texts`` by row id."""
    if best is None or best.predictions is None or not best.configuration.recipe.task.labels:
        return ()
    predictions = best.predictions
    _, row, probability = predictions.classifier_rows()
    labels = predictions.configuration.recipe.task.labels
    keep = predictions.target[row] == 1
    row, probability = row[keep], probability[keep]
    gold = predictions.gold.train.matrix(labels)[row] == 1
    found = []
    for place, label in enumerate(labels):
        miss = np.abs(gold[:, place] - probability[:, place])
        for at in np.argsort(-miss, kind="stable")[:SHOWN_A_CLASS]:
            row_id = predictions.gold.train.ids[int(row[at])]
            has = [name for name, value in zip(labels, gold[at], strict=True) if value]
            found.append(
                ExampleRow(
                    row_id,
                    texts.get(row_id, "(text not found)"),
                    f"{'misses' if gold[at, place] else 'wrongly finds'} {label}",
                    fixed(float(probability[at, place]), 2),
                    listed(has) or "none of the labels",
                )
            )
    return tuple(found)

"""``threshold``: a label is given where its probability reaches the label's threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.decide.choose_thresholds import choose_thresholds, threshold_rule
from tune_polar.decide.kinds.base import Decision, Inputs, Sample, register
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Gold, GoldKind
from tune_polar.decide.threshold_rules import HALF, NEVER, PREDICT_NONE
from tune_polar.errors import DecisionError

# Rules that find the highest value there is of a metric, by what they score.
_REACHING: Mapping[tuple[str, str], str] = {
    ("labels", "macro_f1"): "max_f1",
    ("labels", "positive_f1"): "max_f1",
    ("binary", "macro_f1"): "max_macro_f1",
    ("binary", "positive_f1"): "max_f1",
}


@dataclass(frozen=True, eq=False)
class Thresholds:
    """One threshold a column."""

    names: tuple[str, ...]
    values: FloatArray  # (columns,); PREDICT_NONE where nothing is predicted

    def written(self) -> dict[str, Any]:
        """``{"at": {label: threshold}}``; ``never`` where nothing is predicted."""
        values = [NEVER if value >= PREDICT_NONE else value for value in self.values.tolist()]
        return {"at": dict(zip(self.names, values, strict=True))}

    def __str__(self) -> str:
        shown = ["none" if value >= PREDICT_NONE else f"{value:.3g}" for value in self.values]
        return ", ".join(f"{name} {value}" for name, value in zip(self.names, shown, strict=True))


@register("threshold")
@dataclass(frozen=True)
class Threshold(Decision[Sample, Thresholds]):
    """A threshold for each column of probabilities.

    Args:
        rule: how thresholds are chosen, a key of ``THRESHOLD_RULES``.
        at: thresholds as the recipe writes them, numbers or ``never``: one for all columns, or one by name; None: it
            leaves them open.

    Raises:
        DecisionError: an unknown rule.
    """

    rule: str = "max_f1"
    at: Mapping[str, float | str] | float | str | None = None

    parameters = ("at",)
    reads = ("probability",)
    decides = ("binary", "labels")

    def __post_init__(self) -> None:
        threshold_rule(self.rule)

    def prepare(self, sample: Sample) -> Sample:
        """Nothing to compute beforehand: a choice sorts each column once."""
        return sample

    def choose(self, prepared: Sample, parts: Sequence[int]) -> Thresholds:
        """By the rule, which hears the rows' parts too: ``shrunk_max_f1`` cross-fits its strength over them."""
        own, names = prepared.of(parts), prepared.gold.names
        shares = own.inputs.tables[0].ensemble
        return Thresholds(names, choose_thresholds(self.rule, own.gold.values, shares, folds=own.part, labels=names))

    def decide(self, inputs: Inputs, setting: Thresholds | None) -> BoolArray:
        """(rows, columns)."""
        found = self.as_written(inputs.names, len(inputs.names)) if setting is None else setting
        if found is None:
            raise DecisionError("thresholds must be chosen or written, got neither", "Choose them, or write `at`.")
        return np.asarray(inputs.tables[0].ensemble >= found.values)

    def as_written(self, names: Sequence[str], width: int) -> Thresholds | None:  # noqa: ARG002 - one a name
        """``at``, in the order of the columns."""
        if self.at is None:
            return None
        if not isinstance(self.at, Mapping):
            return _alike(names, _value(self.at))
        if set(self.at) != set(names):
            raise DecisionError(
                f"`at` must name each of {list(names)} and nothing else, got {list(self.at)}",
                "Write one threshold a column.",
            )
        return Thresholds(tuple(names), np.array([_value(self.at[name]) for name in names]))

    def plain(self, names: Sequence[str], width: int) -> Thresholds:  # noqa: ARG002
        """0.5 everywhere."""
        return _alike(names, HALF)

    def best_for(self, metric: Metric, gold: GoldKind) -> Self:
        """By the rule that finds the highest value of ``metric``, where one does; else by its own."""
        return replace(self, rule=_REACHING.get((gold, metric.name), self.rule))

    def merged(self, own: Thresholds, pooled: Thresholds, usable: BoolArray) -> Thresholds:
        """Column by column."""
        return Thresholds(own.names, np.where(usable, own.values, pooled.values))

    def check(self, inputs: Inputs, gold: Gold) -> None:
        """A probability for each column of gold."""
        super().check(inputs, gold)
        if inputs.tables[0].width != len(gold.names):
            raise DecisionError(
                f"threshold needs a probability for each of {list(gold.names)}, got {inputs.tables[0].width} columns",
                "Give the table of the stage that predicts these columns.",
            )


def _value(written: float | str) -> float:
    return PREDICT_NONE if written == NEVER else float(written)


def _alike(names: Sequence[str], value: float) -> Thresholds:
    return Thresholds(tuple(names), np.full(len(names), value))

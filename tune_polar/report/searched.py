"""The parameters that a search varied, one by one, each with its range and a place in it for every value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tune_polar.report.numbers import setting
from tune_polar.report.panel import Axis, choice_axis, range_axis
from tune_polar.spec.recipe import Recipe
from tune_polar.spec.space import DECISION_KEYS
from tune_polar.store.flags import EDGE_SHARE
from tune_polar.store.manifest_facts import ManifestFacts


@dataclass(frozen=True)
class SearchedParameter:
    """A number between two ends, or one of some choices."""

    key: str  # "classifier.gamma_negative.stereotype"
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    choices: tuple[str, ...] = ()
    whole: bool = False  # whole numbers only

    @property
    def is_decision(self) -> bool:
        """Whether it is read off stored predictions and costs no training."""
        return self.key in DECISION_KEYS

    @property
    def axis(self) -> Axis:
        """The whole range."""
        if self.choices:
            return choice_axis(self.choices, self.key)
        return range_axis(self.low, self.high, self.key, log=self.log)

    @property
    def words(self) -> str:
        """``0.0003 to 0.01, log scale``."""
        if self.choices:
            return ", ".join(self.choices)
        return f"{setting(self.low)} to {setting(self.high)}{', log scale' if self.log else ''}"

    def number(self, recipe: Recipe) -> float | None:
        """The recipe's value on the axis; None where the recipe has none."""
        value = value_of(recipe, self.key)
        if self.choices:
            word = setting(value)
            return float(self.choices.index(word)) if word in self.choices else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return None if self.log and value <= 0 else float(value)

    def unit(self, number: float) -> float:
        """Its place in the range, 0 at the low end and 1 at the high end."""
        if self.choices:
            return number / max(1, len(self.choices) - 1)
        if self.low == self.high:
            return 0.5
        if self.log:
            return (math.log(number) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (number - self.low) / (self.high - self.low)

    def from_unit(self, unit: float) -> float:
        """The number at a place of the range."""
        if self.choices:
            return unit * max(1, len(self.choices) - 1)
        if self.log:
            return math.exp(math.log(self.low) + unit * (math.log(self.high) - math.log(self.low)))
        return self.low + unit * (self.high - self.low)

    def edge(self, number: float) -> str:
        """``lower`` or ``upper`` where the number lies at that end of the range, else ""."""
        if self.choices or self.low == self.high:
            return ""
        place = self.unit(number)
        return "lower" if place <= EDGE_SHARE else "upper" if place >= 1 - EDGE_SHARE else ""

    def shown(self, number: float | None) -> str:
        """A value in words."""
        if number is None:
            return "—"
        if self.choices:
            return self.choices[round(number)]
        return setting(round(number) if self.whole else number)


def value_of(recipe: Recipe, key: str) -> object:
    """The value of a dotted key; None where the recipe has none."""
    value: object = recipe
    while key and value is not None:
        if isinstance(value, Mapping):  # a label's name may hold dots of its own
            return value.get(key)
        name, _, key = key.partition(".")
        value = getattr(value, name, None)
    return value


def searched_parameters(facts: ManifestFacts) -> tuple[SearchedParameter, ...]:
    """In the space's order, a vector as one parameter for each label; none for an ablation."""
    return tuple(
        _parameter(name, element)
        for key, about in facts.parameters.items()
        for name, element in (
            [(f"{key}.{label}", about["element"]) for label in facts.recipe.task.labels]
            if "element" in about
            else [(key, about)]
        )
    )


def _parameter(key: str, about: Mapping[str, Any]) -> SearchedParameter:
    if "choices" in about:
        return SearchedParameter(key, choices=tuple(setting(choice) for choice in about["choices"]))
    is_whole = about.get("type") == "int"
    return SearchedParameter(key, float(about["low"]), float(about["high"]), bool(about.get("log")), whole=is_whole)

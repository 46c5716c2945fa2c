"""The parameters that a search varied, one by one, each with its range and a place in it for every value."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tune_polar.recipe.fill import object_at, word_of
from tune_polar.recipe.loaded_space import LoadedSpace, is_free
from tune_polar.recipe.message_words import KeyPath
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.space import CategoricalParameter, IntParameter, SingleParameter
from tune_polar.report.drawing.panel import Axis, choice_axis, range_axis
from tune_polar.report.numbers import setting


@dataclass(frozen=True)
class SearchedParameter:
    """A number between two ends, or one of some choices: these are numbered from 0."""

    key: str  # "classifier.losses.asymmetric.gamma_negative.stereotype"
    path: KeyPath  # where it stands in a recipe
    low: float
    high: float
    log: bool = False
    choices: tuple[str, ...] = ()
    whole: bool = False  # whole numbers only
    is_decision: bool = False  # read off stored predictions: it costs no training

    @property
    def varies(self) -> bool:
        """Whether it has more than one value."""
        return self.low < self.high

    def axis(self, numbers: Iterable[float] = ()) -> Axis:
        """The whole range, and beyond it as far as ``numbers`` lie, at most as far again as it is wide."""
        if self.choices:
            return choice_axis(self.choices, self.key)
        every = (self.low, self.high, *(each for each in numbers if -1 <= self.unit(each) <= 2))
        return range_axis(min(every), max(every), self.key, log=self.log)

    def holds(self, numbers: Iterable[float]) -> bool:
        """Whether all of them lie in its range."""
        return all(self.low <= each <= self.high for each in numbers)

    @property
    def words(self) -> str:
        """``0.0003 to 0.01, log scale``."""
        span = f"{setting(self.low)} to {setting(self.high)}{', log scale' if self.log else ''}"
        return ", ".join(self.choices) or span

    def value(self, recipe: Recipe) -> object:
        """The recipe's value, of a component its name; None where the recipe has none."""
        return word_of(object_at(recipe, self.path))

    def number(self, recipe: Recipe) -> float | None:
        """That value on the axis; None where it is not on it."""
        value = self.value(recipe)
        if self.choices:
            word = setting(value)
            return float(self.choices.index(word)) if word in self.choices else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return None if self.log and value <= 0 else float(value)

    def is_idle(self, recipe: Recipe) -> bool:
        """Whether nothing of the recipe reads it, as a setting of a component that another one stands for."""
        return self.value(recipe) is None and "null" not in self.choices

    def unit(self, number: float) -> float:
        """Its place in the range, 0 at the low end and 1 at the high end."""
        if not self.varies:
            return 0.5
        low, high, at = (math.log(each) if self.log else each for each in (self.low, self.high, number))
        return (at - low) / (high - low)

    def from_unit(self, unit: float) -> float:
        """The number at a place of the range."""
        if self.log:
            return math.exp(math.log(self.low) + unit * (math.log(self.high) - math.log(self.low)))
        return self.low + unit * (self.high - self.low)

    def shown(self, number: float | None) -> str:
        """A value in words."""
        if number is None:
            return "—"
        if self.choices:
            return self.choices[round(number)]
        return setting(round(number) if self.whole else number)


def searched_parameters(space: LoadedSpace | None) -> tuple[SearchedParameter, ...]:
    """In the space's order, a vector as one parameter a column; none for an ablation."""
    if space is None:
        return ()
    return tuple(_parameter(key, single, space) for key, single in space.singles.items())


def _parameter(key: str, single: SingleParameter, space: LoadedSpace) -> SearchedParameter:
    path, is_decision = space.paths[key], is_free(key, space.recipe)
    if isinstance(single, CategoricalParameter):
        choices = tuple(map(setting, single.choices))
        return SearchedParameter(key, path, 0, len(choices) - 1, choices=choices, is_decision=is_decision)
    whole = isinstance(single, IntParameter)
    return SearchedParameter(key, path, single.low, single.high, single.log, whole=whole, is_decision=is_decision)

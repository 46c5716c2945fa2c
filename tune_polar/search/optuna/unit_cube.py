"""Points of a search space as rows of numbers between 0 and 1, for models that know only distances."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tune_polar.decide.array_checks import FloatArray
from tune_polar.recipe.loaded_space import LoadedSpace, is_free
from tune_polar.recipe.space import CategoricalParameter, FloatParameter, IntParameter, Scalar

_Number = IntParameter | FloatParameter
_INACTIVE = 0.5  # a value that its condition switches off: the middle, as far from one end as from the other


class UnitCube:
    """The training parameters of a space: numbers on their own scale, each choice of a category a direction.

    Decision parameters are left out: each trained configuration is scored with the best of them.
    """

    def __init__(self, space: LoadedSpace) -> None:
        self._space = space
        trained = {name: single for name, single in space.singles.items() if not is_free(name, space.recipe)}
        self._numbers: dict[str, _Number] = {}
        self._categories: dict[str, tuple[Scalar, ...]] = {}
        for name, single in trained.items():
            if isinstance(single, CategoricalParameter):
                self._categories[name] = single.choices
            else:
                self._numbers[name] = single

    @property
    def dimensions(self) -> int:
        """Columns of a row."""
        return len(self._numbers) + sum(len(choices) for choices in self._categories.values())

    def row(self, point: Mapping[str, object]) -> FloatArray:
        """``point``, dotted key → value, as (dimensions,)."""
        numbers = [_share(each, point.get(name)) for name, each in self._numbers.items()]
        categories = [
            float(name in point and choice == point[name])
            for name, choices in self._categories.items()
            for choice in choices
        ]
        return np.array([*numbers, *categories], dtype=np.float64)

    def draw(self, count: int, rng: np.random.Generator) -> FloatArray:
        """``count`` points of the space by chance, conditions and steps held to: (count, dimensions)."""
        uniform = _Uniform(rng)
        return np.array([self.row(self._space.suggest(uniform)) for _ in range(count)])


def _share(parameter: _Number, value: object) -> float:
    """Where ``value`` lies between the parameter's ends, on its scale."""
    if not isinstance(value, int | float) or parameter.high == parameter.low:
        return _INACTIVE
    if parameter.log:
        return math.log(value / parameter.low) / math.log(parameter.high / parameter.low)
    return (value - parameter.low) / (parameter.high - parameter.low)


class _Uniform:
    """Values by chance, for a space that asks."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:  # noqa: ARG002
        """A whole number in [low, high]."""
        if log:
            return min(high, int(math.exp(self._rng.uniform(math.log(low), math.log(high + 1)))))
        return low + step * int(self._rng.integers((high - low) // step + 1))

    def suggest_float(
        self,
        name: str,  # noqa: ARG002 (the interface of a space)
        low: float,
        high: float,
        *,
        step: float | None = None,
        log: bool = False,
    ) -> float:
        """A number in [low, high]."""
        if log:
            return math.exp(self._rng.uniform(math.log(low), math.log(high)))
        if step is not None:
            return low + step * int(self._rng.integers(round((high - low) / step) + 1))
        return float(self._rng.uniform(low, high))

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:  # noqa: ARG002
        """One of ``choices``."""
        return choices[int(self._rng.integers(len(choices)))]

"""What a search space says: which keys of a recipe vary, and over what."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from tune_polar.spec.rules import Breach, RuleBrokenError

Scalar = bool | int | float | str


def _single_value(value: object, as_scalar: ValidatorFunctionWrapHandler) -> object:
    # One fault instead of one for each type that a scalar might have had.
    if not isinstance(value, bool | int | float | str) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("must be a single number, word or truth value")
    return as_scalar(value)


_Choice = Annotated[Scalar, WrapValidator(_single_value)]

# Read off stored predictions: they cost no training.
DECISION_KEYS = frozenset({"decision.k", "decision.tau", "decision.threshold_rule"})


class Suggest(Protocol):
    """Where values come from: Optuna's trial in a search, a test's own choice elsewhere."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number in [low, high]."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A number in [low, high]."""

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """One of ``choices``."""


class _Parameter(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    when: Mapping[
        str, Annotated[tuple[_Choice, ...], Field(strict=False, min_length=1)]
    ] = {}  # active only for these values

    def suggest(self, name: str, suggest: Suggest) -> Scalar:
        raise NotImplementedError

    def extremes(self) -> tuple[Scalar, ...]:
        """Values to check against the recipe's rules."""
        raise NotImplementedError

    def as_proposed(self, value: object) -> Scalar | None:
        """``value`` as the sampler would have proposed it, or None where it could not have."""
        raise NotImplementedError


class IntParameter(_Parameter):
    """Whole numbers from low to high."""

    type: Literal["int"]
    low: int
    high: int
    step: Annotated[int, Field(ge=1)] = 1
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_range(self.low, self.high, self.log, None if self.step == 1 else self.step)
        return self

    def suggest(self, name: str, suggest: Suggest) -> int:
        """Ask for one value."""
        return suggest.suggest_int(name, self.low, self.high, step=self.step, log=self.log)

    def extremes(self) -> tuple[int, int, int]:
        """Both ends, and the second value: with it any rule of multiples holds for all or is seen to break."""
        return self.low, min(self.low + self.step, self.high), self.high

    def as_proposed(self, value: object) -> int | None:
        """In range and on the step's grid."""
        number = _number(value)
        if number is None or not self.low <= number <= self.high or (number - self.low) % self.step != 0:
            return None
        return int(number)


class FloatParameter(_Parameter):
    """Numbers from low to high, evenly, on a log scale, or on a grid of ``step``."""

    type: Literal["float"]
    low: Annotated[float, Field(allow_inf_nan=False)]
    high: Annotated[float, Field(allow_inf_nan=False)]
    step: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_range(self.low, self.high, self.log, self.step)
        return self

    def suggest(self, name: str, suggest: Suggest) -> float:
        """Ask for one value."""
        return suggest.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def extremes(self) -> tuple[float, float]:
        """Both ends."""
        return self.low, self.high

    def as_proposed(self, value: object) -> float | None:
        """In range and on the step's grid (to rounding)."""
        number = _number(value)
        if number is None or not self.low <= number <= self.high:
            return None
        if self.step is not None and not _is_whole((number - self.low) / self.step):
            return None
        return float(number)


class CategoricalParameter(_Parameter):
    """One of a few values."""

    type: Literal["categorical"]
    choices: Annotated[tuple[_Choice, ...], Field(strict=False, min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({(type(choice), choice) for choice in self.choices}) < len(self.choices):
            raise RuleBrokenError(Breach("choices", "must name each choice once", list(self.choices)))
        return self

    def suggest(self, name: str, suggest: Suggest) -> Scalar:
        """Ask for one value."""
        return suggest.suggest_categorical(name, self.choices)

    def extremes(self) -> tuple[Scalar, ...]:
        """All choices."""
        return self.choices

    def as_proposed(self, value: object) -> Scalar | None:
        """The choice that is ``value``; 1 and 1.0 are, true is not."""
        same = (c for c in self.choices if c == value and isinstance(c, bool) == isinstance(value, bool))
        return next(same, None)


class VectorParameter(_Parameter):
    """One number for each label of the recipe, each searched on its own."""

    type: Literal["vector"]
    over: Literal["labels"]
    element: Annotated[IntParameter | FloatParameter, Field(discriminator="type")]

    def extremes(self) -> tuple[Scalar, ...]:
        """Both ends of each element."""
        return self.element.extremes()


Parameter = Annotated[
    IntParameter | FloatParameter | CategoricalParameter | VectorParameter, Field(discriminator="type")
]


class SpaceProfile(BaseModel):
    """Ranges that depend on the encoder; named like the recipe's profile."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    parameters: Mapping[str, Parameter]


class Space(BaseModel):
    """A search space file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    space: Annotated[str, Field(min_length=1)]
    recipe: Annotated[str, Field(min_length=1)]
    description: str = ""
    parameters: Annotated[Mapping[str, Parameter], Field(min_length=1)]
    profiles: Mapping[str, SpaceProfile] = {}


def _check_range(low: float, high: float, log: bool, step: float | None) -> None:
    if low > high:
        raise RuleBrokenError(Breach("high", f"must be at least low ({low})", high))
    if log and low <= 0:
        raise RuleBrokenError(Breach("low", "must be above 0 on a log scale", low))
    if log and step is not None:
        raise RuleBrokenError(Breach("step", "must be left out on a log scale", step))
    if step is not None and not _is_whole((high - low) / step):
        raise RuleBrokenError(Breach("high", f"must be low ({low}) and a whole number of steps ({step})", high))


def _is_whole(steps: float) -> bool:
    return math.isclose(steps, round(steps), abs_tol=1e-6)


def _number(value: object) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def suggest_point(
    parameters: Mapping[str, Parameter],
    labels: Sequence[str],
    base_value: Callable[[str], object],
    suggest: Suggest,
) -> dict[str, Scalar]:
    """Ask for one point: dotted key → value, a vector as one key a label.

    ``base_value`` gives the recipe's own value of a key, for conditions on keys that are not searched.
    """
    point: dict[str, Scalar] = {}
    for key, parameter in parameters.items():
        if not _active(parameter, point, base_value):
            continue
        for name, element in elements(key, parameter, labels):
            point[name] = element.suggest(name, suggest)
    return point


def elements(key: str, parameter: Parameter, labels: Sequence[str]) -> list[tuple[str, _Parameter]]:
    """The scalar parameters behind ``key``: itself, or one a label."""
    if isinstance(parameter, VectorParameter):
        return [(f"{key}.{label}", parameter.element) for label in labels]
    return [(key, parameter)]


def published_point(
    parameters: Mapping[str, Parameter],
    labels: Sequence[str],
    base_value: Callable[[str], object],
) -> dict[str, Scalar] | None:
    """The recipe's own values as a point of the space, or None where one lies outside it."""
    point: dict[str, Scalar] = {}
    for key, parameter in parameters.items():
        if not _active(parameter, point, base_value):
            continue
        for name, element in elements(key, parameter, labels):
            value = element.as_proposed(base_value(name))
            if value is None:
                return None
            point[name] = value
    return point


def _active(parameter: Parameter, point: Mapping[str, Scalar], base_value: Callable[[str], object]) -> bool:
    return all((point[key] if key in point else base_value(key)) in allowed for key, allowed in parameter.when.items())

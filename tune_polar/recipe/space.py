"""What a search space says: the parameters it has, each with its range."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Protocol, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from tune_polar.recipe.broken_rules import Breach, RuleBrokenError

MOST_WHOLE = 2**53  # what samplers reckon with is floats, which tell no larger whole numbers apart
Scalar: TypeAlias = bool | int | float | str | None


def _single_value(value: object, as_scalar: ValidatorFunctionWrapHandler) -> object:
    # One fault instead of one for each type that a scalar might have had.
    if not isinstance(value, bool | int | float | str | None) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise ValueError("must be a single number, word or truth value, or null")
    return as_scalar(value)


_Choice = Annotated[Scalar, WrapValidator(_single_value)]


class NotProposedError(ValueError):
    """A value that no sampler could have proposed: outside the range, or off its grid."""


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
    # Active only for these values of other keys. What follows from the component that is chosen need not be said.
    when: Mapping[str, Annotated[tuple[_Choice, ...], Field(strict=False, min_length=1)]] = {}


class _Single(_Parameter):
    def suggest(self, name: str, suggest: Suggest) -> Scalar:
        """Ask for one value."""
        raise NotImplementedError

    def extremes(self) -> tuple[Scalar, ...]:
        """Values to check against the recipe's rules."""
        raise NotImplementedError

    def as_proposed(self, value: object) -> Scalar:
        """``value`` as the sampler would have proposed it.

        Raises:
            NotProposedError: it could not have.
        """
        raise NotImplementedError


class IntParameter(_Single):
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

    def as_proposed(self, value: object) -> int:
        """In range and on the step's grid."""
        number = _number(value)
        if not self.low <= number <= self.high or (number - self.low) % self.step != 0:
            raise NotProposedError(value)
        return int(number)


class FloatParameter(_Single):
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

    def as_proposed(self, value: object) -> float:
        """In range and on the step's grid (to rounding)."""
        number = _number(value)
        if not self.low <= number <= self.high:
            raise NotProposedError(value)
        if self.step is not None and not _is_whole((number - self.low) / self.step):
            raise NotProposedError(value)
        return float(number)


class CategoricalParameter(_Single):
    """One of a few values. A component is chosen by its name, and null leaves a section out."""

    type: Literal["categorical"]
    choices: Annotated[tuple[_Choice, ...], Field(strict=False, min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({(type(choice), choice) for choice in self.choices}) < len(self.choices):
            raise RuleBrokenError(Breach(("choices",), "must name each choice once", list(self.choices)))
        return self

    def suggest(self, name: str, suggest: Suggest) -> Scalar:
        """Ask for one value."""
        return suggest.suggest_categorical(name, self.choices)

    def extremes(self) -> tuple[Scalar, ...]:
        """All choices."""
        return self.choices

    def as_proposed(self, value: object) -> Scalar:
        """The choice that is ``value``; 1 and 1.0 are, true is not."""
        for choice in self.choices:
            if choice == value and isinstance(choice, bool) == isinstance(value, bool):
                return choice
        raise NotProposedError(value)


class VectorParameter(_Parameter):
    """One number for each column of the stage's task, each searched on its own."""

    type: Literal["vector"]
    element: Annotated[IntParameter | FloatParameter, Field(discriminator="type")]


SingleParameter: TypeAlias = IntParameter | FloatParameter | CategoricalParameter
Parameter = Annotated[
    IntParameter | FloatParameter | CategoricalParameter | VectorParameter, Field(discriminator="type")
]
PARAMETER_TYPES = ("int", "float", "categorical", "vector")


class SpaceProfile(BaseModel):
    """Ranges that depend on the encoder; named like the recipe's profile."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    parameters: Mapping[str, Parameter]


class Space(BaseModel):
    """A search space file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    space: Annotated[str, Field(min_length=1)]
    recipe: Annotated[str, Field(min_length=1)]  # a shipped recipe, one beside the file, or a path from its folder
    description: str = ""
    parameters: Annotated[Mapping[str, Parameter], Field(min_length=1)]
    profiles: Mapping[str, SpaceProfile] = {}


def _check_range(low: float, high: float, log: bool, step: float | None) -> None:
    if low > high:
        raise RuleBrokenError(Breach(("high",), f"must be at least low ({low})", high))
    if log and low <= 0:
        raise RuleBrokenError(Breach(("low",), "must be above 0 on a log scale", low))
    if log and step is not None:
        raise RuleBrokenError(Breach(("step",), "must be left out on a log scale", step))
    if max(abs(low), abs(high), high - low) > (MOST_WHOLE if isinstance(low, int) else sys.float_info.max):
        most = "2^53" if isinstance(low, int) else f"{sys.float_info.max:.3g}"
        raise RuleBrokenError(Breach(("high",), f"must lie, as low and what is between them, within {most}", high))
    if step is not None:
        _check_steps(low, high, step)


def _check_steps(low: float, high: float, step: float) -> None:
    steps = (high - low) / step
    if steps > MOST_WHOLE:
        raise RuleBrokenError(
            Breach(("step",), f"must make at most 2^53 steps from low ({low}) to high ({high})", step)
        )
    if not _is_whole(steps):
        raise RuleBrokenError(Breach(("high",), f"must be low ({low}) and a whole number of steps ({step})", high))


def _is_whole(steps: float) -> bool:
    return math.isclose(steps, round(steps), abs_tol=1e-6)


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NotProposedError(value)
    return value

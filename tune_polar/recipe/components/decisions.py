"""Named steps from a stage's table, or from other decisions, to labels and values. They cost no training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from math import isclose
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, WithJsonSchema, WrapValidator, model_validator

from tune_polar.recipe.broken_rules import Breach, RuleBrokenError
from tune_polar.recipe.components.output_form import Said
from tune_polar.recipe.registry import Component, Registry
from tune_polar.recipe.settings import Name, Number, Share, Weight
from tune_polar.recipe.value_per_column import Each

ThresholdRule = Literal[
    "fixed",
    "max_f1",
    "max_macro_f1",
    "smoothed_max_f1",
    "smoothed_max_macro_f1",
    "max_f1_grid",
    "shrunk_max_f1",
    "prevalence_match",
    "min_abs_p_minus_r",
]


NEVER = "never"  # a threshold above every probability
WEIGHTS_OFF = 0.011  # from 1, that the weights of a mean may sum to: three of 0.33 are meant


def _cut(value: object, number: Callable[[object], float]) -> object:
    return NEVER if value == NEVER else number(value)


# A note in place of pydantic's union, which would report a bad value once for each of its kinds
Cut = Annotated[
    Share,
    WrapValidator(_cut),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"const": NEVER}]}),
]


class Decision(Component):
    """Base: what a step reads, and which of its settings a search may choose for nothing."""

    free: ClassVar[frozenset[str]] = frozenset()  # fields swept over stored predictions
    # What a name means that a stage shares with its own decision: the stage's table, or what was decided of it.
    reads_tables: ClassVar[bool] = True

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the stages and decisions it reads, in the order in which they are decided."""
        raise NotImplementedError

    @property
    def group_column(self) -> tuple[str, str] | None:
        """The field that names a column of groups, and the name."""
        return None

    @property
    def class_named(self) -> tuple[str, str] | None:
        """The field that names a class of what is decided, and the class."""
        return None

    def problems(self, inputs: Mapping[str, Said]) -> Iterator[tuple[str, str]]:  # noqa: ARG002
        """Field and broken rule of each thing that it cannot read; ``inputs`` are what ``reads`` names."""
        yield from ()

    def said(self, inputs: Mapping[str, Said]) -> Said:
        """What it says itself, of inputs that it can read."""
        return replace(inputs[self.reads[-1]], form="decided")


DECISIONS: Registry[Decision] = Registry("decision")


class _Leaf(Decision):
    may_read: ClassVar[frozenset[tuple[str, str]]]  # form and kind of gold

    of: Name = Field(description="Stage whose table it reads, or a mean of such tables")

    @property
    def reads(self) -> tuple[str, ...]:
        """The one stage."""
        return (self.of,)

    def problems(self, inputs: Mapping[str, Said]) -> Iterator[tuple[str, str]]:
        """What it reads must be of a form and kind it knows."""
        found = inputs[self.of]
        if (found.form, found.gold) not in self.may_read:
            known = " or ".join(sorted({Said(form, gold, ()).words for form, gold in self.may_read}))  # type: ignore[arg-type]
            yield "of", f"must name {known}, and {self.of!r} says {found.words}"


@DECISIONS.register("knn_vote")
class KnnVote(_Leaf):
    """Yes where the share of positive rows among the nearest training rows, mean over models, reaches τ."""

    free = frozenset({"k", "tau"})
    may_read = frozenset({("neighbours", "binary")})

    k: Annotated[int, Field(ge=1, le=200)] = Field(
        default=49, description="A text is judged by so many nearest training rows of each model"
    )
    tau: Share = Field(default=0.4, description="τ: yes where the mean share of positive neighbours reaches it")


@DECISIONS.register("threshold")
class Threshold(_Leaf):
    """Yes where a probability reaches its column's threshold."""

    free = frozenset({"rule"})
    may_read = frozenset({("probability", "binary"), ("probability", "labels")})

    rule: ThresholdRule = Field(description="How a column's threshold is chosen on probabilities")
    per: Name | None = Field(default=None, description="Column of data.groups: thresholds of its own for each group")
    at: Annotated[Mapping[Name, Cut] | Cut | None, Each(Cut, optional=True)] = Field(
        default=None,
        description="Published thresholds, scored as written beside the chosen ones; `never`: the label is not given",
    )

    @property
    def group_column(self) -> tuple[str, str] | None:
        """The column by which thresholds differ."""
        return None if self.per is None else ("per", self.per)


@DECISIONS.register("argmax")
class Argmax(_Leaf):
    """The class of the highest probability; of a yes/no column, yes above 0.5."""

    may_read = frozenset({("probability", "class"), ("probability", "binary")})


@DECISIONS.register("clip")
class Clip(_Leaf):
    """The predicted number, held within its range."""

    may_read = frozenset({("value", "number")})

    low: Number | None = Field(default=None, description="Smallest number decided; null: no bound")
    high: Number | None = Field(default=None, description="Largest number decided; null: no bound")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise RuleBrokenError(Breach(("high",), f"must be above low ({self.low})", self.high))
        return self


Point = Annotated[tuple[Number, Number], Field(strict=False)]


@DECISIONS.register("calibrate")
class Calibrate(Clip):
    """The predicted number moved to what rows of such a prediction had for gold, on the other folds; then a range."""

    free = frozenset({"method"})

    method: Literal["isotonic", "linear"] = Field(
        default="isotonic",
        description="Rising steps of the least squared error, or a line; a line changes no correlation, only errors",
    )
    per: Name | None = Field(
        default=None, description="Column of data.groups: a line or steps of its own for each group"
    )
    points: Annotated[tuple[Point, ...], Field(strict=False, min_length=1)] | None = Field(
        default=None,
        description="Published pairs of prediction and number, predictions rising, scored as written beside the chosen",
    )

    @model_validator(mode="after")
    def _rising(self) -> Self:
        at = [each[0] for each in self.points or ()]
        if at != sorted(set(at)):
            raise RuleBrokenError(Breach(("points",), "must be of rising predictions, each once", at))
        return self

    @property
    def group_column(self) -> tuple[str, str] | None:
        """The column whose groups have points of their own."""
        return None if self.per is None else ("per", self.per)


@DECISIONS.register("gate")
class Gate(Decision):
    """What ``of`` decided where ``by`` says yes; elsewhere no label, or the class ``otherwise``."""

    reads_tables = False

    of: Name = Field(description="Decision or stage that is let through")
    by: Name = Field(description="Yes/no decision or stage that lets rows through")
    otherwise: Name | None = Field(
        default=None, description="Of classes: the one that rows get where `by` says no; of labels null, they get none"
    )

    @property
    def reads(self) -> tuple[str, ...]:
        """The gate's keeper first."""
        return (self.by, self.of)

    @property
    def class_named(self) -> tuple[str, str] | None:
        """The class of rows that are kept back."""
        return None if self.otherwise is None else ("otherwise", self.otherwise)

    def problems(self, inputs: Mapping[str, Said]) -> Iterator[tuple[str, str]]:
        """Its keeper must say yes or no, and what it lets through must be labels or classes."""
        keeper, gated = inputs[self.by], inputs[self.of]
        if not keeper.is_yes_or_no:
            yield "by", f"must name a yes/no decision, and {self.by!r} says {keeper.words}"
        elif self.of == self.by:
            yield "by", f"must name another decision than `of`, which is {self.of!r} too"
        if gated.form != "decided" or gated.gold == "number":
            yield "of", f"must name decisions of labels or classes, and {self.of!r} says {gated.words}"
        elif gated.gold == "class" and self.otherwise is None:
            rule = f"must name the class of rows that {self.by!r} rejects, one of data.classes.{gated.columns[0]}"
            yield "otherwise", rule
        elif gated.gold != "class" and self.otherwise is not None:
            yield "otherwise", f"must be left out (null): {self.of!r} says {gated.words}, of which such rows get none"


@DECISIONS.register("mean")
class Mean(Decision):
    """Weighted mean of several tables of one kind."""

    of: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] = Field(
        description="Stages or decisions that are averaged"
    )
    weights: Annotated[tuple[Weight, ...], Field(strict=False)] | None = Field(
        default=None, description="One weight for each of them, in sum 1; null: all alike"
    )

    @property
    def reads(self) -> tuple[str, ...]:
        """All that are averaged."""
        return self.of

    def problems(self, inputs: Mapping[str, Said]) -> Iterator[tuple[str, str]]:
        """Only like tables of probabilities or numbers have a mean, each counted once."""
        if len(set(self.of)) < len(self.of):
            yield "of", f"must name each table once, got {list(self.of)}"
        if self.weights is not None and len(self.weights) != len(self.of):
            yield "weights", f"must have one weight for each of {list(self.of)}, got {list(self.weights)}"
        elif self.weights is not None and not isclose(sum(self.weights), 1, abs_tol=WEIGHTS_OFF):
            got = f"{list(self.weights)}, which sum to {sum(self.weights):g}"
            yield "weights", f"must sum to 1 (thirds may be 0.33), got {got}"
        first = inputs[self.of[0]]
        if first.form == "neighbours" or (first.form == "decided" and first.gold == "class"):
            yield "of", f"must name tables of probabilities or values, and {self.of[0]!r} says {first.words}"
        for name in self.of[1:]:
            other = inputs[name]
            if (other.form, other.gold, other.columns) != (first.form, first.gold, first.columns):
                ours, theirs = (f"{each.words} {list(each.columns)}" for each in (first, other))
                yield "of", f"must name tables alike: {name!r} says {theirs}, {self.of[0]!r} {ours}"

    def said(self, inputs: Mapping[str, Said]) -> Said:
        """A table like each of them; of labels the share of those that say yes."""
        first = inputs[self.of[0]]
        return replace(first, form="value" if first.gold == "number" else "probability")


@DECISIONS.register("ensemble")
class Ensemble(Mean):
    """Mean of several stages' tables, its weights chosen by greedy selection, on the other folds as thresholds are."""

    of: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] = Field(
        description="Stages that may be members, each with a table of its own"
    )
    weights: Annotated[tuple[Weight, ...], Field(strict=False)] | None = Field(
        default=None, description="Published weights, scored as written beside the chosen ones; null: none"
    )

    def problems(self, inputs: Mapping[str, Said]) -> Iterator[tuple[str, str]]:
        """As a mean, of tables alone."""
        yield from super().problems(inputs)
        for name in self.of:
            if inputs[name].form == "decided":
                yield "of", f"must name stages’ tables, and {name!r} says {inputs[name].words}"

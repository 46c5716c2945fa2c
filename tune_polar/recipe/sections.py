"""The sections of a recipe that are no components: encoder, optimizer, stage, data, score and report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, PlainValidator, model_validator

from tune_polar.recipe.broken_rules import Breach, RuleBrokenError
from tune_polar.recipe.components import BATCHES, HEADS, LOSSES, METRICS, TASKS, Batches, Head, Loss, Task
from tune_polar.recipe.components.adapters import ADAPTERS, Adapter
from tune_polar.recipe.components.metrics import LAST
from tune_polar.recipe.registry import Component
from tune_polar.recipe.settings import (
    Count,
    Dropout,
    Known,
    Name,
    Names,
    Number,
    Rate,
    RateOrZero,
    Settings,
    Share,
)

TINY = "tiny"  # the embedded encoder
DEFAULT_STEPS = 3000  # of a stage that says neither steps nor epochs
OWN_COLUMNS = ("text", "id", "source_id")  # of every file
ColumnKind = Literal["label", "class", "number", "group"]
Measure = Literal["alignment", "uniformity", "projection", "tsne", "nearest"]
Predicts = Literal["neighbours", "probability", "value"]
Schedule = Literal["cosine", "linear", "constant"]


class TinyEncoder(Settings):
    """Size of the embedded encoder; read only where ``encoder.name`` is ``tiny``."""

    hidden: Annotated[int, Field(ge=32, le=512, multiple_of=32)] = Field(
        default=32,
        description="Width of the embedded encoder; read only for `tiny`, where a recipe that says nothing has 64",
    )
    layers: Annotated[int, Field(ge=1, le=12)] = Field(
        default=1, description="Depth of the embedded encoder; read only for `tiny`"
    )


class Encoder(Settings):
    """A hub id, a local folder, or ``tiny``."""

    word = "name"
    only_with: ClassVar = {"tiny": ("name", (TINY,))}

    name: Name = Field(default=TINY, description="`tiny` (embedded), a hub id or a folder with an encoder")
    revision: Name | None = Field(
        default=None, description="Commit of a hub encoder; null: the newest, to which a search then keeps"
    )
    pooling: Literal["auto", "cls", "mean", "last_token"] = Field(
        default="auto",
        description="The vector of a text: its first token's, the mean, its last token's, or as the model suits",
    )
    max_length_tokens: Annotated[int, Field(ge=4, le=4096)] = Field(default=96, description="Longer texts are cut")
    frozen_layers: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=0,
        description="So many of the lowest layers, and with them the embeddings and what all layers share, are not "
        "trained",
    )
    adapter: Annotated[Adapter | None, ADAPTERS.one(optional=True)] = Field(
        default=None,
        description="Small trained parts in place of the encoder's own weights; null: all weights are trained",
    )
    quantize: Literal["nf4"] | None = Field(
        default=None,
        description="`nf4`: the matrices of the layers in four bits, beside an adapter, with bitsandbytes; null: as "
        "they are stored",
    )
    tiny: TinyEncoder = TinyEncoder()


class Optimizer(Settings):
    """AdamW, its schedule, and when training ends."""

    lr: Rate = Field(
        default=2e-5, description="Learning rate of the encoder's top layer, and of the head where `head_lr` is null"
    )
    head_lr: Rate | None = Field(default=None, description="Learning rate of the head; null: the same as `lr`")
    xi: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = Field(
        default=1.0,
        description="ξ, layer-wise decay (LLRD): layer l of L trains at lr · ξ^(L−l), a last norm at lr, the "
        "embeddings and what all layers share one step below the lowest; 1: none",
    )
    adam_epsilon: Rate = Field(default=1e-8, description="AdamW's ε, added to the root of the mean squared gradient")
    weight_decay: Share = Field(default=0.01, description="AdamW's decay of weights; none on biases and LayerNorm")
    schedule: Schedule = Field(default="cosine", description="How the rate falls after the warm-up")
    warmup_share: Share = Field(default=0.1, description="Share of the steps in which the rate rises from 0")
    max_steps: Count | None = Field(
        default=None,
        description="Most optimizer steps; null: no bound, but 3,000 where `max_epochs` is null too. The bound that "
        "comes first counts, and the schedule ends there",
    )
    max_epochs: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = Field(
        default=None, description="Most passes over the training rows; null: no bound"
    )
    fgm_epsilon: RateOrZero = Field(
        default=0.0,
        description="ε, length of the adversarial step on the word embeddings (FGM), r = ε·g/‖g‖; 0: no adversarial "
        "pass",
    )
    max_grad_norm: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = Field(
        default=None, description="Longer gradients are shortened to this; null: never"
    )
    eval_every_steps: Count | None = Field(
        default=None,
        description="Steps between two evaluations on the validation rows; the last step is always evaluated. null: "
        "the most of 50, those of a quarter of an epoch, and those that train as many rows as one evaluation looks at",
    )
    patience_evaluations: Count = Field(
        default=5, description="Training stops after so many evaluations without a gain"
    )


class Start(Settings):
    """The stage whose trained encoder another one begins with."""

    word = "stage"

    stage: Name = Field(description="The stage whose trained encoder this one begins with")
    fold: Literal["same", "best"] = Field(
        default="same",
        description="`same`: of the same fold, which has not seen what this one validates on; `best`: of the fold with "
        "the best value for all, as published systems did: its scores are marked, for it has seen what others validate "
        "on (TP010)",
    )


def _row_value(value: object) -> int | str:
    # One fault instead of one for each of the two types.
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be a whole number or text")
    return value


RowValue = Annotated[int | str, PlainValidator(_row_value, json_schema_input_type=int | str)]


class Stage(Settings):
    """A named part of a recipe that trains. ``encoder`` is whole: the recipe's, with what the stage says otherwise."""

    rows: Mapping[Name, RowValue] = Field(
        default={}, description="Only rows with these values of these columns are trained and validated on"
    )
    start: Start | None = Field(default=None, description="null: the encoder as it was pretrained")
    encoder: Encoder
    task: Annotated[Task, TASKS.one()]
    head: Annotated[Head, HEADS.one()]
    losses: Annotated[Mapping[str, Loss], LOSSES.several()]
    batches: Annotated[Batches, BATCHES.one()]
    optimizer: Optimizer
    keep: Annotated[Name, Known(lambda: (LAST, *METRICS))] = Field(
        description="Which weights are kept: the best by this metric on the validation rows, or `last`"
    )
    predicts: Predicts = Field(
        description="The stage's table: labels of the nearest training rows, probabilities, or values"
    )
    encoder_dropout: Dropout | None = Field(
        default=None, description="Dropout inside the encoder; null: as it was pretrained"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto",
        description="Bits of the forward pass; `auto`: fp32 on a CPU, on a GPU bf16, else fp16 with loss scaling "
        "(Volta, Turing), else fp32",
    )
    measures: Annotated[tuple[Measure, ...], Field(strict=False)] = Field(
        default=(),
        description="What else is told of the vectors of every split that has gold: how close a class lies, how far "
        "all spread, a map of the two directions in which they differ most, one by t-SNE (seconds a fold), and "
        "the training rows nearest to each held-out one, which the page shows with --examples",
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it predicts, in order of its outputs."""
        return self.task.columns

    @property
    def components(self) -> tuple[Component, ...]:
        """Every component it names; their versions say when it must be trained anew."""
        adapter = () if self.encoder.adapter is None else (self.encoder.adapter,)
        return (*adapter, self.task, self.head, *self.losses.values(), self.batches)


class TextColumn(Settings):
    """A further text of each row."""

    word = "column"

    column: Name = Field(description="Column with the text")
    otherwise: Name | None = Field(
        default=None, description="Column to take where the first is empty; null: the row itself"
    )


class ExtraRows(Settings):
    """Rows that only train, such as synthetic ones."""

    word = "file"

    file: Name | None = Field(
        default=None,
        description="File with further rows, which train where their source (`source_id`) trains and where no text "
        "near to theirs is validated and no group of theirs held out; null: those of the sample, of other data none",
    )
    share: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] | None = Field(
        default=None,
        description="Most of the rows that a stage learns from in a fold that are such; null: as many as there are",
    )
    by: Name | None = Field(default=None, description="Column of such rows that says how each was made; null: none")
    only: Name | None = Field(default=None, description="Only rows made so, a value of that column; null: all")

    @model_validator(mode="after")
    def _made_how(self) -> Self:
        if self.only is not None and self.by is None:
            raise RuleBrokenError(Breach(("only",), "must be left out where `by` names no column", self.only))
        return self


class EvaluationSet(Settings):
    """A further data set, which is predicted and never chosen on; what its file calls its columns."""

    word = "path"

    path: Name = Field(description="File of the set")
    text: Name | None = Field(default=None, description="Its column with the texts; null: called as train's")
    column: Name | None = Field(
        default=None, description="Its column with what the recipe predicts, if that is one column; null: as train's"
    )
    positive: Name | None = Field(
        default=None, description="The word in `column` that means 1; null: 0 and 1 stand there"
    )


class Data(Settings):
    """What the columns of the data are."""

    labels: Names = Field(default=(), description="Columns of 0 and 1")
    classes: Mapping[Name, Names] = Field(default={}, description="Columns with one of several words, and those words")
    numbers: Mapping[Name, Annotated[tuple[Number, ...], Field(strict=False)]] = Field(
        default={}, description="Columns of numbers, each with its lowest and highest value; `[]`: not known"
    )
    groups: Names = Field(default=(), description="Columns by which reports, thresholds and leave-out plans go")
    texts: Mapping[Name, TextColumn] = Field(default={}, description="Further texts of each row, such as its positive")
    strata: Names = Field(
        default=(),
        description="Columns by which folds and batches are balanced; of 0/1 columns the first that a row has is its "
        "stratum",
    )
    extra: ExtraRows | None = Field(default=None, description="null: no further rows")
    evaluate: Mapping[Name, EvaluationSet] = Field(
        default={}, description="Further data sets by name, scored at the end and never chosen on"
    )

    @property
    def kinds(self) -> dict[str, ColumnKind]:
        """Kind of each declared column; a stratum that is declared nowhere else is a label."""
        found: dict[str, ColumnKind] = dict.fromkeys(self.labels, "label")
        found |= dict.fromkeys(self.classes, "class")
        found |= dict.fromkeys(self.numbers, "number")
        found |= dict.fromkeys(self.groups, "group")
        return found | {name: "label" for name in self.strata if name not in found}

    @model_validator(mode="after")
    def _columns_are_told_apart(self) -> Self:
        breaches = [*self._repeated(), *self._values()]
        if breaches:
            raise RuleBrokenError(*breaches)
        return self

    def _repeated(self) -> Iterator[Breach]:
        """Each column is declared once, with one kind."""
        declared = {
            "labels": self.labels,
            "classes": tuple(self.classes),
            "numbers": tuple(self.numbers),
            "groups": self.groups,
            "texts": tuple(self.texts),
        }
        seen: dict[str, str] = {}
        for key, names in (*declared.items(), ("strata", self.strata)):
            if len(set(names)) < len(names):
                yield Breach((key,), "must name each column once", list(names))
            for name in dict.fromkeys(names):
                if name in OWN_COLUMNS:
                    yield Breach((key,), f"must name none of {list(OWN_COLUMNS)}, which every file has", name)
                elif key != "strata" and name in seen:
                    yield Breach((key,), f"must not name {name!r}, which data.{seen[name]} names")
                seen.setdefault(name, key)
        if self.extra is not None and self.extra.by in (*OWN_COLUMNS, *seen):
            rule = "must name a column of its own, which no other key of data names"
            yield Breach(("extra", "by"), rule, self.extra.by)
        for name in self.strata:
            if seen[name] in ("numbers", "texts"):
                yield Breach(("strata",), f"must not name {name!r}, which data.{seen[name]} names")

    def _values(self) -> Iterator[Breach]:
        """Classes and ranges are such."""
        for name, words in self.classes.items():
            if len(set(words)) < max(2, len(words)):
                yield Breach(("classes", name), "must name at least two classes, each once", list(words))
        for name, ends in self.numbers.items():
            if len(ends) not in (0, 2) or (ends and ends[0] >= ends[1]):
                rule = "must be the lowest and the highest value, or [] where they are not known"
                yield Breach(("numbers", name), rule, list(ends))


class Score(Settings):
    """One metric of one decision: what a search maximises."""

    word = "of"

    of: Name = Field(description="Decision that is scored, or a stage for its task's own")
    metric: Annotated[Name, Known(lambda: (name for name, kind in METRICS.items() if kind.golds))] = Field(
        description="What it is scored by"
    )


class Report(Settings):
    """What the page tells apart."""

    word = "by"

    by: Name | None = Field(default=None, description="Column of data.groups by which the page reports; null: none")

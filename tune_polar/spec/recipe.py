"""What a recipe says: every setting of one system, with its rule. Frozen, and equal when they say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tune_polar.decide.thresholds import THRESHOLD_RULES
from tune_polar.spec.rules import Breach, RuleBrokenError

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Rate = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
RateOrZero = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Dropout = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Focus = Annotated[float, Field(ge=0, le=20, allow_inf_nan=False)]  # γ of the Asymmetric Loss
Name = Annotated[str, Field(min_length=1, max_length=200)]
_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Settings(BaseModel):
    """Base of all settings: immutable, unknown keys refused, no silent conversion between types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Task(Settings):
    """Which columns a system reads."""

    subtask: Name
    target: Name  # the detector's 0/1 column
    proxy_types: tuple[Name, ...] = Field(strict=False, default=())  # balance the detector's batches
    labels: tuple[Name, ...] = Field(strict=False, default=())  # the classifier's columns; none: detector only

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for key, names in (("proxy_types", self.proxy_types), ("labels", self.labels)):
            if len(set(names)) < len(names):
                raise RuleBrokenError(Breach(key, "must name each column once", list(names)))
        return self


class Folds(Settings):
    """How rows are split. ``shared``: one plan for both stages. ``paper``: the published system's two plans."""

    plan: Literal["shared", "paper"] = "shared"
    count: Annotated[int, Field(ge=2, le=100)] = 5
    seed: Seed = 42
    order: Literal["file", "competition"] = "file"


class TinyEncoder(Settings):
    """Size of the embedded encoder; read only where ``encoder.name`` is ``tiny``."""

    hidden: Annotated[int, Field(ge=32, le=512, multiple_of=32)] = 32
    layers: Annotated[int, Field(ge=1, le=12)] = 1


TINY = "tiny"  # the embedded encoder


class Encoder(Settings):
    """A hub id, a local folder, or ``tiny``."""

    name: Name
    revision: Name | None = None
    pooling: Literal["cls", "mean"] = "cls"
    max_length_tokens: Annotated[int, Field(ge=4, le=4096)] = 96
    tiny: TinyEncoder = TinyEncoder()


class Stage(Settings):
    """What every stage that trains has in common."""

    lr: Rate
    head_lr: Rate | None = None  # null: the same as lr
    xi: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]  # LLRD: layer l of L gets lr · ξ^(L−l)
    weight_decay: Share = 0.01
    warmup_share: Share = 0.1
    batch_size: Annotated[int, Field(ge=2, le=4096)]
    max_steps: Count = 3000
    max_epochs: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = None
    eval_every_steps: Count = 100
    patience_evaluations: Count = 5
    fgm_epsilon: RateOrZero  # 0: no adversarial pass
    encoder_dropout: Dropout | None = None  # null: as the encoder was pretrained
    head_hidden: Count | None = None  # null: the encoder's hidden size
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"  # auto: fp32 on CPU; on GPU the 16 bits it computes in


class Detector(Stage):
    """ST1: metric learning, decided by the labels of the nearest training rows."""

    loss: Literal["soft_triple", "cross_entropy"] = "soft_triple"
    projection: Annotated[int, Field(ge=2, le=4096)] = 256
    centers: Annotated[int, Field(ge=1, le=200)] = 10  # a class
    centers_lr: RateOrZero  # 0: the centers keep their random start
    la: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 20.0
    gamma: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 0.1
    margin: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = 0.01
    batches: Literal["balanced", "length_grouped"] = "balanced"
    checkpoint: Literal["precision_at_1", "last"] = "precision_at_1"


class Classifier(Stage):
    """ST2 and ST3: multi-label classification of the polarized rows."""

    loss: Literal["asymmetric", "binary_cross_entropy"] = "asymmetric"
    gamma_negative: Mapping[Name, Focus]  # γ− of each label
    gamma_positive: Focus = 1.0
    clip: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.05
    dropout: Dropout = 0.1  # of the head
    transfer: Literal["same_fold", "best_fold", "none"] = "same_fold"
    checkpoint: Literal["best_threshold_f1", "half_threshold_f1", "last"] = "best_threshold_f1"


class Decision(Settings):
    """How predictions become labels, and which score the search maximises."""

    k: Annotated[int, Field(ge=1, le=200)] = 49
    tau: Share = 0.4
    threshold_rule: Annotated[Name, Field(json_schema_extra={"enum": sorted(THRESHOLD_RULES)})] = "max_f1"
    objective: Literal["detector", "gold_gated", "end_to_end"] = "end_to_end"

    @model_validator(mode="after")
    def _known_rule(self) -> Self:
        if self.threshold_rule not in THRESHOLD_RULES:
            known = f"must be one of {sorted(THRESHOLD_RULES)}"
            raise RuleBrokenError(Breach("threshold_rule", known, self.threshold_rule))
        return self


class Recipe(Settings):
    """Everything a fold trial of one system does."""

    recipe: Name
    description: str = ""
    seed: Seed = 42
    task: Task
    folds: Folds = Folds()
    encoder: Encoder
    detector: Detector
    classifier: Classifier | None = None
    decision: Decision = Decision()

    @field_validator("recipe")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        # It becomes part of the name of a search's folder.
        if not _FOLDER_NAME.fullmatch(name):
            raise ValueError("must be letters, digits, dots, - and _")
        return name

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        breaches = [*_label_breaches(self), *_objective_breaches(self), *_paper_plan_breaches(self)]
        if breaches:
            raise RuleBrokenError(*breaches)
        return self


def _label_breaches(recipe: Recipe) -> Iterator[Breach]:
    labels, classifier = recipe.task.labels, recipe.classifier
    if labels and classifier is None:
        yield Breach("classifier", f"must be given where task.labels names columns ({list(labels)})", None)
    if classifier is not None and not labels:
        yield Breach("task.labels", "must name the classifier's columns", [])
    if classifier is None or not labels:
        return
    missing = [label for label in labels if label not in classifier.gamma_negative]
    if missing:
        rule = f"must name each of the labels {list(labels)}; missing {missing}"
        yield Breach("classifier.gamma_negative", rule, list(classifier.gamma_negative))
    for label, focus in classifier.gamma_negative.items():
        if label not in labels:
            yield Breach(f"classifier.gamma_negative.{label}", f"must be one of the labels {list(labels)}", focus)


def _objective_breaches(recipe: Recipe) -> Iterator[Breach]:
    objective = recipe.decision.objective
    if recipe.classifier is None and objective != "detector":
        yield Breach("decision.objective", "must be detector where there is no classifier", objective)


def _paper_plan_breaches(recipe: Recipe) -> Iterator[Breach]:
    if recipe.folds.plan != "paper" or recipe.classifier is None:
        return
    if recipe.decision.objective == "end_to_end":
        rule = "must be gold_gated or detector with folds.plan: paper, whose two plans share no validation rows"
        yield Breach("decision.objective", rule, recipe.decision.objective)
    if recipe.classifier.transfer == "same_fold":
        rule = "must be best_fold or none with folds.plan: paper, whose two plans number unlike folds"
        yield Breach("classifier.transfer", rule, recipe.classifier.transfer)

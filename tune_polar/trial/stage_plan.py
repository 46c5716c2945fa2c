"""A stage before its first step: its parts, and the functions that train, judge and record it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass

from tune_polar.recipe.sections import Stage
from tune_polar.store.training_facts import Array
from tune_polar.trial.encoder_source import EncoderSource
from tune_polar.trial.gradients import Apart, RowsLoss
from tune_polar.trial.memory_fit import StageNeeds
from tune_polar.trial.precision import Precision
from tune_polar.trial.predictor import Predictor
from tune_polar.trial.stage_model import StageModel
from tune_polar.trial.stage_rows import Rows
from tune_polar.trial.stage_work import StageWork
from tune_polar.trial.training_length import TrainingLength
from tune_polar.trial.training_loop import StageId


@dataclass(frozen=True, eq=False)
class StagePlan:
    """How one stage is trained; the rest is the same for all."""

    stage: StageId
    key: str
    start: str | None  # key of the stage it begins from
    seed: int  # the cell's
    settings: Stage
    model: StageModel
    precision: Precision
    batches: Iterator[Rows]
    training_rows: int
    evaluated_rows: Rows  # that one evaluation passes through the model
    loss: RowsLoss
    evaluate: Callable[[], Generator[None, None, float]]
    metric: str  # that ``evaluate`` computes
    needs: StageNeeds
    apart: Apart | None = None  # the halves of ``loss`` where it couples rows

    @property
    def batch_rows(self) -> int:
        """Rows of one optimizer step."""
        size: int = self.settings.batches.size
        return size

    @property
    def length(self) -> TrainingLength:
        """How long it trains."""
        return TrainingLength(self.settings.optimizer, self.training_rows, self.batch_rows)


@dataclass(frozen=True, eq=False)
class BuiltStage:
    """A stage before its first step."""

    plan: StagePlan
    predictor: Predictor
    source: EncoderSource
    work: StageWork


@dataclass(frozen=True, eq=False)
class StartingPoint:
    """A trained stage whose encoder another one begins with."""

    key: str
    weights: Mapping[str, Array]  # by name, each read as it is asked for
    frozen_layers: int = 0  # that it had itself: they may be as they were pretrained, and not be here


def stage_seed(seed: int, stage: str, fold: int) -> int:
    """A seed of its own for each stage of each fold, the same on every machine."""
    text = f"{seed}/{stage}/{fold}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "little")

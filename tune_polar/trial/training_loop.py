"""The training loop of every stage. A generator: whoever drives it decides between two steps whether to go on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from tune_polar.errors import TunePolarError
from tune_polar.model.changing_weights import changing
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.fgm import FastGradientMethod
from tune_polar.recipe.sections import Optimizer
from tune_polar.store.training_facts import CurvePoint, MemoryUse
from tune_polar.trial.checkpoints import Checkpoints, StageParts, TrainingState, copied_weights
from tune_polar.trial.gpus import Bits
from tune_polar.trial.gradients import Apart, RowsLoss, step_gradients
from tune_polar.trial.precision import Precision
from tune_polar.trial.progress import Progress
from tune_polar.trial.stage_rows import Rows

T = TypeVar("T")
_CHECKED_ENTRIES = 2**20  # at once


class TrainingDivergedError(TunePolarError, ArithmeticError):
    """The loss or a prediction is not finite: the configuration cannot be trained as it stands."""


@dataclass(frozen=True)
class StageId:
    """Which stage of a fold trial is meant, as progress and errors name it."""

    name: str
    number: int  # in the recipe's order, from 0
    fold: int


@dataclass(frozen=True, eq=False)
class Training:
    """The parts of one stage. ``model`` is what the best checkpoint is taken of."""

    stage: StageId
    settings: Optimizer
    batch_rows: int
    model: nn.Module
    encoder: TextEncoder
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    batches: Iterator[Rows]
    total_steps: int
    steps_between_evaluations: int
    loss: RowsLoss
    evaluate: Callable[[], Generator[None, None, float]]  # the checkpoint metric, batch by batch
    keep_best: bool  # False: the last weights are kept
    checkpoints: Checkpoints
    precision: Precision
    larger_is_better: bool = True  # of the checkpoint metric
    apart: Apart | None = (
        None  # where the loss of a row depends on others: how a step is computed in parts all the same
    )
    micro_rows: int | None = None  # rows of one forward and backward; None: a step's rows at once

    def is_gain(self, value: float, best: float) -> bool:
        """Whether a value of the checkpoint metric is better than the best one so far."""
        return value > best if self.larger_is_better else value < best


@dataclass(frozen=True)
class TrainingResult:
    """What the loop found; the model holds the kept weights."""

    best_step: int
    best_value: float
    steps: int
    total_steps: int
    stopped: str
    curve: tuple[CurvePoint, ...]
    bits: Bits = "fp32"  # of forward passes
    earlier_seconds: float = 0.0  # spent before the checkpoint that this run began from
    memory: MemoryUse | None = None  # how steps were computed, where that was not the plain way or memory has a limit


def train(training: Training, device: torch.device) -> Generator[Progress, None, TrainingResult]:
    """Train until the last step or until patience ends, then put the kept weights back.

    Begins from the stage's checkpoint where there is one, and gives the same bits as if it had never been stopped.

    Raises:
        TrainingDivergedError: the loss is no longer finite at an evaluation.
    """
    settings = training.settings
    parts = StageParts(training.model, training.optimizer, training.schedule, training.precision.scaler, device)
    state = training.checkpoints.restore(parts) or TrainingState()
    batches = itertools.islice(training.batches, state.step, None)  # the seed deals the same batches again
    attack = attack_of(training)
    running = torch.full((), state.summed_loss, device=device)  # on the device: reading it would wait for the GPU
    training.model.train()
    try:
        while True:
            if _evaluation_is_due(training, state):
                state.summed_loss = running.item()
                value = yield from shown(training.evaluate(), _progress(training, state))
                training.model.train()
                _take_value(training, state, value)
                running.zero_()
                yield _progress(training, state, value)
            if state.without_gain >= settings.patience_evaluations or state.step == training.total_steps:
                break
            running += one_step(training, next(batches), attack)
            state.step += 1
            if training.checkpoints.are_due:
                state.summed_loss = running.item()
                training.checkpoints.save(parts, state)
            if not _evaluation_is_due(training, state):
                yield _progress(training, state)
    except GeneratorExit:  # stopped from outside between two steps, or between two batches of an evaluation
        state.summed_loss = running.item()
        training.checkpoints.save_on_leaving(parts, state)
        raise

    if state.best_weights is not None:
        _put_back(state.best_weights, changing(training.model))
    training.model.eval()
    return TrainingResult(
        best_step=state.best_step,
        best_value=state.best_value,
        steps=state.step,
        total_steps=training.total_steps,
        stopped="patience" if state.without_gain >= settings.patience_evaluations else "last_step",
        curve=tuple(state.curve),
        earlier_seconds=training.checkpoints.earlier_seconds,
    )


def shown(work: Generator[None, None, T], progress: Progress) -> Generator[Progress, None, T]:
    """``work`` in pieces, each told as ``progress``: whoever drives the trial can stop it between two of them."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: T = stop.value
            return result
        yield progress


def attack_of(training: Training) -> FastGradientMethod | None:
    """The attack of each step, or None where there is none."""
    epsilon = training.settings.fgm_epsilon
    return FastGradientMethod(training.encoder.word_embeddings, epsilon) if epsilon > 0 else None


def one_step(training: Training, rows: Rows, attack: FastGradientMethod | None) -> Tensor:
    """Take one optimizer step on ``rows``; the loss of its clean pass, shape ()."""
    training.optimizer.zero_grad(set_to_none=True)
    loss = step_gradients(
        training.loss,
        rows,
        training.micro_rows,
        precision=training.precision,
        attack=attack,
        apart=training.apart,
    )
    training.precision.step(training.optimizer, training.schedule, training.settings.max_grad_norm)
    return loss.float()


def check_finite(values: Tensor, stage: StageId) -> None:
    """Refuse outputs of a model whose weights have become infinite.

    Raises:
        TrainingDivergedError: a value is not finite.
    """
    # Part by part: to look at all of a large table at once takes another table.
    rows = max(1, _CHECKED_ENTRIES // values.shape[1])
    parts = (values[start : start + rows] for start in range(0, len(values), rows))
    if not all(bool(torch.isfinite(part).all()) for part in parts):
        raise _diverged(stage, "predictions must stay finite, got NaN or infinity")


def _progress(training: Training, state: TrainingState, value: float | None = None) -> Progress:
    best, loss = (None, None) if value is None else (state.best_value, state.curve[-1].training_loss)
    stage = training.stage
    return Progress(stage.name, stage.number, stage.fold, state.step, training.total_steps, value, best, loss)


def _evaluation_is_due(training: Training, state: TrainingState) -> bool:
    at_evaluation = state.step % training.steps_between_evaluations == 0 or state.step == training.total_steps
    return state.step > 0 and at_evaluation and state.step > state.evaluated_step


def _take_value(training: Training, state: TrainingState, value: float) -> None:
    mean_loss = state.summed_loss / (state.step - state.evaluated_step)
    for name, number in (("loss", mean_loss), ("checkpoint metric", value)):
        if not math.isfinite(number):
            raise _diverged(training.stage, f"the {name} must stay finite, got {number} at step {state.step}")
    is_first = not state.curve
    state.summed_loss = 0.0
    state.curve.append(CurvePoint(state.step, mean_loss, value))
    if is_first or training.is_gain(value, state.best_value) or not training.keep_best:
        state.best_value, state.best_step, state.without_gain = value, state.step, 0
        state.best_weights = copied_weights(training.model, state.best_weights) if training.keep_best else None
    else:
        state.without_gain += 1


def _put_back(weights: Mapping[str, Tensor], into: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, tensor in into.items():
            tensor.copy_(weights[name])


def _diverged(stage: StageId, problem: str) -> TrainingDivergedError:
    optimizer = f"{stage.name}.optimizer"
    return TrainingDivergedError(
        f"{stage.name} fold {stage.fold}: {problem}", f"Lower {optimizer}.lr or {optimizer}.fgm_epsilon."
    )

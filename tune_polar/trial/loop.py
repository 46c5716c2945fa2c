"""The training loop of every stage. A generator: whoever drives it decides between two steps whether to go on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tune_polar.errors import TunePolarError
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.fgm import FastGradientMethod
from tune_polar.spec.recipe import Stage
from tune_polar.store.record import CurvePoint, MemoryUse, StageName
from tune_polar.trial.checkpoints import Checkpoints, StageParts, TrainingState, copied_weights
from tune_polar.trial.gpus import Bits
from tune_polar.trial.micro_batches import backward
from tune_polar.trial.precision import Precision
from tune_polar.trial.progress import Progress

Rows = NDArray[np.int64]
T = TypeVar("T")


class TrainingDivergedError(TunePolarError, ArithmeticError):
    """The loss or a prediction is not finite: the configuration cannot be trained as it stands."""


@dataclass(frozen=True, eq=False)
class Training:
    """The parts of one stage. ``model`` is what the best checkpoint is taken of."""

    stage: StageName
    fold: int
    settings: Stage
    model: nn.Module
    encoder: TextEncoder
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    batches: Iterator[Rows]
    total_steps: int
    loss: Callable[[Rows], Tensor]  # rows → scalar
    evaluate: Callable[[], Generator[None, None, float]]  # the checkpoint metric, larger is better; batch by batch
    keep_best: bool  # False: the last weights are kept
    checkpoints: Checkpoints
    precision: Precision
    micro_rows: int | None = None  # rows of one forward and backward; None: a step's rows at once
    loss_sums: bool = False  # ``loss`` adds rows up instead of averaging them


@dataclass(frozen=True)
class TrainingResult:
    """What the loop found; the model holds the kept weights."""

    best_step: int
    best_value: float
    steps: int
    stopped: str
    curve: tuple[CurvePoint, ...]
    bits: Bits = "fp32"  # of forward passes
    earlier_seconds: float = 0.0  # spent before the checkpoint that this run began from
    memory: MemoryUse | None = None  # how steps were computed, where that was not the plain way or memory has a limit


def total_steps(settings: Stage, rows: int) -> int:
    """Optimizer steps: ``max_steps``, or fewer where ``max_epochs`` ends first."""
    if settings.max_epochs is None:
        return settings.max_steps
    steps_an_epoch = math.ceil(rows / settings.batch_size)
    return min(settings.max_steps, max(1, math.ceil(settings.max_epochs * steps_an_epoch)))


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
    fgm = attack_of(training)
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
            running += one_step(training, next(batches), fgm)
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
        training.model.load_state_dict(state.best_weights)
    training.model.eval()
    return TrainingResult(
        best_step=state.best_step,
        best_value=state.best_value,
        steps=state.step,
        stopped="patience" if state.without_gain >= settings.patience_evaluations else "max_steps",
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


def _progress(training: Training, state: TrainingState, value: float | None = None) -> Progress:
    best = None if value is None else state.best_value
    return Progress(training.stage, training.fold, state.step, training.total_steps, value, best)


def _evaluation_is_due(training: Training, state: TrainingState) -> bool:
    at_evaluation = state.step % training.settings.eval_every_steps == 0 or state.step == training.total_steps
    return state.step > 0 and at_evaluation and state.step > state.evaluated_step


def _take_value(training: Training, state: TrainingState, value: float) -> None:
    mean_loss = state.summed_loss / (state.step - state.evaluated_step)
    _check_number("loss", mean_loss, training, state.step)
    _check_number("checkpoint metric", value, training, state.step)
    state.summed_loss = 0.0
    state.curve.append(CurvePoint(state.step, mean_loss, value))
    if value > state.best_value or not training.keep_best:
        state.best_value, state.best_step, state.without_gain = value, state.step, 0
        state.best_weights = copied_weights(training.model) if training.keep_best else None
    else:
        state.without_gain += 1


def attack_of(training: Training) -> FastGradientMethod | None:
    """The attack of each step, or None where there is none."""
    epsilon = training.settings.fgm_epsilon
    return FastGradientMethod(training.encoder.word_embeddings, epsilon) if epsilon > 0 else None


def one_step(training: Training, rows: Rows, fgm: FastGradientMethod | None) -> Tensor:
    """Take one optimizer step on ``rows``; the loss of its clean pass, shape ()."""
    training.optimizer.zero_grad(set_to_none=True)
    loss = gradients(training, rows, fgm)
    training.precision.step(training.optimizer, training.schedule)
    return loss.float()


def gradients(training: Training, rows: Rows, fgm: FastGradientMethod | None) -> Tensor:
    """Leave one step's gradients in the parameters; the loss of its clean pass, shape ()."""

    def add_up() -> Tensor:
        return backward(
            training.loss,
            rows,
            training.micro_rows,
            sums=training.loss_sums,
            precision=training.precision,
        )

    loss = add_up()
    if fgm is not None:
        # Miyato et al. 2017: gradients of the clean and the perturbed pass add up before the one optimizer step.
        with fgm:
            add_up()
    return loss


def check_finite(values: Tensor, stage: StageName, fold: int) -> None:
    """Refuse outputs of a model whose weights have become infinite.

    Raises:
        TrainingDivergedError: a value is not finite.
    """
    if not bool(torch.isfinite(values).all()):
        raise TrainingDivergedError(
            f"{stage} fold {fold}: predictions must stay finite, got NaN or infinity",
            f"Lower {stage}.lr or {stage}.fgm_epsilon.",
        )


def _check_number(name: str, number: float, training: Training, step: int) -> None:
    if not math.isfinite(number):
        raise TrainingDivergedError(
            f"{training.stage} fold {training.fold}: the {name} must stay finite, got {number} at step {step}",
            f"Lower {training.stage}.lr or {training.stage}.fgm_epsilon.",
        )

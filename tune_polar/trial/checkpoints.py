"""Checkpoints of a running stage: all that its next step depends on, left in the store and taken up again."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from tune_polar.errors import StoreError
from tune_polar.store.checkpoint import Checkpoint
from tune_polar.store.record import Array, CurvePoint
from tune_polar.trial.host_memory import give_back_freed

log = logging.getLogger(__name__)

# A write costs at most this share of the training time it saves.
_WRITING_SHARE = 0.05
# Stopping a fold on purpose writes one more checkpoint, if that saves at least so many seconds of training.
_WORTH_WRITING_SECONDS = 5.0


class CheckpointCache(Protocol):
    """Where checkpoints of running stages lie; a ``Store`` is one."""

    def checkpoint(self, key: str) -> Checkpoint | None:
        """A stage's last checkpoint, or None."""

    def put_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Leave a checkpoint in the place of the one before."""


@dataclass
class TrainingState:
    """Where a training stands between two steps, beside weights and optimizer."""

    step: int = 0  # optimizer steps done
    summed_loss: float = 0.0  # over the steps since the last evaluation
    best_value: float = -math.inf
    best_step: int = 0
    without_gain: int = 0  # evaluations since the best one
    curve: list[CurvePoint] = field(default_factory=list)
    best_weights: dict[str, Tensor] | None = None  # on the CPU

    @property
    def evaluated_step(self) -> int:
        """The step of the last evaluation, 0 before the first."""
        return self.curve[-1].step if self.curve else 0


@dataclass(frozen=True, eq=False)
class StageParts:
    """The objects whose state a checkpoint holds."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    scaler: GradScaler  # of the loss in fp16; else switched off, without a state
    device: torch.device


class Checkpoints:
    """Those of one stage: at most every so many seconds, and never at more than a twentieth of the time."""

    def __init__(self, cache: CheckpointCache, key: str, every_seconds: float) -> None:
        """``every_seconds`` 0: none are written; one that lies there is still taken up."""
        self._cache = cache
        self._key = key
        self._every_seconds = every_seconds
        self._interval = every_seconds
        self._started = self._last = time.monotonic()
        self.earlier_seconds = 0.0  # of training, before the checkpoint that was taken up

    @property
    def are_due(self) -> bool:
        """Whether it is time to write one."""
        return self._every_seconds > 0 and time.monotonic() - self._last >= self._interval

    def save(self, parts: StageParts, state: TrainingState) -> None:
        """Write one; a slow store makes the next one later, and one that refuses costs no more than the checkpoint."""
        began = time.monotonic()
        seconds = self.earlier_seconds + began - self._started
        give_back_freed()  # the activations of the last step: the file's bytes would come on top of them
        try:
            self._cache.put_checkpoint(_checkpoint(self._key, parts, state, seconds))
        except StoreError as error:
            log.warning("no checkpoint of stage %s at step %d: %s", self._key, state.step, error.problem)
        self._last = time.monotonic()
        self._interval = max(self._every_seconds, (self._last - began) / _WRITING_SHARE)

    def save_on_leaving(self, parts: StageParts, state: TrainingState) -> None:
        """Write one before the training is given up, if there is enough to lose."""
        worth = min(_WORTH_WRITING_SECONDS, self._every_seconds)
        if self._every_seconds > 0 and state.step > 0 and time.monotonic() - self._last >= worth:
            self.save(parts, state)

    def restore(self, parts: StageParts) -> TrainingState | None:
        """Put the last checkpoint into ``parts`` and tell where it stands; None where there is none that fits.

        Raises:
            torch.OutOfMemoryError: it fits the stage, but not the device's memory: the fold is to run again.
            torch.AcceleratorError: the device is lost.
        """
        found = self._cache.checkpoint(self._key)
        if found is None:
            return None
        before = copied_weights(parts.model), parts.optimizer.state_dict(), parts.schedule.state_dict()
        try:
            _take_up(found, parts)
        except (torch.OutOfMemoryError, torch.AcceleratorError):  # RuntimeErrors that say nothing of the checkpoint
            raise
        except (KeyError, TypeError, ValueError, RuntimeError) as error:  # whole, but not of this stage
            log.warning("the checkpoint of stage %s does not fit and is passed over: %s", self._key, error)
            parts.model.load_state_dict(before[0])
            parts.optimizer.load_state_dict(before[1])
            parts.schedule.load_state_dict(before[2])
            return None
        self.earlier_seconds = found.seconds
        return TrainingState(
            step=found.step,
            summed_loss=found.summed_loss,
            best_value=-math.inf if found.best_value is None else found.best_value,
            best_step=found.best_step,
            without_gain=found.without_gain,
            curve=list(found.curve),
            best_weights=_tensors(found.arrays, "best/") or None,
        )


def copied_weights(model: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers on the CPU, untouched by what training does next."""
    return {name: value.detach().to("cpu", copy=True) for name, value in model.state_dict().items()}


def _checkpoint(key: str, parts: StageParts, state: TrainingState, seconds: float) -> Checkpoint:
    tensors: dict[str, Tensor] = {f"model/{name}": value for name, value in parts.model.state_dict().items()}
    tensors |= {f"best/{name}": value for name, value in (state.best_weights or {}).items()}
    for number, values in parts.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{name}": value for name, value in values.items()}
    tensors |= {f"scaler/{name}": torch.tensor(value) for name, value in parts.scaler.state_dict().items()}
    tensors["random/cpu"] = torch.get_rng_state()
    if parts.device.type == "cuda":
        tensors["random/cuda"] = torch.cuda.get_rng_state(parts.device)
    return Checkpoint(
        key=key,
        step=state.step,
        summed_loss=state.summed_loss,
        best_value=state.best_value if state.curve else None,
        best_step=state.best_step,
        without_gain=state.without_gain,
        curve=tuple(state.curve),
        rates=tuple(float(group["lr"]) for group in parts.optimizer.param_groups),
        seconds=seconds,
        arrays={name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()},
    )


def _take_up(checkpoint: Checkpoint, parts: StageParts) -> None:
    best = {name.removeprefix("best/") for name in checkpoint.arrays if name.startswith("best/")}
    if best - set(parts.model.state_dict()):
        raise ValueError("its best weights are of another model")
    parts.model.load_state_dict(_tensors(checkpoint.arrays, "model/"))
    quantities: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _tensors(checkpoint.arrays, "optimizer/").items():
        number, _, quantity = name.partition("/")
        quantities.setdefault(int(number), {})[quantity] = tensor
    _check_moments(quantities, [p for group in parts.optimizer.param_groups for p in group["params"]])
    fresh = parts.optimizer.state_dict()
    groups = [group | {"lr": rate} for group, rate in zip(fresh["param_groups"], checkpoint.rates, strict=True)]
    parts.optimizer.load_state_dict({"state": quantities, "param_groups": groups})
    position = {"last_epoch": checkpoint.step, "_step_count": checkpoint.step + 1, "_last_lr": list(checkpoint.rates)}
    parts.schedule.load_state_dict(parts.schedule.state_dict() | position)
    scaled = {name: tensor.item() for name, tensor in _tensors(checkpoint.arrays, "scaler/").items()}
    if parts.scaler.is_enabled() and scaled:  # one that was left in another precision has none: it begins anew
        parts.scaler.load_state_dict(scaled)
    if parts.device.type == "cuda" and "random/cuda" in checkpoint.arrays:
        torch.cuda.set_rng_state(torch.tensor(checkpoint.arrays["random/cuda"]), parts.device)
    torch.set_rng_state(torch.tensor(checkpoint.arrays["random/cpu"]))


def _check_moments(quantities: Mapping[int, Mapping[str, Tensor]], parameters: Sequence[Tensor]) -> None:
    """The fused AdamW reads beyond moments that are too short, so nothing is handed to it unchecked."""
    for number, moments in quantities.items():
        if not 0 <= number < len(parameters) or set(moments) != {"step", "exp_avg", "exp_avg_sq"}:
            raise ValueError(f"its optimizer has other parameters: {number} with {sorted(moments)}")
        shapes = {name: tuple(tensor.shape) for name, tensor in moments.items()}
        wanted = tuple(parameters[number].shape)
        if shapes != {"step": (), "exp_avg": wanted, "exp_avg_sq": wanted}:
            raise ValueError(f"its optimizer has moments of shapes {shapes} for a parameter of shape {wanted}")


def _tensors(arrays: Mapping[str, Array], start: str) -> dict[str, Tensor]:
    # Copied: what was read from a file cannot be written, and training writes.
    return {name[len(start) :]: torch.tensor(array) for name, array in arrays.items() if name.startswith(start)}

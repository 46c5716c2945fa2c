"""Checkpoints of a running stage: all that its next step depends on, left in the store and taken up again."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from tune_polar.errors import StoreError
from tune_polar.model.changing_weights import TensorArrays, changing, copy_in, fault_of
from tune_polar.store.array_file import kind_of
from tune_polar.store.checkpoint import Checkpoint
from tune_polar.store.training_facts import Array, CurvePoint
from tune_polar.trial.host_memory import give_back_freed

log = logging.getLogger(__name__)

# A write costs at most this share of the training time it saves.
_WRITING_SHARE = 0.02
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
    """Those of one stage: at most every so many seconds, and never at more than a fiftieth of the time."""

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
        try:
            best = _take_up(found, parts)
        except (torch.OutOfMemoryError, torch.AcceleratorError):  # RuntimeErrors that say nothing of the checkpoint
            raise
        except (KeyError, TypeError, ValueError, RuntimeError) as error:  # whole, but not of this stage
            log.warning("the checkpoint of stage %s does not fit and is passed over: %s", self._key, error)
            return None
        self.earlier_seconds = found.seconds
        return TrainingState(
            step=found.step,
            summed_loss=found.summed_loss,
            best_value=-math.inf if found.best_value is None else found.best_value,
            best_step=found.best_step,
            without_gain=found.without_gain,
            curve=list(found.curve),
            best_weights=best or None,
        )


def copied_weights(model: nn.Module, into: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """What training changes, copied to the CPU: in the place of an earlier copy, where there is one."""
    if into is None:
        return {name: value.detach().to("cpu", copy=True) for name, value in changing(model).items()}
    for name, value in changing(model).items():
        into[name].copy_(value.detach())
    return into


def _checkpoint(key: str, parts: StageParts, state: TrainingState, seconds: float) -> Checkpoint:
    tensors: dict[str, Tensor] = {f"model/{name}": value for name, value in changing(parts.model).items()}
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
        arrays=TensorArrays(tensors),
    )


def _take_up(checkpoint: Checkpoint, parts: StageParts) -> dict[str, Tensor]:
    """Put a checkpoint into ``parts``, of which none is touched before all of it is found to fit.

    Returns:
        The best weights, by name; none where none were kept.
    """
    arrays, model, optimizer = checkpoint.arrays, changing(parts.model), parts.optimizer
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    names = {start: _names(arrays, start) for start in ("model/", "best/", "optimizer/", "scaler/")}
    _check_tensors(arrays, names["model/"], model)
    if names["best/"]:
        _check_tensors(arrays, names["best/"], model)
    moments = _moments(names["optimizer/"])
    _check_moments(arrays, moments, parameters)
    groups = optimizer.state_dict()["param_groups"]
    rates = [{"lr": rate} for _, rate in zip(groups, checkpoint.rates, strict=True)]
    scaled = {name: arrays[whole].item() for name, whole in names["scaler/"].items()}
    random = {name: torch.tensor(arrays[f"random/{name}"]) for name in ("cpu", "cuda") if f"random/{name}" in arrays}
    torch.set_rng_state(random["cpu"])  # refused before anything else is touched, where it is none

    copy_in(model, {own: (arrays, whole) for own, whole in names["model/"].items()})
    quantities = {
        number: {quantity: torch.from_numpy(np.array(arrays[whole], copy=None)) for quantity, whole in of.items()}
        for number, of in moments.items()
    }
    optimizer.load_state_dict(
        {"state": quantities, "param_groups": [group | rate for group, rate in zip(groups, rates, strict=True)]}
    )
    position = {"last_epoch": checkpoint.step, "_step_count": checkpoint.step + 1, "_last_lr": list(checkpoint.rates)}
    parts.schedule.load_state_dict(parts.schedule.state_dict() | position)
    if parts.scaler.is_enabled() and scaled:  # one that was left in another precision has none: it begins anew
        parts.scaler.load_state_dict(scaled)
    if parts.device.type == "cuda" and "cuda" in random:
        torch.cuda.set_rng_state(random["cuda"], parts.device)
    return {own: torch.from_numpy(np.array(arrays[whole], copy=None)) for own, whole in names["best/"].items()}


def _names(arrays: Mapping[str, Array], start: str) -> dict[str, str]:
    """Whole names of the arrays whose names begin with ``start``, by the rest."""
    return {name.removeprefix(start): name for name in arrays if name.startswith(start)}


def _check_tensors(arrays: Mapping[str, Array], names: Mapping[str, str], tensors: Mapping[str, Tensor]) -> None:
    if names.keys() != tensors.keys():
        raise ValueError(f"its weights are of another model: {sorted(names.keys() ^ tensors.keys())[:3]}")
    for own, whole in names.items():
        fault = fault_of(tensors[own], arrays, whole)
        if fault is not None:
            raise ValueError(f"{whole} {fault}")


def _moments(names: Mapping[str, str]) -> dict[int, dict[str, str]]:
    """Whole names of the optimizer's arrays, by parameter and quantity."""
    found: dict[int, dict[str, str]] = {}
    for name, whole in names.items():
        number, _, quantity = name.partition("/")
        found.setdefault(int(number), {})[quantity] = whole
    return found


def _check_moments(
    arrays: Mapping[str, Array], moments: Mapping[int, Mapping[str, str]], parameters: Sequence[Tensor]
) -> None:
    """The fused AdamW reads beyond the end of moments that are too short, so nothing is handed to it unchecked."""
    for number, names in moments.items():
        if not 0 <= number < len(parameters) or set(names) != {"step", "exp_avg", "exp_avg_sq"}:
            raise ValueError(f"its optimizer has other parameters: {number} with {sorted(names)}")
        shapes = {name: kind_of(arrays, whole)[1] for name, whole in names.items()}
        wanted = tuple(parameters[number].shape)
        if shapes != {"step": (), "exp_avg": wanted, "exp_avg_sq": wanted}:
            raise ValueError(f"its optimizer has moments of shapes {shapes} for a parameter of shape {wanted}")

"""Training in one process that is not a worker's: where memory does not suffice, it goes on in smaller parts."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

import torch

from tune_polar.trial.device import give_back
from tune_polar.trial.error_verdict import verdict
from tune_polar.trial.progress import Progress
from tune_polar.trial.slot_memory import SlotMemory

T = TypeVar("T")


def in_smaller_parts(
    memory: SlotMemory, device: torch.device, begin: Callable[[], Generator[Progress, None, T]]
) -> Generator[Progress, None, T]:
    """Steps of a trial, from its checkpoint on in the next smaller parts each time its stage runs out of memory.

    Args:
        memory: of the trial's context, which is told what did not fit.
        device: that it is computed on.
        begin: the trial from its last checkpoint on.

    Raises:
        RuntimeError: not even the smallest parts fit; libraries tell of memory in their own words.
    """
    memory.begin({})
    while True:
        try:
            return (yield from begin())
        except RuntimeError as error:
            if verdict(error) != "memory" or memory.in_force is None:
                raise
            stage, plan = memory.in_force
            tried, evaluated = memory.tried, memory.evaluated
            if memory.evaluates and plan.evaluation_rows > 1:
                evaluated = {**evaluated, stage: plan.evaluation_rows}
            elif not memory.evaluates and plan.rungs_left:
                tried = {**tried, stage: plan.rung}
            else:
                raise
            forget_frames(error)
        memory.begin(tried, evaluated)
        give_back(device)


def forget_frames(error: BaseException) -> None:
    """Let go of what an error's frames refer to: activations, and by the functions that ran in them the model.

    Clearing the frames would not do: each keeps its function, and that what it closes over.
    """
    seen: BaseException | None = error
    while seen is not None:
        seen.__traceback__ = None
        seen = seen.__context__

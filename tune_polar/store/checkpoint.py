"""The checkpoint of a running stage: the one kind of file in a store that is written anew while it is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pydantic import TypeAdapter

from tune_polar.store.training_facts import Array, CurvePoint


@dataclass(frozen=True, eq=False)
class CheckpointHeader:
    """Where a training stood between two steps, without its arrays."""

    key: str  # of the stage
    step: int  # optimizer steps done
    summed_loss: float  # over the steps since the last evaluation
    best_value: float | None  # None before the first evaluation
    best_step: int
    without_gain: int  # evaluations since the best one
    curve: tuple[CurvePoint, ...]
    rates: tuple[float, ...]  # learning rate of each parameter group
    seconds: float  # of training so far


@dataclass(frozen=True, eq=False)
class Checkpoint(CheckpointHeader):
    """All that the next step of a training depends on.

    Arrays: ``model/<name>`` and ``best/<name>``, weights and buffers now and at the best evaluation (none where none
    is kept); ``optimizer/<parameter>/<quantity>``; ``scaler/<quantity>``, of the loss in fp16; ``random/cpu`` and
    ``random/cuda``, states of torch's generators, uint8.
    """

    arrays: Mapping[str, Array] = field(default_factory=dict)

    def header(self) -> dict[str, object]:
        """Everything but the arrays, as plain data."""
        data = {each.name: getattr(self, each.name) for each in fields(CheckpointHeader)}
        data["curve"] = [[point.step, point.training_loss, point.value] for point in self.curve]
        return data

    @staticmethod
    def from_parts(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Checkpoint:
        """The checkpoint that ``header`` and its arrays describe.

        Raises:
            KeyError, TypeError, ValueError: they are something else.
        """
        data = dict(header)
        names = [each.name for each in fields(CurvePoint)]
        data["curve"] = [dict(zip(names, point, strict=True)) for point in data["curve"]]
        about = _HEADER.validate_json(json.dumps(data), strict=True)
        return Checkpoint(**{each.name: getattr(about, each.name) for each in fields(CheckpointHeader)}, arrays=arrays)


_HEADER = TypeAdapter(CheckpointHeader)

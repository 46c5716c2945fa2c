"""What each stage of a recipe will take on a GPU, by count: neither torch nor the encoder's weights are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tune_polar.model.encoder_shape import EncoderShape
from tune_polar.model.footprint import FLOAT, GB, NF4_BYTES, AdapterLoad, StageLoad, adapter_load, adapter_parameters
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Data, Stage
from tune_polar.store.records import MemoryUse
from tune_polar.trial.gpus import Bits
from tune_polar.trial.memory_plan import MemoryPlan, plan_memory


@dataclass(frozen=True)
class StageForecast:
    """What one stage will take."""

    stage: str
    precision: Bits  # of forward passes
    batch_rows: int
    whole_gb: float  # all rows of a step at once
    slot_gb: float  # what the slot offers, without the process's CUDA context
    planned: str  # how it will be computed
    planned_gb: float
    fits: bool


def forecasts(
    recipe: Recipe, shapes: Mapping[str, EncoderShape], budget_bytes: int, auto: Bits = "bf16"
) -> list[StageForecast]:
    """Of each stage whose encoder's sizes are known.

    Args:
        recipe: the recipe.
        shapes: of encoders, by stage.
        budget_bytes: of a slot.
        auto: the bits that the card computes fastest in.
    """
    return [
        _forecast(name, stage, stage_load(recipe.data, stage, shapes[name], auto), budget_bytes, auto)
        for name, stage in recipe.stages.items()
        if name in shapes
    ]


def stage_load(data: Data, stage: Stage, shape: EncoderShape, auto: Bits = "bf16") -> StageLoad:
    """A stage as memory will see it, its longest row as long as the recipe allows."""
    adapter = stage.encoder.adapter
    return StageLoad(
        encoder=shape,
        parameters=shape.parameters + trained_adapter(stage, shape) + own_parameters(data, stage, shape.hidden),
        batch_rows=stage.batches.texts,
        longest_tokens=stage.encoder.max_length_tokens,
        half_precision=_bits(stage, auto) != "fp32",
        fgm=stage.optimizer.fgm_epsilon > 0,
        frozen=0 if adapter is None else shape.parameters,
        frozen_bytes=FLOAT if adapter is None else _base_bytes(stage, shape),
        unpacked=0 if stage.encoder.quantize is None else shape.largest_matrix,
        adapter=None if adapter is None else _adapter_of(stage, shape),
    )


def _base_bytes(stage: Stage, shape: EncoderShape) -> float:
    """An entry of a frozen base, on average."""
    if stage.encoder.quantize is None:
        return shape.stored_bytes
    packed = shape.linear_parameters
    return (NF4_BYTES * packed + shape.stored_bytes * (shape.parameters - packed)) / shape.parameters


def trained_adapter(stage: Stage, shape: EncoderShape) -> int:
    """Entries of a stage's adapter; matrices that are named count as all, which is the most."""
    adapter = stage.encoder.adapter
    if adapter is None:
        return 0
    layers = shape.layers - stage.encoder.frozen_layers
    return adapter_parameters(shape, _adapter_of(stage, shape), adapter.only_attention, layers)


def _adapter_of(stage: Stage, shape: EncoderShape) -> AdapterLoad:
    adapter = stage.encoder.adapter
    if adapter is None:
        raise ValueError("the stage has no adapter")
    return adapter_load(shape, adapter.width, adapter.only_attention)


def own_parameters(data: Data, stage: Stage, hidden: int) -> int:
    """Weights of a stage's head and losses, on an encoder of width ``hidden``."""
    columns, gold = len(stage.columns), stage.task.gold
    named = len(data.classes[stage.columns[0]]) if gold == "class" else 0
    outputs = named if gold == "class" else columns
    classes = {"class": named, "labels": columns, "binary": 2, "number": 0}[gold]
    width = stage.head.width(outputs)
    losses = (loss.parameter_count(stage.head.gives, width, classes) for loss in stage.losses.values())
    return stage.head.parameter_count(hidden, outputs) + sum(losses)


def _forecast(name: str, stage: Stage, load: StageLoad, budget_bytes: int, auto: Bits) -> StageForecast:
    whole, plan = plan_memory(load, None), plan_memory(load, budget_bytes)
    return StageForecast(
        name,
        _bits(stage, auto),
        load.batch_rows,
        whole.predicted_bytes / GB,
        budget_bytes / GB,
        _words(plan),
        plan.predicted_bytes / GB,
        plan.predicted_bytes <= budget_bytes,
    )


def _bits(stage: Stage, auto: Bits) -> Bits:
    return auto if stage.precision == "auto" else stage.precision


def _words(plan: MemoryPlan) -> str:
    return str(MemoryUse(plan.batch_rows, plan.rung.rows, plan.rung.recompute))

"""Makes a stage fit its slot before its first step: count, try on the longest rows where there is a GPU, choose."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from tune_polar.data.batching import TokenRows
from tune_polar.errors import ModelError
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.encoder_shape import EncoderShape, shape_of_config
from tune_polar.model.footprint import FLOAT, StageLoad, adapter_load, training_peak
from tune_polar.model.parameter_size import entries_and_bytes
from tune_polar.recipe.components.adapters import Adapter
from tune_polar.store.training_facts import MemoryUse
from tune_polar.trial.device import check_slot
from tune_polar.trial.gradients import step_gradients
from tune_polar.trial.memory_plan import MemoryPlan, plan_memory
from tune_polar.trial.slot_memory import LikeStages, SlotMemory
from tune_polar.trial.stage_rows import Rows
from tune_polar.trial.training_loop import Training, attack_of

_PROBE_STEPS = 2  # the first also pays for what libraries allocate once


@dataclass(frozen=True)
class Compared:
    """What an evaluation keeps to compare rows with each other; nothing where it compares none."""

    vector_entries: int = 0  # of all rows' vectors
    table_entries: int = 0  # of the similarities computed at once


@dataclass(frozen=True, eq=False)
class StageNeeds:
    """What a stage's memory depends on beside its model and settings."""

    slot: SlotMemory
    encoder: str  # by which corrections are told apart
    longest_rows: Rows  # (batch,): training rows of the most tokens
    longest_tokens: int  # of any row that is trained on or predicted
    compared: Compared = field(default_factory=Compared)
    texts_a_row: int = 1  # that pass through the encoder together: 2 of rows with their positive texts
    adapter: Adapter | None = None


def longest_rows(rows: Rows, lengths: NDArray[np.int64], count: int) -> Rows:
    """The ``count`` of ``rows`` with the most tokens: no batch needs more than they do together."""
    return rows[np.argsort(-lengths, kind="stable")[:count]]


def longest_of(splits: Iterable[TokenRows]) -> int:
    """Most tokens of any row."""
    return max((int(tokens.lengths.max()) for tokens in splits if len(tokens)), default=1)


def fitted(training: Training, needs: StageNeeds, device: torch.device) -> tuple[Training, MemoryPlan]:
    """``training`` as it will be computed, its encoder set accordingly.

    On a GPU whose slot is known the first stage of its kind is tried: two forward and backward passes on the longest
    rows, which leave weights, buffers, optimizer and random state as they were. What they take corrects the count.

    Raises:
        torch.OutOfMemoryError: not even the way that needs least fits.
        SlotTakenError: another program has taken the slot's memory, so that no smaller part would be at fault.
    """
    slot, stage = needs.slot, training.stage.name
    load = stage_load(training, needs)
    alike = LikeStages(needs.encoder, stage, load.batch_rows, training.precision.bits, load.fgm)
    tried = slot.tried.get(stage)
    while True:
        plan = plan_memory(
            load,
            slot.budget_bytes,
            tried=tried,
            can_recompute=training.encoder.can_recompute,
            evaluated=slot.evaluated.get(stage),
            fewest_rows=needs.texts_a_row,
            correction=lambda recompute: slot.correction(alike, recompute) or 1.0,
        )
        slot.in_force, slot.evaluates = (stage, plan), False
        training.encoder.set_recompute(plan.rung.recompute)
        in_parts = plan.rung.rows < plan.batch_rows
        chosen = replace(training, micro_rows=plan.rung.rows // needs.texts_a_row if in_parts else None)
        is_known = slot.correction(alike, plan.rung.recompute) is not None
        if device.type != "cuda" or slot.budget_bytes is None or is_known:
            return chosen, plan
        try:
            measured = probe(chosen, needs.longest_rows, device)
        except torch.OutOfMemoryError:
            check_slot(device, slot.budget_bytes)
            if plan.rungs_left == 0:
                raise
            tried = plan.rung
        else:
            counted = training_peak(load, plan.rung.rows, plan.rung.recompute)
            slot.learn(alike, plan.rung.recompute, measured / counted)
        gc.collect()
        torch.cuda.empty_cache()


def probe(training: Training, rows: Rows, device: torch.device) -> int:
    """Bytes at the peak of a step on ``rows``, with AdamW's moments, which do not exist yet, added.

    Raises:
        torch.OutOfMemoryError: it does not fit.
    """
    torch.cuda.reset_peak_memory_stats(device)
    two_passes(training, rows, device)
    moments = 2 * sum(p.numel() * p.element_size() for p in training.model.parameters() if p.requires_grad)
    return int(torch.cuda.max_memory_allocated(device)) + moments


def two_passes(training: Training, rows: Rows, device: torch.device) -> None:
    """Compute the gradients of two steps and drop them; weights, buffers and random state are left as they were."""
    attack = attack_of(training)
    # Losses count in buffers what they have seen, such as batches without a pair
    buffers = {name: buffer.clone() for name, buffer in training.model.named_buffers()}
    training.model.train()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            for _ in range(_PROBE_STEPS):
                training.optimizer.zero_grad(set_to_none=True)
                step_gradients(
                    training.loss,
                    rows,
                    training.micro_rows,
                    precision=training.precision,
                    attack=attack,
                    apart=training.apart,
                )
    finally:
        training.optimizer.zero_grad(set_to_none=True)
        for name, before in buffers.items():
            training.model.get_buffer(name).copy_(before)


def stage_load(training: Training, needs: StageNeeds) -> StageLoad:
    """The stage as memory sees it."""
    shape, settings = _shape(training.encoder), needs.adapter
    adapter = None if settings is None else adapter_load(shape, settings.width, settings.only_attention)
    sizes = [entries_and_bytes(each) for each in training.encoder.parameters() if not each.requires_grad]
    frozen, frozen_bytes = (sum(each[place] for each in sizes) for place in (0, 1))
    return StageLoad(
        encoder=shape,
        parameters=sum(entries_and_bytes(each)[0] for each in training.model.parameters()),
        batch_rows=training.batch_rows * needs.texts_a_row,
        longest_tokens=needs.longest_tokens,
        half_precision=training.precision.is_half,
        fgm=training.settings.fgm_epsilon > 0,
        frozen=frozen if adapter is not None else 0,
        frozen_bytes=frozen_bytes / frozen if adapter is not None else FLOAT,
        unpacked=0 if training.encoder.quantized is None else shape.largest_matrix,
        adapter=adapter,
        table_entries=needs.compared.table_entries,
        vector_entries=needs.compared.vector_entries,
    )


def memory_use(plan: MemoryPlan) -> MemoryUse:
    """A plan as records keep it."""
    return MemoryUse(
        batch_rows=plan.batch_rows,
        micro_rows=plan.rung.rows,
        recompute=plan.rung.recompute,
        predicted_bytes=plan.predicted_bytes,
        budget_bytes=plan.budget_bytes,
        is_last=plan.rungs_left == 0,
    )


def _shape(encoder: TextEncoder) -> EncoderShape:
    config = encoder.backbone.config.to_dict()
    try:
        return shape_of_config(config)
    except ModelError:  # of a kind that names its sizes otherwise: BERT's proportions, corrected by the probe
        hidden, layers, words = encoder.hidden_size, len(encoder.layers), encoder.word_embeddings.num_embeddings
        usual = {"intermediate_size": 4 * hidden, "max_position_embeddings": 512, "num_attention_heads": 12}
        known = {"hidden_size": hidden, "num_hidden_layers": layers, "vocab_size": words}
        return shape_of_config({"model_type": "", **usual, **known})

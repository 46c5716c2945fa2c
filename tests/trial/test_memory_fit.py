"""A stage is made to fit: what is chosen for a slot, what the record says of it, and a probe that leaves no trace."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from graph_bench import ONE_STAGE, TWO_STAGES, Bench, recipe_of
from test_training import CPU, TARGETS, Run, settings
from torch import Tensor

from tune_polar.model.footprint import GB, evaluation_peak, training_peak
from tune_polar.model.losses import LossBatch, LossContext, LossSum, build_loss
from tune_polar.store.records import StageRecord
from tune_polar.store.training_facts import MemoryUse
from tune_polar.trial.checkpoints import Checkpoints
from tune_polar.trial.device import Held, hold_device
from tune_polar.trial.memory_fit import Compared, StageNeeds, fitted, longest_rows, memory_use, stage_load, two_passes
from tune_polar.trial.memory_plan import Rung, plan_memory
from tune_polar.trial.run_fold_trial import run_fold_trial
from tune_polar.trial.slot_memory import LikeStages, SlotMemory
from tune_polar.trial.stage_build import build_stage
from tune_polar.trial.stage_rows import Rows
from tune_polar.trial.stage_training import training_of

ROWS = np.arange(4)


def needs(slot: SlotMemory) -> StageNeeds:
    return StageNeeds(slot, "tiny", ROWS, longest_tokens=8)


def test_the_probe_leaves_weights_gradients_and_random_state_alone() -> None:
    run = Run(settings(fgm_epsilon=0.3))
    training = run.training()
    run.model.encoder.set_dropout(0.3)
    before, state = copy.deepcopy(run.model.state_dict()), torch.get_rng_state()
    two_passes(replace(training, micro_rows=3), ROWS, CPU)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], now) for name, now in run.model.state_dict().items())
    assert all(parameter.grad is None for parameter in run.model.parameters())
    assert training.optimizer.state_dict()["state"] == {}


def test_the_probe_counts_no_batches_for_losses_of_pairs() -> None:
    run = Run(settings())
    context = LossContext("binary", ("hate",), "embeddings", width=2, classes=2)
    losses = LossSum({"sup_con": (1.0, build_loss("sup_con", context))})
    run.model.losses = losses

    def loss(rows: Rows, share: float = 1.0) -> Tensor:
        vectors = run.model(rows)
        return share * losses(LossBatch(vectors, vectors, TARGETS[torch.from_numpy(rows)]))

    training = replace(run.training(), loss=loss)
    run.model.train()
    loss(ROWS)
    before = copy.deepcopy(run.model.state_dict())
    assert before["losses.sup_con.idle_batches"].tolist() == [0, 1]
    two_passes(training, ROWS, CPU)
    assert all(torch.equal(before[name], now) for name, now in run.model.state_dict().items())


def test_without_a_limit_a_step_is_computed_at_once() -> None:
    run = Run(settings())
    training, plan = fitted(run.training(), needs(SlotMemory()), CPU)
    assert plan.is_plain
    assert training.micro_rows is None
    assert not run.model.encoder.recomputes


def test_a_slot_that_is_too_small_takes_parts() -> None:
    run = Run(settings())
    load = stage_load(run.training(), needs(SlotMemory()))
    load = replace(load, evaluation_rows=8)
    room = plan_memory(load, None, tried=Rung(4)).predicted_bytes  # what half the rows need
    slot = SlotMemory(budget_bytes=room)
    training, plan = fitted(run.training(), needs(slot), CPU)
    assert (plan.rung, training.micro_rows) == (Rung(2), 2)
    assert slot.in_force == ("model", plan)
    assert plan.predicted_bytes <= room


def test_what_was_tried_is_gone_below_and_checkpointing_is_switched_on() -> None:
    run = Run(settings())
    slot = SlotMemory()
    slot.begin({"model": Rung(1)})
    training, plan = fitted(run.training(), needs(slot), CPU)
    assert plan.rung.recompute
    assert run.model.encoder.recomputes
    assert slot.evaluation_rows < 128
    result = run.run(training)
    assert result.steps == 6


def test_an_evaluation_that_needs_more_than_a_step_neither_hides_what_a_step_takes_nor_makes_it_smaller() -> None:
    run = Run(settings())
    load = stage_load(run.training(), replace(needs(SlotMemory()), compared=Compared(table_entries=2**28)))
    whole = training_peak(load, 4, recompute=False)
    assert evaluation_peak(load) > 2 * whole
    assert plan_memory(load, whole).rung == Rung(4)
    short = plan_memory(load, whole, correction=lambda _: 1.01)
    assert short.rung != Rung(4), "what a step takes is corrected by itself"
    assert short.expected_bytes == evaluation_peak(replace(load, evaluation_rows=8))


def test_an_evaluation_that_ran_out_of_memory_passes_half_its_rows_and_leaves_steps_alone() -> None:
    run, slot = Run(settings()), SlotMemory()
    for evaluated, rows in ((128, 64), (16, 8), (8, 4), (1, 1)):
        slot.begin({}, {"model": evaluated})
        _, plan = fitted(run.training(), needs(slot), CPU)
        assert (plan.rung, slot.evaluation_rows) == (Rung(4), rows)
    slot.begin({"model": Rung(4)}, {"model": 128})
    assert fitted(run.training(), needs(slot), CPU)[1].rung == Rung(2)


def test_an_evaluation_that_compares_rows_keeps_all_of_their_vectors(graph: Bench) -> None:
    recipe = recipe_of(ONE_STAGE)
    context, trial = graph.context(recipe), graph.trial(recipe)
    plan = build_stage(trial, "detector", context, None).plan
    load = stage_load(training_of(plan, Checkpoints(context.stages, plan.key, 0)), plan.needs)
    rows = context.plans["detector"]
    asked = max(len(rows.validation_rows(0)), len(graph.corpus.splits["dev"]))
    assert load.vector_entries == 16 * (len(rows.training_rows(0)) + asked)
    more = replace(load, vector_entries=load.vector_entries + GB)
    assert evaluation_peak(more) - evaluation_peak(load) >= 4 * GB


def test_a_fold_in_a_small_slot_says_so_in_its_records(graph: Bench) -> None:
    recipe = recipe_of(TWO_STAGES)
    context = graph.context(recipe)
    context.memory.budget_bytes = 1  # nothing fits by count: the way that needs least is taken
    record = run_fold_trial(graph.trial(recipe), context)
    assert set(record.memory) == {"detector", "classifier"}
    used = record.memory["classifier"]
    assert (used.batch_rows, used.micro_rows, used.recompute, used.budget_bytes) == (16, 1, True, 1)
    assert used.is_last
    stage = graph.store.stage(record.stages["detector"])
    assert stage is not None
    assert stage.memory == record.memory["detector"]


def test_without_a_limit_records_have_no_plan(graph: Bench) -> None:
    recipe = recipe_of(ONE_STAGE)
    record = run_fold_trial(graph.trial(recipe), graph.context(recipe))
    assert record.memory == {}
    stage = graph.store.stage(record.stages["detector"])
    assert stage is not None
    header = stage.header()
    assert header.pop("memory") is None
    assert StageRecord.from_parts(header, stage.arrays).memory is None


@pytest.mark.parametrize(
    ("device", "peak", "share"), [("cpu", 200, 2.0), ("cpu", 90, None), ("other", 200, None), ("cpu", None, None)]
)
def test_earlier_records_correct_the_count(device: str, peak: int | None, share: float | None, graph: Bench) -> None:
    recipe = recipe_of(ONE_STAGE)
    key = run_fold_trial(graph.trial(recipe), graph.context(recipe)).stages["detector"]
    stage = graph.store.stage(key)
    assert stage is not None
    about = replace(stage.provenance, device="cpu")
    known = replace(stage, provenance=about, peak_memory_bytes=peak, memory=MemoryUse(16, 8, False, 100, 1000))
    slot = SlotMemory()
    slot.learn_from(known, "tiny", True, device)
    alike = LikeStages("tiny", "detector", 16, "fp32", fgm=True)
    assert slot.correction(alike, False) == share
    assert slot.correction(alike, True) is None
    assert slot.correction(replace(alike, fgm=False), False) is None
    assert slot.correction(replace(alike, batch_rows=8), False) is None
    slot.learn(alike, False, 1.5)
    assert slot.correction(alike, False) == max(share or 0, 1.5)


def test_a_cpu_is_not_capped() -> None:
    held = hold_device(on_gpu=False, slot_gb=8.0)
    assert held == Held(CPU)
    assert held.memory_came_back()


def test_the_longest_rows_are_those_of_most_tokens() -> None:
    rows, lengths = np.array([10, 20, 30, 40]), np.array([3, 9, 3, 5])
    assert longest_rows(rows, lengths, 3).tolist() == [20, 40, 10]


def test_a_row_and_its_positive_pass_together_in_the_smallest_part() -> None:
    run = Run(settings())
    asked = replace(needs(SlotMemory(budget_bytes=1)), texts_a_row=2)
    training, plan = fitted(run.training(), asked, CPU)
    assert (plan.rung, training.micro_rows) == (Rung(2, recompute=True), 1)
    assert memory_use(plan).is_last
    assert run.model.encoder.recomputes

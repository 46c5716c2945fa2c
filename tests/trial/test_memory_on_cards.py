"""A card's memory through a fold: what is kept and what comes back, the cap, and the count that plans are made by."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from graph_bench import ONE_STAGE, TWO_STAGES, Bench, recipe_of, result_of
from test_stages_on_cards import THERE, by_stage, context_on
from torch import Tensor

from tests.stand_in.cards import GB, Card
from tests.stand_in.driver import Driver
from tests.stand_in.install import pretended_cards
from tests.stand_in.known_cards import LAPTOP
from tune_polar.data.batching import TokenRows
from tune_polar.model.footprint import WORKSPACE_BYTES
from tune_polar.trial import device
from tune_polar.trial.checkpoints import Checkpoints
from tune_polar.trial.device import Held, hold_device
from tune_polar.trial.error_verdict import verdict
from tune_polar.trial.forward_pass import predict
from tune_polar.trial.memory_fit import Compared, fitted
from tune_polar.trial.run_fold_trial import fold_trial_steps, run_fold_trial
from tune_polar.trial.slot_memory import LikeStages
from tune_polar.trial.stage_build import build_stage
from tune_polar.trial.stage_training import training_of
from tune_polar.trial.training_loop import StageId, check_finite
from tune_polar.trial.worker_context import TrialContext

pytestmark = pytest.mark.skipif(torch.backends.cuda.is_built(), reason="the stand-in needs a torch built for the CPU")

MB = 2**20
WORKSPACE = int(LAPTOP.workspace_mb * MB)
# Large enough to be seen beside what is rounded, and small enough for a CPU.
OF_A_DETECTOR: dict[str, object] = {
    "encoder__tiny": {"hidden": 128, "layers": 3},
    "stages__detector__batches__size": 64,
    "stages__detector__optimizer__max_steps": 2,
}
MOSTLY_ACTIVATIONS: dict[str, object] = {
    **OF_A_DETECTOR,
    "stages__classifier__batches__size": 32,
    "stages__classifier__optimizer__max_steps": 2,
}
MOSTLY_WEIGHTS: dict[str, object] = {
    "encoder__tiny": {"hidden": 256, "layers": 4},
    "stages__detector__batches__size": 4,
    "stages__detector__optimizer__max_steps": 2,
    "stages__detector__optimizer__fgm_epsilon": 0.0,
    "stages__detector__precision": "fp32",
}
MOSTLY_VECTORS: dict[str, object] = {
    **MOSTLY_WEIGHTS,
    "encoder__tiny": {"hidden": 32, "layers": 1},
    "stages__detector__head": {"type": "projection", "size": 4096},
}


@pytest.fixture
def driver() -> Iterator[Driver]:
    with pretended_cards(LAPTOP) as found:
        yield found


def held_laptop() -> Held:
    return hold_device(on_gpu=True, slot_gb=8.0)


# -- what comes back -------------------------------------------------------------------------------------------------


def test_nothing_of_a_stage_stays_on_the_card(graph: Bench, driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    board, held, recipe = None, held_laptop(), recipe_of(TWO_STAGES)
    board = driver.boards[0]
    left, plain = [], TrialContext.release

    def watched(context: TrialContext) -> None:
        plain(context)
        left.append((board.allocated - WORKSPACE, board.reserved - WORKSPACE))

    monkeypatch.setattr(TrialContext, "release", watched)
    run_fold_trial(graph.trial(recipe), context_on(graph, recipe, held))
    assert left == [(0, 0), (0, 0)], "after the detector, before the classifier is made; and after the fold"
    assert board.peak > WORKSPACE
    assert held.memory_came_back()
    assert (board.allocated, board.reserved) == (0, 0), "cuBLAS's workspace too"
    assert all(record.peak_memory_bytes > WORKSPACE + MB for record in by_stage(graph.store).values())


@pytest.mark.parametrize("kind", ["out_of_memory", "cublas", "accelerator"])
@pytest.mark.parametrize(("step", "while_evaluating"), [(1, False), (2, True)])
def test_memory_comes_back_after_it_ran_out(
    graph: Bench, driver: Driver, kind: device.Verdict, step: int, while_evaluating: bool
) -> None:
    held, recipe = held_laptop(), recipe_of(ONE_STAGE)
    steps = fold_trial_steps(graph.trial(recipe), context_on(graph, recipe, held))
    # In a forward pass: an error of Python's within a backward pass is kept by torch's engine, a kernel's is not.
    driver.fail(kind, at_step=step, when=lambda: torch.is_inference_mode_enabled() == while_evaluating)
    with pytest.raises(RuntimeError) as caught:
        for _ in steps:
            pass
    assert verdict(caught.value) == "memory"
    assert driver.steps == step
    board = driver.boards[0]
    assert board.allocated > WORKSPACE, "the error's frames hold model and activations"
    del steps, caught
    assert held.memory_came_back()
    assert (board.allocated, board.reserved) == (0, 0)


def test_memory_that_something_refers_to_does_not_come_back(driver: Driver) -> None:
    held = held_laptop()
    kept = torch.empty(65 * MB, dtype=torch.uint8, device=THERE)
    assert not held.memory_came_back()
    del kept
    little = torch.empty(60 * MB, dtype=torch.uint8, device=THERE)  # libraries may keep blocks
    assert held.memory_came_back()
    del little


def test_what_many_rows_give_is_on_the_card_once(driver: Driver) -> None:
    tokens, width = TokenRows([np.ones(1 + row % 3, dtype=np.int32) for row in range(4000)]), 4096

    def forward(ids: Tensor, *_: object) -> Tensor:
        return torch.ones(len(ids), width, device=THERE)

    steps = predict(forward, tokens, np.arange(4000), 0, THERE, 50)
    check_finite(result_of(steps), StageId("detector", 0, 0))
    assert driver.boards[0].peak < 1.2 * 4000 * width * 4


# -- the cap ---------------------------------------------------------------------------------------------------------


def test_a_slot_that_is_too_small_in_truth_is_found_out_before_the_first_step(
    graph: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By count the whole batch fits, but libraries take 200 MB that the count knows nothing of."""
    monkeypatch.setattr(device, "_LEAST_GB", 0.0)
    monkeypatch.setattr(device, "_KERNELS_BYTES", 0)
    recipe = recipe_of(ONE_STAGE, **OF_A_DETECTOR)
    with pretended_cards(Card(total_gb=0.25, context_gb=0.0, workspace_mb=200.0)) as driver:
        held = held_laptop()
        assert held.budget_bytes == GB // 4
        context = context_on(graph, recipe, held)
        record = run_fold_trial(graph.trial(recipe), context)
        board = driver.boards[0]
        assert board.ooms == 1, "of the pass that tried the whole batch"
        used = record.memory["detector"]
        assert (used.batch_rows, used.recompute) == (64, False)
        assert used.micro_rows < 64
        assert used.predicted_bytes is not None
        assert used.predicted_bytes < board.peak <= GB // 4
        assert driver.steps == 2

        # The next fold knows what the first one measured.
        another = run_fold_trial(graph.trial(recipe, 1), context)
        assert another.memory["detector"].micro_rows == used.micro_rows
        assert board.ooms == 1
        assert board.peak <= GB // 4


@pytest.mark.parametrize("tries", [1, 2])
def test_the_pass_that_tries_a_stage_takes_smaller_parts_until_they_fit(
    graph: Bench, driver: Driver, tries: int
) -> None:
    held, recipe = held_laptop(), recipe_of(ONE_STAGE, stages__detector__optimizer__max_steps=2)
    for number in range(tries):
        driver.fail(at_op=1, when=lambda rows=16 >> number: in_force(context) == rows)
    context = context_on(graph, recipe, held)
    record = run_fold_trial(graph.trial(recipe), context)
    assert record.memory["detector"].micro_rows == 16 >> tries
    assert driver.steps == 2, "no step was lost"


def test_the_pass_that_tries_a_stage_is_held_against_the_count_of_a_step_alone(graph: Bench, driver: Driver) -> None:
    """The table of neighbours is never computed there: counted with it, every step would seem to need less."""
    recipe = recipe_of(ONE_STAGE, **OF_A_DETECTOR)
    learned: list[float] = []
    for entries in (0, GB // 4):
        context = context_on(graph, recipe, held_laptop())
        built = build_stage(graph.trial(recipe), "detector", context, None)
        plan = replace(built.plan, needs=replace(built.plan.needs, compared=Compared(table_entries=entries)))
        training = training_of(plan, Checkpoints(context.stages, plan.key, 0))
        fitted(training, plan.needs, THERE)
        alike = LikeStages("tiny", "detector", 64, training.precision.bits, fgm=True)
        learned.append(context.memory.correction(alike, recompute=False) or 0.0)
        del built, plan, training
        context.release()
    assert learned[0] > 0.5
    assert learned[1] == pytest.approx(learned[0], rel=0.02)


def in_force(context: TrialContext) -> int | None:
    """Rows of one pass, as far as that is settled."""
    return None if context.memory.in_force is None else context.memory.in_force[1].rung.rows


def test_the_cap_is_the_slots_budget_whatever_the_card_has_free(graph: Bench) -> None:
    with pretended_cards(Card(total_gb=24.0)) as driver:
        held = hold_device(on_gpu=True, slot_gb=8.0)
        assert held.budget_bytes is not None
        cap = torch.cuda.get_per_process_memory_fraction(THERE) * driver.boards[0].total
        assert cap == pytest.approx(held.budget_bytes, abs=1)
        kept = torch.empty(held.budget_bytes - 2 * MB, dtype=torch.uint8, device=THERE)
        with pytest.raises(torch.OutOfMemoryError, match=r"Tried to allocate 4\.00 MiB\..* allowed;"):
            torch.empty(4 * MB, dtype=torch.uint8, device=THERE)
        assert driver.boards[0].free > 15 * GB, "it is the neighbours'"
        del kept
        gc.collect()


# -- the count -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "changes"),
    [(TWO_STAGES, MOSTLY_ACTIVATIONS), (ONE_STAGE, MOSTLY_WEIGHTS), (ONE_STAGE, MOSTLY_VECTORS)],
    ids=["activations, bf16 with FGM", "weights, fp32 without", "vectors of an evaluation"],
)
def test_the_count_is_above_what_the_storages_of_a_step_hold(
    graph: Bench,
    driver: Driver,
    values: Mapping[str, Any],
    changes: dict[str, object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At least what is held, and at most 1.6 times that: a tensor that the count forgot, or counts twice, breaks it.

    It says little of a real card. The stand-in adds up the storages that the CPU's kernels make: a mask of dropout in 4
    bytes where a card's takes 1, no scratch space of kernels, no fragmentation. And the count takes all rows for as
    long as the longest one. cuBLAS's workspace is left out on both sides.
    """
    recipe = recipe_of(values, **changes)
    run_fold_trial(graph.trial(recipe), context_on(graph, recipe, held_laptop()))
    shares = {}
    for stage, record in by_stage(graph.store).items():
        assert record.memory is not None
        assert record.memory.is_plain
        assert record.memory.predicted_bytes is not None
        assert record.peak_memory_bytes is not None
        counted, held = record.memory.predicted_bytes - WORKSPACE_BYTES, record.peak_memory_bytes - WORKSPACE
        shares[stage] = counted / held
        with capsys.disabled():
            print(f"\n{stage}, {record.precision}: {counted / MB:.0f} MB counted, {held / MB:.0f} MB held", end="")
    assert len(shares) == len(values["stages"])
    assert all(1.0 <= share <= 1.6 for share in shares.values()), shares

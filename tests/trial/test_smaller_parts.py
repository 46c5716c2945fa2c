"""Weights that are trained outside of a search, where memory does not suffice."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from graph_bench import ONE_STAGE, Bench, recipe_of

from tests.stand_in.driver import Kind
from tests.stand_in.install import pretended_cards
from tests.stand_in.known_cards import LAPTOP
from tune_polar.data.table import Corpus
from tune_polar.store.records import StageRecord
from tune_polar.store.store import open_store
from tune_polar.trial.device import hold_whole
from tune_polar.trial.progress import Progress
from tune_polar.trial.run_fold_trial import weights_steps
from tune_polar.trial.slot_memory import SlotMemory
from tune_polar.trial.smaller_parts import in_smaller_parts

pytestmark = pytest.mark.skipif(torch.backends.cuda.is_built(), reason="the stand-in needs a torch built for the CPU")


def begun(
    sample: Corpus, folder: Path
) -> tuple[SlotMemory, Generator[Progress, None, None], Callable[[], StageRecord | None]]:
    """What is known of the card's memory, the steps of a stage there, and its record once it is through."""
    store = open_store(folder / "store")
    bench, recipe = Bench(sample, store, folder), recipe_of(ONE_STAGE)
    held = hold_whole(torch.device("cuda", 0))
    memory = SlotMemory(held.budget_bytes)
    context = replace(bench.context(recipe), device=held.device, memory=memory)
    begin = partial(weights_steps, bench.trial(recipe), context, ["detector"])
    key = bench.trial(recipe).stage_keys[0]
    return memory, in_smaller_parts(memory, held.device, begin), partial(store.stage, key)


def test_an_evaluation_goes_on_with_fewer_rows_and_steps_as_they_were(sample: Corpus, tmp_path: Path) -> None:
    with pretended_cards(LAPTOP) as driver:
        memory, steps, record_of = begun(sample, tmp_path)

        def is_too_large() -> bool:
            return memory.evaluates and memory.evaluation_rows > 16

        for _ in range(20):
            driver.fail("out_of_memory", when=is_too_large)
        for _ in steps:
            pass
        assert memory.evaluated == {"detector": 32}  # 16 at once passed
        record = record_of()
        assert record is not None
        assert record.memory is not None
        assert record.memory.micro_rows == record.memory.batch_rows


@pytest.mark.parametrize("kind", ["out_of_memory", "accelerator", "cublas"])
@pytest.mark.parametrize("room_for", [8, 0])
def test_a_stage_goes_on_in_smaller_parts_until_none_is_smaller(
    sample: Corpus, tmp_path: Path, room_for: int, kind: Kind
) -> None:
    with pretended_cards(LAPTOP) as driver:
        memory, steps, record_of = begun(sample, tmp_path)

        def is_too_large() -> bool:
            plan = memory.in_force
            return driver.steps > 0 and torch.is_grad_enabled() and plan is not None and plan[1].rung.rows > room_for

        for _ in range(20):  # each once
            driver.fail(kind, when=is_too_large)
        if room_for:
            for _ in steps:
                pass
            record = record_of()
            assert record is not None
            assert record.memory is not None
            assert record.memory.micro_rows == room_for < record.memory.batch_rows
        else:
            with pytest.raises(RuntimeError):
                list(steps)
            assert memory.in_force is not None
            assert memory.in_force[1].rungs_left == 0

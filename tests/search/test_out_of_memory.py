"""Running out of memory is not a score: the fold is computed in smaller parts, through the real worker and real Ray."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import out_of_memory
import pytest
import ray
import torch
from one_slot import ONE_SLOT, Slot
from out_of_memory import PLAIN_FORWARD, AccessOnSmallGpu, SmallGpu
from polar_search import planned, variant

from tune_polar.cli.failure_messages import failure_lines, memory_lines
from tune_polar.evaluate.summary import summarise
from tune_polar.model.encoder import TextEncoder
from tune_polar.recipe.recipe import Recipe
from tune_polar.report.page import html_of
from tune_polar.report.page_context import PageContext
from tune_polar.search.make_plan import SearchPlan
from tune_polar.search.prepared_search import PreparedSearch
from tune_polar.search.ray.remote_files import StoreAccess
from tune_polar.search.ray.trainable import FoldTrainable
from tune_polar.search.ray.worker_setup import FAILURE_KEY, WorkerSetup
from tune_polar.search.watch import Silent
from tune_polar.store.failures import OUT_OF_MEMORY, Reached
from tune_polar.store.store import Store, open_store
from tune_polar.trial.device import Held

STEPS = 4  # of two passes each: the clean one and FGM's


@pytest.fixture(autouse=True)
def _plain_afterwards() -> Iterator[None]:
    yield
    TextEncoder.forward = PLAIN_FORWARD  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> SearchPlan:
    return planned(tmp_path_factory.mktemp("data"), [recipe_of()])


@pytest.fixture(scope="module")
def plain_store(plan: SearchPlan, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The same search with memory enough."""
    search, store = prepared(plan, tmp_path_factory.mktemp("plain"))
    Slot(search, plan, store).run()
    return store


def recipe_of(**changes: object) -> Recipe:
    """Without dropout, whose masks would differ between a batch and its parts."""
    own = {"finder.encoder_dropout": 0.0, "finder.optimizer.eval_every_steps": 2}
    return variant(STEPS, **{**own, **changes})


def prepared(plan: SearchPlan, folder: Path) -> tuple[PreparedSearch, Store]:
    store = open_store(folder)
    search = PreparedSearch(plan, store, ONE_SLOT)
    search.create("test")
    return search, store


@pytest.mark.parametrize("fails_at", [1, STEPS, 2 * STEPS], ids=["first step", "in the middle", "last step"])
def test_a_fold_that_ran_out_of_memory_finishes_with_the_same_batch(
    tmp_path: Path, plan: SearchPlan, plain_store: Store, fails_at: int
) -> None:
    search, store = prepared(plan, tmp_path / "small")
    gpu = SmallGpu(most_rows=4, fails_at=fails_at)
    gpu.install()
    slot = Slot(search, plan, store)
    slot.run()

    assert search.core.done
    failures = sorted(store.failures(), key=lambda failure: failure.attempt)
    assert gpu.failures == len(failures) == 2
    assert {failure.kind for failure in failures} == {OUT_OF_MEMORY}
    assert [f.memory and (f.memory.batch_rows, f.memory.micro_rows) for f in failures] == [(16, 16), (16, 8)]
    assert failures[0].reached == Reached("finder", 0, (fails_at - 1) // 2)
    assert len(slot.configs) == 4, "the second cell begins where the first one has come to"
    (configuration,) = search.core.progress.values()
    assert configuration.state == "finished"
    assert set(search.study.scored) == {configuration.configuration.id}

    for record in store.folds():
        ours, theirs = (each.stage(record.stages["finder"]) for each in (store, plain_store))
        assert ours is not None, "a stage's key does not say how its steps were computed"
        assert theirs is not None
        assert theirs.memory is None
        assert ours.memory is not None
        assert (ours.memory.batch_rows, ours.memory.micro_rows, ours.memory.recompute) == (16, 4, False)
        losses, plain_losses = ([point.training_loss for point in each.curve] for each in (ours, theirs))
        assert losses == pytest.approx(plain_losses, rel=1e-4)
        assert record.memory["finder"] == ours.memory

    summary = summarise(store)
    assert any("OutOfMemoryError" in line for line in failure_lines(summary))
    assert "batch 16 in parts of 4" in "\n".join(memory_lines(summary))
    page = html_of(PageContext(summary))
    assert "batch 16 in parts of 4" in page
    assert "2 attempts ran out of memory" in page


def test_what_fits_in_no_way_is_infeasible_with_its_reason(tmp_path: Path, plan: SearchPlan) -> None:
    search, store = prepared(plan, tmp_path / "store")
    SmallGpu(most_rows=0, even_recomputing=True).install()
    Slot(search, plan, store).run()

    failures = sorted(store.failures(), key=lambda failure: failure.attempt)
    tried = [(f.memory.micro_rows, f.memory.recompute) for f in failures if f.memory is not None]
    assert tried[:5] == [(16, False), (8, False), (4, False), (2, False), (1, False)]
    assert tried[-1] == (1, True)
    assert [f.memory is not None and f.memory.is_last for f in failures] == [False] * (len(failures) - 1) + [True]
    (configuration,) = search.core.progress.values()
    assert configuration.state == "infeasible"
    assert search.study.scored == {}
    summary = summarise(store)
    assert [row.state for row in summary.configurations] == ["infeasible"]
    reason = "not even the smallest parts fit into memory: finder at step 0, batch 16 in parts of 1"
    assert reason in failures[-1].message
    assert any(reason in line for line in failure_lines(summary))
    assert reason in html_of(PageContext(summary))

    again = PreparedSearch(plan, store, ONE_SLOT)
    again.restore()
    assert again.core.done, "the records alone say so"


def test_gradient_checkpointing_saves_a_fold_for_which_one_row_is_too_much(tmp_path: Path, plan: SearchPlan) -> None:
    search, store = prepared(plan, tmp_path / "store")
    SmallGpu(most_rows=0).install()
    Slot(search, plan, store).run()
    assert [row.state for row in search.core.progress.values()] == ["finished"]
    assert {record.memory["finder"].recompute for record in store.folds()} == {True}


def test_a_resumed_search_remembers_what_was_tried(tmp_path: Path, plan: SearchPlan) -> None:
    search, store = prepared(plan, tmp_path / "store")
    SmallGpu(most_rows=4).install()
    slot = Slot(search, plan, store)
    config = slot.searcher.suggest("0")
    assert isinstance(config, dict)
    slot.worker = FoldTrainable.__new__(FoldTrainable)
    slot.worker.setup(config, slot.setup)
    slot.searcher.on_trial_complete("0", slot.worker.step())
    assert len(store.failures()) == 1

    again = PreparedSearch(plan, store, ONE_SLOT)
    again.restore()
    resumed = Slot(again, plan, store)
    resumed.run()
    assert resumed.configs[0]["memory_tried"] == '{"finder": [16, false]}'
    assert sorted(f.memory.micro_rows for f in store.failures() if f.memory) == [8, 16]
    assert again.core.done


def test_a_worker_whose_memory_does_not_come_back_tells_first_and_then_ends(
    tmp_path: Path, plan: SearchPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, store = prepared(plan, tmp_path / "store")
    SmallGpu(most_rows=4).install()
    slot = Slot(search, plan, store)
    config = slot.searcher.suggest("0")
    assert isinstance(config, dict)
    worker = FoldTrainable.__new__(FoldTrainable)
    worker.setup(config, slot.setup)
    monkeypatch.setattr(Held, "memory_came_back", lambda held: False)
    told = worker.step()
    assert told["done"] is False
    assert OUT_OF_MEMORY in told[FAILURE_KEY]
    slot.searcher.on_trial_result("0", told)

    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr("os._exit", leave)
    with pytest.raises(SystemExit):
        worker.step()
    slot.searcher.on_trial_complete("0", error=True)  # as Tune tells of a worker that is gone
    assert [failure.kind for failure in store.failures()] == [OUT_OF_MEMORY]
    assert slot.searcher.suggest("1") is not None


def test_out_of_memory_before_a_stage_began_counts_as_a_lost_worker(tmp_path: Path, plan: SearchPlan) -> None:
    search, store = prepared(plan, tmp_path / "store")
    slot = Slot(search, plan, store)
    config = slot.searcher.suggest("0")
    assert isinstance(config, dict)
    worker = FoldTrainable.__new__(FoldTrainable)
    worker.setup(config, slot.setup)
    failure = worker._runner._out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert (failure.memory, failure.is_final) == (None, False)
    search.core.fold_failed(failure)
    assert next(iter(search.core.progress.values())).state == "open"


class OnSmallGpus(PreparedSearch):
    """A search whose workers have GPUs of four rows."""

    def worker_setup(self, access: StoreAccess) -> WorkerSetup:
        return replace(super().worker_setup(access), store=AccessOnSmallGpu(access.address))


@pytest.mark.e2e
def test_a_real_search_goes_through_it(tmp_path: Path, plan: SearchPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    # Ray counts callbacks that it is given, and loads MLflow and W&B for that: seconds, where they are installed
    monkeypatch.setattr("ray.air._internal.usage._count_callbacks", None)
    store = open_store(tmp_path / "store")
    search = OnSmallGpus(plan, store, ONE_SLOT)
    search.create("test")
    ray.cloudpickle.register_pickle_by_value(out_of_memory)
    try:
        result = search.run(Silent())
    finally:
        ray.cloudpickle.unregister_pickle_by_value(out_of_memory)
    assert result.core.done
    assert len(store.folds()) == 2
    assert {record.memory["finder"].micro_rows for record in store.folds()} == {4}
    assert [f.memory.micro_rows for f in sorted(store.failures(), key=lambda f: f.attempt) if f.memory] == [16, 8]
    assert len(result.study.scored) == 1

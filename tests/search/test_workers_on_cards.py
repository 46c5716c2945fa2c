"""The real worker on a pretended card: what its errors speak against, and on which device a search trains at all."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import ray
import torch
from polar_search import planned
from test_out_of_memory import Slot, prepared, recipe_of

from tests.stand_in.cards import GB
from tests.stand_in.driver import Driver, Kind
from tests.stand_in.install import pretended_cards
from tests.stand_in.known_cards import DESKTOP, LAPTOP
from tune_polar.errors import SearchError
from tune_polar.search.make_plan import SearchPlan
from tune_polar.search.prepared_search import PreparedSearch
from tune_polar.search.ray.fold_runner import SLOT_WAITS
from tune_polar.search.ray.ray_session import local_ray
from tune_polar.search.ray.trainable import FoldTrainable, keep_own_gpu
from tune_polar.search.ray.worker_setup import FAILURE_KEY
from tune_polar.search.resources.slots import Slots
from tune_polar.store.failures import OUT_OF_MEMORY, WORKER_LOST, Reached
from tune_polar.store.records import StageRecord
from tune_polar.store.store import Store
from tune_polar.trial import predictor, stage_training, visible_gpus
from tune_polar.trial.forward_pass import predict
from tune_polar.trial.gpus import slot_budget_bytes
from tune_polar.trial.stage_model import StageModel
from tune_polar.trial.training_loop import Training, train
from tune_polar.trial.visible_gpus import SIMULATED
from tune_polar.trial.work_provenance import this_cpu

pytestmark = pytest.mark.skipif(torch.backends.cuda.is_built(), reason="the stand-in needs a torch built for the CPU")

STEPS = 4  # of a stage, with an evaluation after each second one


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> SearchPlan:
    return planned(tmp_path_factory.mktemp("data"), [recipe_of(**{"finder.precision": "fp32"})])


@pytest.fixture(scope="module")
def on_cpu(plan: SearchPlan, tmp_path_factory: pytest.TempPathFactory) -> tuple[PreparedSearch, Store]:
    """The same search on a CPU, whose attention is computed in one rectangle a batch, as a card's is."""
    search, store = prepared(plan, tmp_path_factory.mktemp("cpu"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tune_polar.model.row_blocks.SHORTEST_SHARE", 0.0)
        Slot(search, plan, store).run()
    return search, store


@dataclass
class Passes:
    """Passes of training, after the one that tries a stage: two a step, the clean one and FGM's."""

    begun: int = 0
    trains: bool = False

    def is_clean_one_of(self, step: int) -> bool:
        return self.begun == 2 * step + 1


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Passes:
    found, plain = Passes(), StageModel.forward

    def watched_train(training: Training, device: torch.device) -> object:
        found.trains = True
        return train(training, device)

    def counted(model: StageModel, *batch: Any) -> Any:
        found.begun += found.trains and model.training
        return plain(model, *batch)

    monkeypatch.setattr(stage_training, "train", watched_train)
    monkeypatch.setattr(StageModel, "forward", counted)
    return found


class CardSlot(Slot):
    """A slot of a search on GPUs."""

    def __init__(self, search: PreparedSearch, plan: SearchPlan, store: Store, slot_gb: float = 8.0) -> None:
        super().__init__(search, plan, store)
        self.setup = replace(self.setup, gpu=True, slot_gb=slot_gb)


def stage_of(store: Store, fold: int) -> StageRecord:
    (record,) = [record for record in store.folds() if record.fold == fold]
    found = store.stage(record.stages["finder"])
    assert found is not None
    return found


# -- memory ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "step"),
    [("out_of_memory", 0), ("out_of_memory", 1), ("out_of_memory", STEPS - 1), ("cublas", 0), ("accelerator", 2)],
)
def test_a_fold_that_ran_out_of_memory_is_finished_in_smaller_parts_and_scored_as_ever(
    tmp_path: Path,
    plan: SearchPlan,
    on_cpu: tuple[PreparedSearch, Store],
    passes: Passes,
    kind: Kind,
    step: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # All of it must come back. Else the process would end: a model of this size hides in what libraries may keep.
    monkeypatch.setattr("tune_polar.trial.device._LEFT_OVER_BYTES", 0)
    monkeypatch.setattr("os._exit", lambda code: pytest.fail("memory did not come back"))
    search, store = prepared(plan, tmp_path / "store")
    with pretended_cards(LAPTOP) as driver:
        driver.fail(kind, when=lambda: passes.is_clean_one_of(step))
        slot = CardSlot(search, plan, store)
        slot.run()
    (failure,) = store.failures()
    assert (failure.kind, failure.reached, failure.attempt) == (OUT_OF_MEMORY, Reached("finder", 0, step), 0)
    assert failure.memory is not None
    assert (failure.memory.batch_rows, failure.memory.micro_rows, failure.memory.is_last) == (16, 16, False)
    assert failure.provenance.device == LAPTOP.name
    assert [config["memory_tried"] for config in slot.configs] == ["{}", *['{"finder": [16, false]}'] * 2]

    assert search.core.done
    (configuration,) = search.core.progress.values()
    assert configuration.state == "finished"
    for fold in (0, 1):
        ours, theirs = stage_of(store, fold), stage_of(on_cpu[1], fold)
        assert ours.memory is not None
        assert (ours.memory.micro_rows, ours.steps, ours.key) == (8, STEPS, theirs.key)
        losses = [[point.training_loss for point in each.curve] for each in (ours, theirs)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    scores = [{key: scored.scores.score for key, scored in each.study.scored.items()} for each in (search, on_cpu[0])]
    assert scores[0] == pytest.approx(scores[1], abs=0.02), "to rounding, which may turn a neighbour"


def test_an_evaluation_that_ran_out_of_memory_is_done_in_smaller_batches(
    tmp_path: Path, plan: SearchPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def watched(*args: Any) -> object:
        asked.append(args[-1])
        return predict(*args)

    monkeypatch.setattr(predictor, "predict", watched)
    search, store = prepared(plan, tmp_path / "store")
    with pretended_cards(LAPTOP) as driver:
        driver.fail("out_of_memory", at_step=2, when=torch.is_inference_mode_enabled)
        slot = CardSlot(search, plan, store)
        slot.run()
    (failure,) = store.failures()
    assert (failure.kind, failure.reached) == (OUT_OF_MEMORY, Reached("finder", 0, 1))
    assert (failure.evaluation_rows, failure.is_final) == (128, False)
    assert "finder at step 1, evaluated 128 rows at once: CUDA out of memory" in failure.message
    assert (asked[0], set(asked[1:])) == (128, {64})
    tried = [(config["memory_tried"], config["evaluations_tried"]) for config in slot.configs]
    assert tried == [("{}", "{}"), *[("{}", '{"finder": 128}')] * 2]
    assert {stage_of(store, fold).memory.micro_rows for fold in (0, 1)} == {16}, "steps are as they were"
    assert [row.state for row in search.core.progress.values()] == ["finished"]


def test_memory_that_runs_out_before_a_stage_is_planned_loses_no_configuration(
    tmp_path: Path, plan: SearchPlan
) -> None:
    search, store = prepared(plan, tmp_path / "store")
    with pretended_cards(LAPTOP) as driver:
        driver.fail("out_of_memory")  # the model's first matrix
        CardSlot(search, plan, store).run()
    (failure,) = store.failures()
    assert (failure.kind, failure.memory, failure.is_final) == (OUT_OF_MEMORY, None, False)
    assert [row.state for row in search.core.progress.values()] == ["finished"]
    assert {stage_of(store, fold).memory.micro_rows for fold in (0, 1)} == {16}


class Stranger:
    """Another program, which takes all that a card has free as soon as ``begins`` says so."""

    def __init__(self, driver: Driver, begins: Callable[[], bool]) -> None:
        self.driver, self.begins, self.is_there = driver, begins, False
        driver.fail(when=self._comes)

    def _comes(self) -> bool:
        if not self.is_there and self.begins():
            self.is_there = True
            board = self.driver.boards[0]
            board.empty_cache()
            board.card = replace(board.card, used_gb=(board.total - board.context - board.allocated) / GB)
        return False  # what the card does then is the stand-in's own error

    def leaves(self) -> None:
        self.begins = lambda: False
        self.is_there = False
        board = self.driver.boards[0]
        board.card = replace(board.card, used_gb=0.0)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that a worker would have waited."""
    found: list[float] = []
    monkeypatch.setattr("time.sleep", found.append)
    return found


@pytest.mark.parametrize("step", [None, 0, 2], ids=["while a stage is tried", "first step", "in the middle"])
def test_a_program_that_takes_a_slots_memory_ends_the_search_and_no_configuration(
    tmp_path: Path, plan: SearchPlan, passes: Passes, waits: list[float], step: int | None
) -> None:
    search, store = prepared(plan, tmp_path / "store")
    with pretended_cards(LAPTOP) as driver:
        slot = CardSlot(search, plan, store)
        Stranger(driver, lambda: is_tried(slot) if step is None else passes.is_clean_one_of(step))
        with pytest.raises(SearchError, match=r"must keep the memory .* has 0\.\d\d of 7\.62 GB left") as caught:
            slot.run()
    assert len(waits) == SLOT_WAITS
    assert "`tune-polar resume` goes on" in caught.value.remedy
    nothing_is_held_against_a_configuration(search, store)


def is_tried(slot: CardSlot) -> bool:
    """Whether a stage passes whose memory has been planned."""
    opened = None if slot.worker is None else slot.worker._runner._opened
    return opened is not None and opened.context.memory.in_force is not None


def test_a_program_that_gives_a_slots_memory_back_has_cost_a_moment(
    tmp_path: Path, plan: SearchPlan, passes: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, store = prepared(plan, tmp_path / "store")
    with pretended_cards(LAPTOP) as driver:
        stranger, waited = Stranger(driver, lambda: passes.is_clean_one_of(2)), itertools.count(1)
        monkeypatch.setattr("time.sleep", lambda _: next(waited) == 3 and stranger.leaves())
        slot = CardSlot(search, plan, store)
        slot.run()
    assert next(waited) == 4
    assert store.failures() == []
    assert [row.state for row in search.core.progress.values()] == ["finished"]
    assert {stage_of(store, fold).memory.micro_rows for fold in (0, 1)} == {16}
    assert [(config["attempt"], config["memory_tried"]) for config in slot.configs] == [(0, "{}")] * 2


# -- a device that is lost -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0, STEPS - 1])
def test_a_worker_whose_device_is_lost_says_so_and_ends_and_the_fold_runs_again(
    tmp_path: Path, plan: SearchPlan, passes: Passes, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr("os._exit", leave)
    search, store = prepared(plan, tmp_path / "store")
    slot = CardSlot(search, plan, store)
    with pretended_cards(LAPTOP) as driver:
        driver.fail("sticky", when=lambda: passes.is_clean_one_of(step))
        config = slot.searcher.suggest("0")
        assert isinstance(config, dict)
        worker = FoldTrainable.__new__(FoldTrainable)
        worker.setup(config, slot.setup)
        while FAILURE_KEY not in (told := worker.step()):
            assert not told.get("done")
        assert told["done"] is False
        slot.searcher.on_trial_result("0", told)
        assert store.failures() == [], "the driver writes it when the worker has gone"
        with pytest.raises(SystemExit) as left:
            worker.step()
        assert left.value.code == 1
    slot.searcher.on_trial_complete("0", error=True)  # as Tune tells of a worker that is gone

    (failure,) = store.failures()
    assert (failure.kind, failure.is_infrastructure) == (WORKER_LOST, True)
    assert failure.reached == (Reached("finder", 0, step) if step else None)
    assert "ended itself after AcceleratorError: CUDA error: an illegal memory access" in failure.message
    assert [row.state for row in search.core.progress.values()] == ["open"]
    slot.configs.append(config)
    with pretended_cards(LAPTOP):  # the process that comes in its place
        slot.run()
    assert [row.state for row in search.core.progress.values()] == ["finished"]
    assert len(store.failures()) == 1
    assert [config["attempt"] for config in slot.configs] == [0, 1, 0]
    assert {stage_of(store, fold).memory.micro_rows for fold in (0, 1)} == {16}, "it says nothing of memory"


# -- a device that is not there --------------------------------------------------------------------------------------


def test_a_search_on_gpus_whose_worker_sees_none_ends_with_one_clear_error(
    tmp_path: Path, plan: SearchPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    search, store = prepared(plan, tmp_path / "store")
    with pretended_cards(LAPTOP), pytest.raises(SearchError, match=r"must find one in each .*DEVICES='7'") as caught:
        CardSlot(search, plan, store).run()
    assert "tune-polar doctor" in caught.value.remedy
    nothing_is_held_against_a_configuration(search, store)


def test_a_card_that_takes_no_further_process_ends_the_search_with_one_clear_error(
    tmp_path: Path, plan: SearchPlan
) -> None:
    search, store = prepared(plan, tmp_path / "store")
    with pretended_cards(LAPTOP) as driver:
        driver.fail("sticky")
        with pytest.raises(torch.AcceleratorError):
            torch.ones(1, device="cuda")
        with pytest.raises(
            SearchError, match="must take another process, but: CUDA error: an illegal memory"
        ) as caught:
            CardSlot(search, plan, store).run()
    assert "\n" not in caught.value.problem
    assert "nvidia-smi" in caught.value.remedy
    nothing_is_held_against_a_configuration(search, store)


def test_a_card_that_others_have_filled_ends_the_search_with_one_clear_error(tmp_path: Path, plan: SearchPlan) -> None:
    search, store = prepared(plan, tmp_path / "store")
    full = replace(LAPTOP, used_gb=7.5)
    with pretended_cards(full), pytest.raises(SearchError, match=r"must have 0\.5 GB free, .* has 0\.2 of 8\.0 GB"):
        CardSlot(search, plan, store).run()
    nothing_is_held_against_a_configuration(search, store)


def nothing_is_held_against_a_configuration(search: PreparedSearch, store: Store) -> None:
    assert store.failures() == []
    assert store.folds() == []
    assert [row.state for row in search.core.progress.values()] == ["open"]


# -- which device ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("simulated", [False, True])
def test_a_search_without_real_gpus_stays_on_the_cpu_whatever_the_machine_has(
    tmp_path: Path, plan: SearchPlan, monkeypatch: pytest.MonkeyPatch, simulated: bool
) -> None:
    search, store = prepared(plan, tmp_path / "store")
    if simulated:
        monkeypatch.setenv(SIMULATED, "8")
    with pretended_cards(LAPTOP) as driver:
        (CardSlot if simulated else Slot)(search, plan, store).run()
        assert driver.ops == 0
        assert driver.boards[0].context == 0, "not even a context"
    assert {record.provenance.device for record in store.folds()} == {this_cpu()}
    assert {stage_of(store, fold).memory for fold in (0, 1)} == {None}


@pytest.fixture
def desktop() -> Iterator[Driver]:
    with pretended_cards(DESKTOP) as found:
        yield found


def test_a_worker_is_held_to_its_slot_of_a_larger_card(tmp_path: Path, plan: SearchPlan, desktop: Driver) -> None:
    search, store = prepared(plan, tmp_path / "store")
    CardSlot(search, plan, store).run()
    used = stage_of(store, 0).memory
    assert used is not None
    assert used.budget_bytes == slot_budget_bytes(24.0, 8.0) < 7.5 * GB
    assert desktop.boards[0].fraction * 24 * GB == pytest.approx(used.budget_bytes)
    assert {record.provenance.device for record in store.folds()} == {DESKTOP.name}


# -- through Ray -----------------------------------------------------------------------------------------------------


@ray.remote(num_gpus=1, num_cpus=1)
class Worker:
    """What a worker does before it looks for its GPU."""

    def visible(self, on_amd: bool) -> tuple[str, str | None]:
        if on_amd:
            visible_gpus._NVIDIA_DRIVERS, visible_gpus._AMD_DRIVER = (), os.devnull  # type: ignore[assignment]
        variable = visible_gpus.visible_variable()
        before = os.environ.get(variable)
        keep_own_gpu()
        return os.environ[variable], before


@pytest.mark.e2e
@pytest.mark.parametrize("on_amd", [False, True], ids=["NVIDIA", "AMD without amdsmi"])
def test_ray_gives_each_worker_one_of_the_names_that_stand_in_the_variable_once_for_each_slot(
    on_amd: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")  # to be put back
        monkeypatch.delenv(name)
    if on_amd:
        monkeypatch.setattr(visible_gpus, "_NVIDIA_DRIVERS", ())
        monkeypatch.setattr(visible_gpus, "_AMD_DRIVER", os.devnull)
    devices = ("2", "5", "5")
    with local_ray(Slots(3, threads=1, gpu=True, devices=devices)):
        workers = [Worker.remote() for _ in devices]
        found = ray.get([worker.visible.remote(on_amd) for worker in workers], timeout=120)
    assert sorted(visible for visible, _ in found) == ["2", "5", "5"]
    # Ray narrows the variable of the cards it knows of; these it takes for NVIDIA's.
    assert {before for _, before in found} == ({"2,5,5"} if on_amd else {"2", "5"})

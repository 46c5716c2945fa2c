"""A stage that goes on from its checkpoint gives the bits of one that was never stopped."""

from __future__ import annotations

import dataclasses
import itertools
import logging

import numpy as np
import pytest
import torch
from graph_bench import TWO_STAGES, Bench, recipe_of
from torch.amp.grad_scaler import GradScaler

from tune_polar.data.table import Corpus
from tune_polar.errors import StoreError
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.checkpoint import Checkpoint
from tune_polar.store.records import StageRecord
from tune_polar.store.store import Store, open_store
from tune_polar.trial.checkpoints import Checkpoints, StageParts, TrainingState
from tune_polar.trial.run_fold_trial import fold_trial_steps, run_fold_trial

ALWAYS = 1e-9  # seconds between checkpoints: one after each step
CHANGES: dict[str, object] = {
    "encoder_dropout": 0.1,  # so that the generator's state matters
    "optimizer__max_grad_norm": 1.0,
    "optimizer__max_steps": 10,
    "optimizer__eval_every_steps": 3,
    "optimizer__patience_evaluations": 2,
}


def recipe() -> Recipe:
    stages = ("detector", "classifier")
    changes = {f"stages__{stage}__{key}": value for stage in stages for key, value in CHANGES.items()}
    return recipe_of(TWO_STAGES, **changes)


def first_key(graph: Bench) -> str:
    return graph.trial(recipe()).stage_key("detector", None)


@pytest.fixture
def slow_writes_count_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write after each step, however long the one before took."""
    monkeypatch.setattr("tune_polar.trial.checkpoints._WRITING_SHARE", float("inf"))


def stages(store: Store) -> dict[str, StageRecord]:
    names = store.files.names("stages")
    found = {name: store.stage(name.removeprefix("stages/").removesuffix(".safetensors")) for name in names}
    return {name: record for name, record in found.items() if record is not None}


def assert_same(ours: dict[str, StageRecord], theirs: dict[str, StageRecord]) -> None:
    assert ours.keys() == theirs.keys()
    for name, record in ours.items():
        other = theirs[name]
        assert (record.curve, record.steps, record.stopped) == (other.curve, other.steps, other.stopped)
        for array, values in record.arrays.items():
            np.testing.assert_array_equal(values, other.arrays[array])


@pytest.fixture(scope="module")
def uninterrupted(sample: Corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[str, StageRecord]:
    """The stages of a fold trial that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    whole = Bench(sample, open_store(folder), folder)
    run_fold_trial(whole.trial(recipe()), whole.context(recipe(), 0))
    return stages(whole.store)


def stopped_after(graph: Bench, pauses: int) -> int:
    """Run a fold trial for so many pauses, kill it as a process dies (nothing is closed); the checkpoint's step."""
    steps = fold_trial_steps(graph.trial(recipe()), graph.context(recipe(), ALWAYS))
    seen = list(itertools.islice(steps, pauses))
    with pytest.MonkeyPatch.context() as patch:  # a process that dies closes nothing
        patch.setattr(Checkpoints, "save_on_leaving", lambda *_: None)
        steps.close()
    return seen[-1].step


@pytest.mark.usefixtures("slow_writes_count_nothing")
@pytest.mark.parametrize("pauses", [1, 2, 3, 4, 5, 7, 11, 16, 23, 29, 34])
def test_a_killed_stage_goes_on_to_the_same_bits(
    graph: Bench, uninterrupted: dict[str, StageRecord], pauses: int
) -> None:
    stopped_after(graph, pauses)
    finished_before = len(stages(graph.store))
    rest = list(fold_trial_steps(graph.trial(recipe()), graph.context(recipe(), ALWAYS)))
    first = next((p for p in rest if p.stage == ("classifier" if finished_before else "detector")), None)
    assert_same(stages(graph.store), uninterrupted)
    assert first is None or first.step > 1 or pauses <= 1 or finished_before, "it began anew"
    assert graph.store.files.names("checkpoints") == []


@pytest.mark.usefixtures("slow_writes_count_nothing")
def test_stopping_on_purpose_writes_the_last_step(graph: Bench) -> None:
    steps = fold_trial_steps(graph.trial(recipe()), graph.context(recipe(), 1e6))
    list(itertools.islice(steps, 6))
    steps.close()
    assert graph.store.files.names("checkpoints") == [], "nothing worth the write has been trained"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tune_polar.trial.checkpoints._WORTH_WRITING_SECONDS", 0.0)
        steps = fold_trial_steps(graph.trial(recipe()), graph.context(recipe(), 1e6))
        seen = list(itertools.islice(steps, 6))
        steps.close()
    found = graph.store.checkpoint(first_key(graph))
    assert found is not None
    assert found.step == seen[-1].step
    again = next(fold_trial_steps(graph.trial(recipe()), graph.context(recipe(), 0)))
    assert again.step in (found.step, found.step + 1)


def test_none_are_written_where_none_are_wanted(graph: Bench) -> None:
    steps = fold_trial_steps(graph.trial(recipe()), graph.context(recipe(), 0))
    list(itertools.islice(steps, 6))
    steps.close()
    assert graph.store.files.names("checkpoints") == []


@pytest.mark.usefixtures("slow_writes_count_nothing")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: {"arrays": {k: v for k, v in c.arrays.items() if not k.startswith("model/")}},
        lambda c: {"arrays": {k: v[..., :1] if v.ndim and k[:4] == "opti" else v for k, v in c.arrays.items()}},
        lambda c: {"arrays": {k: v for k, v in c.arrays.items() if k != "optimizer/0/step"}},
        lambda c: {"arrays": {**c.arrays, "optimizer/999/step": np.array(1, np.float32)}},
        lambda c: {"arrays": {k: v for k, v in c.arrays.items() if k != "random/cpu"}},
        lambda c: {"arrays": {**c.arrays, "best/of_another": np.zeros(3)}},
        lambda c: {"rates": c.rates[:-1]},
    ],
)
def test_a_checkpoint_that_does_not_fit_is_passed_over(
    graph: Bench, uninterrupted: dict[str, StageRecord], spoil: object, caplog: pytest.LogCaptureFixture
) -> None:
    stopped_after(graph, 3)
    found = graph.store.checkpoint(first_key(graph))
    assert found is not None
    assert callable(spoil)
    graph.store.put_checkpoint(dataclasses.replace(found, **spoil(found)))
    with caplog.at_level(logging.WARNING):
        first = next(iter(list(fold_trial_steps(graph.trial(recipe()), graph.context(recipe(), 0)))))
    assert first.step == 1
    assert "does not fit and is passed over" in caplog.text
    assert_same(stages(graph.store), uninterrupted)


@pytest.mark.usefixtures("slow_writes_count_nothing")
def test_a_store_that_refuses_a_checkpoint_does_not_end_the_training(
    graph: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: Store, checkpoint: Checkpoint) -> None:
        raise StoreError("store x: must be written, but: no space left", "Free space.")

    monkeypatch.setattr(Store, "put_checkpoint", refuse)
    run_fold_trial(graph.trial(recipe()), graph.context(recipe(), ALWAYS))
    assert "no checkpoint of stage" in caplog.text
    assert "no space left" in caplog.text
    assert len(stages(graph.store)) == 2


@pytest.mark.usefixtures("slow_writes_count_nothing")
def test_the_seconds_of_the_first_run_are_counted_too(graph: Bench) -> None:
    stopped_after(graph, 4)
    key = first_key(graph)
    found = graph.store.checkpoint(key)
    assert found is not None
    graph.store.put_checkpoint(dataclasses.replace(found, seconds=1000.0))
    run_fold_trial(graph.trial(recipe()), graph.context(recipe(), 0))
    record = graph.store.stage(key)
    assert record is not None
    assert 1000.0 < record.seconds < 1100.0


@pytest.mark.usefixtures("slow_writes_count_nothing")
@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), torch.AcceleratorError("CUDA error")])
def test_a_device_that_fails_while_a_checkpoint_is_taken_up_is_not_the_checkpoints_fault(
    graph: Bench, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_after(graph, 3)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("torch.optim.AdamW.load_state_dict", fail)
    with pytest.raises(type(error)):
        list(fold_trial_steps(graph.trial(recipe()), graph.context(recipe(), 0)))
    assert graph.store.checkpoint(first_key(graph)) is not None, "it is there for the next attempt"


@pytest.mark.parametrize(("write_seconds", "every_seconds"), [(0.01, 60.0), (3.0, 60.0), (40.0, 60.0), (40.0, 0.001)])
def test_writing_takes_a_fiftieth_of_the_time_at_most(
    monkeypatch: pytest.MonkeyPatch, write_seconds: float, every_seconds: float
) -> None:
    """Ten hours of steps of half a second; only the first write is made without knowing what one takes."""
    now, writes = [0.0], []

    class Slow:
        def checkpoint(self, key: str) -> Checkpoint | None:
            return None

        def put_checkpoint(self, checkpoint: Checkpoint) -> None:
            writes.append(now[0])
            now[0] += write_seconds

    monkeypatch.setattr("tune_polar.trial.checkpoints.time.monotonic", lambda: now[0])
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters())
    schedule = torch.optim.lr_scheduler.ConstantLR(optimizer)
    parts = StageParts(model, optimizer, schedule, GradScaler(enabled=False), torch.device("cpu"))
    found = Checkpoints(Slow(), "0" * 32, every_seconds)
    while now[0] < 36_000:
        now[0] += 0.5
        if found.are_due:
            found.save(parts, TrainingState(step=1))
    assert len(writes) > 10
    assert (len(writes) - 1) * write_seconds <= 0.02 * now[0]
    assert np.diff(writes).min() >= min(every_seconds, 0.5)

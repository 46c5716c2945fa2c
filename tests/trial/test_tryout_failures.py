"""A tryout counts what a stage takes, takes a checkpoint up as a new process does, and tells what fails."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from graph_bench import ONE_STAGE, TWO_STAGES, Bench, plans_of, recipe_of

from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.errors import ModelError, StoreError
from tune_polar.recipe.recipe_file import load_recipe
from tune_polar.store.checkpoint import Checkpoint
from tune_polar.store.store import Store
from tune_polar.trial import tryout
from tune_polar.trial.checkpoints import Checkpoints, StageParts, TrainingState
from tune_polar.trial.tryout import try_stages
from tune_polar.trial.tryout_process import Tryout, try_out
from tune_polar.trial.tryout_result import DeviceTried, StageFailed, StageTried

# 22.6 million parameters: large enough that weights and not the libraries decide, small enough for seconds
SMALL_BERT = {
    "model_type": "bert",
    "vocab_size": 21_128,
    "hidden_size": 384,
    "num_hidden_layers": 8,
    "num_attention_heads": 6,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
}


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than one step on a batch as it comes, and one look at evaluated rows."""
    monkeypatch.setattr(tryout, "_TYPICAL_STEPS", 1)
    monkeypatch.setattr(tryout, "_EVALUATED_SECONDS", 0.0)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells a process's peak anew")
def test_memory_is_counted_to_within_a_seventh_of_what_a_pretrained_encoder_takes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The published recipe, its encoder replaced by random weights of a smaller one that is not here either."""
    corpus = sample_corpus(0, rows_train=60, rows_dev=0, rows_test=0)
    recipe = load_recipe("st3").recipe
    tried = Tryout(
        recipe, corpus, plans_of(recipe, corpus), tmp_path, None, 8.0, 1, configs={recipe.encoder.name: SMALL_BERT}
    )
    device, *stages = try_out(tried)
    assert capfd.readouterr() == ("", ""), "whoever reads what is told is shown nothing else"
    assert isinstance(device, DeviceTried)
    assert [stage.stage for stage in stages if isinstance(stage, StageTried)] == list(recipe.stages)
    for stage in stages:
        assert isinstance(stage, StageTried)
        assert stage.host_peak_bytes > 13 * 4 * 22_600_000, "weights, moments, best weights, and a checkpoint of them"
        assert stage.host_predicted_bytes == pytest.approx(stage.host_peak_bytes, rel=0.15)
    assert list(tmp_path.iterdir()) == [], "encoder and store are removed"


@pytest.mark.usefixtures("brief")
def test_a_checkpoint_is_taken_up_as_by_a_new_process(graph: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its moments would stand beside those of the steps before, and a peak be measured that no search has."""
    inner, found = Checkpoints.restore, []

    def restore(checkpoints: Checkpoints, parts: StageParts) -> TrainingState | None:
        gradients = [parameter.grad for parameter in parts.model.parameters() if parameter.grad is not None]
        found.append((len(gradients), len(parts.optimizer.state)))
        state = inner(checkpoints, parts)
        assert state is not None
        assert state.step == 3
        assert state.best_weights is not None
        found.append((len(gradients), len(parts.optimizer.state)))
        return state

    monkeypatch.setattr(Checkpoints, "restore", restore)
    recipe = recipe_of(ONE_STAGE)
    (told,) = try_stages(graph.trial(recipe), graph.context(recipe))
    assert isinstance(told, StageTried)
    assert found[0] == (0, 0)
    assert found[1][1] > 10


@pytest.mark.parametrize(
    ("error", "problem", "remedy"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory.\nTried 3 GiB"),
            "OutOfMemoryError: CUDA out of memory.",
            "--slot-gb",
        ),
        (torch.AcceleratorError("CUDA error: unspecified"), "AcceleratorError: CUDA error: unspecified", "nvidia-smi"),
        (ValueError("no such thing"), "ValueError: no such thing", "an error report should contain this output"),
        (ModelError("it must be one", "Choose one."), "it must be one", "Choose one."),
    ],
)
def test_what_a_stage_raises_is_told_with_a_remedy(
    graph: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception, problem: str, remedy: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(tryout, "build_stage", fail)
    recipe = recipe_of(ONE_STAGE)
    (told,) = try_stages(graph.trial(recipe), graph.context(recipe))
    assert isinstance(told, StageFailed)
    assert (told.stage, told.problem) == ("detector", problem)
    assert remedy in told.remedy


@pytest.mark.usefixtures("brief")
def test_the_second_stage_fails_after_the_first_is_told(graph: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tryout.build_stage

    def fail(trial: object, name: str, *others: object) -> object:
        if name == "classifier":
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return inner(trial, name, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(tryout, "build_stage", fail)
    recipe = recipe_of(TWO_STAGES)
    first, second = try_stages(graph.trial(recipe), graph.context(recipe))
    assert isinstance(first, StageTried)
    assert isinstance(second, StageFailed)
    assert (first.stage, second.stage) == ("detector", "classifier")
    assert "classifier.batches.size" in second.remedy


@pytest.mark.usefixtures("brief")
def test_a_checkpoint_that_cannot_be_written_is_a_failure(
    graph: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In a search it costs the checkpoint alone; here it is what one wants to know before a night of training."""

    def refuse(self: Store, checkpoint: Checkpoint) -> None:
        raise StoreError("store x: must be written, but: no space left", "Free space.")

    monkeypatch.setattr(Store, "put_checkpoint", refuse)
    recipe = recipe_of(ONE_STAGE)
    (told,) = try_stages(graph.trial(recipe), graph.context(recipe))
    assert isinstance(told, StageFailed)
    assert "a checkpoint must be found again where records go" in told.problem
    assert "no space left" in caplog.text


def test_a_child_that_ends_by_itself_is_told_with_its_code(
    graph: Bench, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where not even an error could be told: here, settings that the other process cannot read."""
    recipe = recipe_of(ONE_STAGE)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    configs = {recipe.encoder.name: {"model_type": "no such model"}}
    broken = Tryout(recipe, graph.corpus, plans_of(recipe, graph.corpus), scratch, None, 8.0, 1, configs=configs)
    (failed,) = try_out(broken)
    assert isinstance(failed, StageFailed)
    assert (failed.stage, failed.problem) == (None, "the process ended with code 1")
    assert failed.remedy == "Its last lines above say more."
    assert "no such model" in capfd.readouterr().err
    assert list(scratch.iterdir()) == []

"""A tryout tries every stage of any recipe, in this process and in one of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from graph_bench import CLASSIFIER, ONE_STAGE, TWO_STAGES, Bench, plans_of, recipe_of

from tune_polar.errors import ModelError
from tune_polar.recipe.recipe import Recipe
from tune_polar.trial.tryout import try_stages
from tune_polar.trial.tryout_process import Tryout, try_out
from tune_polar.trial.tryout_result import DeviceTried, StageFailed, StageTried

CONFIG = {
    "model_type": "bert",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 300,
    "max_position_embeddings": 128,
}


@pytest.fixture(autouse=True)
def hardly_any_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tune_polar.trial.tryout._TYPICAL_SECONDS", 0.05)
    monkeypatch.setattr("tune_polar.trial.tryout._EVALUATED_SECONDS", 0.05)


def three() -> Recipe:
    chain = {**CLASSIFIER, "start": {"stage": "classifier", "fold": "best"}}
    return recipe_of({**TWO_STAGES, "stages": {**TWO_STAGES["stages"], "third": chain}})


@pytest.mark.parametrize("recipe", [recipe_of(ONE_STAGE), recipe_of(TWO_STAGES), three()])
def test_every_stage_is_tried_in_order(graph: Bench, recipe: Recipe) -> None:
    tried = list(try_stages(graph.trial(recipe), graph.context(recipe)))
    assert [each.stage for each in tried if isinstance(each, StageTried)] == list(recipe.stages)
    for each in tried:
        assert isinstance(each, StageTried)
        assert (each.steps, each.evaluations, each.precision) == (4, 2, "fp32")
        assert each.memory.batch_rows == 16
        assert each.longest_step_seconds > 0
        assert each.fold_seconds > 0
        assert each.host_peak_bytes > 0
        assert (each.device_peak_bytes, each.outside_torch_bytes) == (None, None)
    assert graph.stages() == set(), "a tryout leaves no stages"


def test_it_ends_with_the_first_that_fails(graph: Bench) -> None:
    changes = {"stages__classifier__encoder": {"frozen_layers": 4}, "stages__classifier__optimizer__fgm_epsilon": 0}
    recipe = recipe_of(TWO_STAGES, **changes)
    tried = list(try_stages(graph.trial(recipe), graph.context(recipe)))
    assert isinstance(tried[0], StageTried)
    failed = tried[1]
    assert isinstance(failed, StageFailed)
    assert failed.stage == "classifier"
    assert "at most the encoder's 1 layers, got 4" in failed.problem
    assert failed.remedy == "Freeze fewer layers."


def test_memory_that_does_not_suffice_is_told_with_what_to_lower(graph: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr("tune_polar.trial.tryout.build_stage", run_out)
    recipe = recipe_of(ONE_STAGE)
    (failed,) = try_stages(graph.trial(recipe), graph.context(recipe))
    assert isinstance(failed, StageFailed)
    assert "detector.batches.size" in failed.remedy


def tryout(graph: Bench, recipe: Recipe, scratch: Path) -> Tryout:
    return Tryout(recipe, graph.corpus, plans_of(recipe, graph.corpus), scratch, None, 8.0, 1)


def test_in_a_process_of_its_own_with_an_encoder_that_is_not_here(graph: Bench, tmp_path: Path) -> None:
    recipe = recipe_of(TWO_STAGES, encoder={"name": "someone/encoder", "max_length_tokens": 32})
    told = list(try_out(replace(tryout(graph, recipe, tmp_path), configs={"someone/encoder": CONFIG})))
    assert isinstance(told[0], DeviceTried)
    assert not told[0].is_gpu
    assert [each.stage for each in told[1:] if isinstance(each, StageTried)] == ["detector", "classifier"]
    assert list(tmp_path.glob("tune-polar-try-*")) == []


def test_an_encoder_that_is_nowhere_fails_in_its_stage(graph: Bench, tmp_path: Path) -> None:
    recipe = recipe_of(ONE_STAGE, encoder={"name": str(tmp_path / "nowhere")})
    told = list(try_out(tryout(graph, recipe, tmp_path)))
    failed = told[-1]
    assert isinstance(failed, StageFailed)
    assert failed.stage == "detector"
    assert "which is no folder" in failed.problem
    assert issubclass(ModelError, ValueError)

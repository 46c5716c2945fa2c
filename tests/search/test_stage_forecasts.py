"""What a stage will take, by count: the weights that are counted are those that are built, for every component."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from polar_search import TWO_STAGES
from simulated_search import recipe_of
from torch import nn

from tune_polar.model.encoder import load_encoder
from tune_polar.model.encoder_shape import PUBLISHED_CONFIGS, shape_of_config, shape_of_folder
from tune_polar.model.heads import build_head
from tune_polar.model.losses import LossContext, OutputsKind, TaskKind, build_loss
from tune_polar.model.losses.base import TASK_KINDS
from tune_polar.model.parameter_size import entries_and_bytes
from tune_polar.model.random_encoder import write_random_encoder
from tune_polar.recipe.components import HEADS, LOSSES
from tune_polar.search.resources.diagnosis import diagnose, stand_ins
from tune_polar.search.resources.encoder_sizes import encoders_of
from tune_polar.search.resources.stage_forecasts import forecasts, own_parameters, stage_load
from tune_polar.trial.visible_gpus import SIMULATED

HIDDEN, WIDTH = 48, 24
XBASE = "nghuyong/ernie-3.0-xbase-zh"
COLUMNS: dict[TaskKind, tuple[tuple[str, ...], int]] = {  # columns, classes of one
    "binary": (("a",), 2),
    "multiclass": (("a",), 4),
    "multilabel": (("a", "b", "c"), 2),
    "regression": (("a",), 0),
}


def weights(part: nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())


@pytest.mark.parametrize("outputs", [1, 6])
@pytest.mark.parametrize("name", list(HEADS))
def test_every_head_counts_its_weights(name: str, outputs: int) -> None:
    for settings in _heads(name):
        head = build_head(name, HIDDEN, outputs, **settings.model_dump())
        assert settings.parameter_count(HIDDEN, outputs) == weights(head)
        assert settings.width(outputs) == head.width
        assert (settings.gives == "embeddings") == head.gives_embeddings


def _heads(name: str) -> Iterator[Any]:
    yield HEADS[name]()
    if "hidden" in HEADS[name].model_fields:
        yield HEADS[name](hidden=20)


@pytest.mark.parametrize("name", list(LOSSES))
def test_every_loss_counts_its_weights(name: str) -> None:
    settings, built = LOSSES[name](), 0
    golds = {"binary": "binary", "multiclass": "class", "multilabel": "labels", "regression": "number"}
    for task, (columns, classes) in COLUMNS.items():
        for gives in settings.heads if golds[task] in settings.golds else ():
            kind: OutputsKind = "embeddings" if gives == "embeddings" else "values" if classes == 0 else "logits"
            width = WIDTH if gives == "embeddings" else classes if task == "multiclass" else len(columns)
            context = LossContext(task, columns, kind, width, classes)
            loss = build_loss(name, context, **settings.model_dump(exclude={"weight"}))
            counted = len(columns) if task == "multilabel" else classes
            assert settings.parameter_count(gives, width, counted) == weights(loss)
            built += 1
    assert built


def test_every_kind_of_task_is_looked_at() -> None:
    assert set(COLUMNS) == TASK_KINDS


def test_a_stages_own_weights_are_those_of_its_head_and_losses() -> None:
    recipe = recipe_of(TWO_STAGES)
    finder, sorter = (own_parameters(recipe.data, stage, 32) for stage in recipe.stages.values())
    centers = 2 * 10 * 16
    assert finder == (32 * 32 + 32 + 2 * 32 + 32 * 16 + 16) + centers
    assert sorter == 32 * 32 + 32 + 2 * 32 + 32 * 3 + 3


@pytest.mark.parametrize(
    ("task", "data", "outputs"),
    [
        ({"type": "multiclass", "target": "topic"}, {"classes": {"topic": ["a", "b", "c", "d"]}}, 4),
        ({"type": "regression", "target": "grade"}, {"numbers": {"grade": []}}, 1),
        ({"type": "binary", "target": "hate"}, {"labels": ["hate"]}, 1),
    ],
)
def test_every_task_has_its_outputs(task: dict[str, object], data: dict[str, object], outputs: int) -> None:
    recipe = recipe_of({"recipe": "one", "data": data, "stages": {"model": {"task": task, "head": {"type": "linear"}}}})
    assert own_parameters(recipe.data, recipe.stages["model"], 32) == 32 * outputs + outputs


def test_stages_of_unlike_encoders_are_forecast_each_by_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(SIMULATED, "24")
    stages = {name: {**stage, "start": None} for name, stage in TWO_STAGES["stages"].items()}
    stages["sorter"] = {**stages["sorter"], "encoder": {"name": XBASE}}
    recipe = recipe_of({**TWO_STAGES, "stages": stages})
    assert [encoder.name for encoder in encoders_of(recipe)] == ["tiny", XBASE]
    found = diagnose(recipe, str(tmp_path / "store"), slot_gb=8.0)
    assert [(each.name, each.is_here) for each in found.encoders] == [("tiny", True), (XBASE, False)]
    assert found.encoders[1].parameters == 294_990_848
    small, large = found.stages
    assert small.whole_gb < 0.2 < large.whole_gb
    assert [each.what.partition(":")[0] for each in found.missing] == ["encoder"]
    assert stand_ins(found) == {XBASE: PUBLISHED_CONFIGS[XBASE]}


@pytest.mark.parametrize("quantize", [None, "nf4"])
def test_a_frozen_base_is_counted_as_it_is_kept(tmp_path: Path, quantize: str | None) -> None:
    config = {**PUBLISHED_CONFIGS[XBASE], "hidden_size": 128, "intermediate_size": 512, "num_attention_heads": 2}
    write_random_encoder(tmp_path, {**config, "num_hidden_layers": 2, "vocab_size": 60}, ["abc"])
    about = {"name": str(tmp_path), "adapter": {"type": "lora", "rank": 4}, "quantize": quantize}
    task = {"type": "binary", "target": "x"}
    recipe = recipe_of(
        {"recipe": "one", "data": {"labels": ["x"]}, "encoder": about, "stages": {"model": {"task": task}}}
    )
    load = stage_load(recipe.data, recipe.stages["model"], shape_of_folder(tmp_path), "fp32")
    encoder, _ = load_encoder(str(tmp_path), pooling="mean", as_stored=True, quantize=quantize)
    entries, kept = (sum(each) for each in zip(*map(entries_and_bytes, encoder.parameters()), strict=True))
    assert load.frozen == entries
    assert load.frozen_bytes * load.frozen == pytest.approx(kept, rel=1e-3)
    assert (load.frozen_bytes < 2) == (quantize is not None)
    assert load.unpacked == (128 * 512 if quantize else 0)


def test_a_stage_whose_encoder_is_not_known_is_not_forecast() -> None:
    recipe = recipe_of(TWO_STAGES)
    shape = shape_of_config(PUBLISHED_CONFIGS[XBASE])
    assert [each.stage for each in forecasts(recipe, {"sorter": shape}, 2**33)] == ["sorter"]

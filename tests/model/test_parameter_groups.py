from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    DebertaConfig,
    DebertaModel,
    ElectraConfig,
    ElectraModel,
    PreTrainedModel,
)

from tune_polar.errors import ModelError
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.heads import ProjectionHead
from tune_polar.model.losses import SoftTriple
from tune_polar.model.optimizer import cosine_with_warmup, parameter_groups

SIZES = {
    "vocab_size": 30,
    "hidden_size": 8,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 10,
}
RATES: dict[str, Any] = {"lr": 1e-3, "head_lr": 2e-3, "xi": 0.5, "weight_decay": 0.1, "centers_lr": 1e-2}
BACKBONES: dict[str, PreTrainedModel] = {
    "bert": BertModel(BertConfig(**SIZES), add_pooling_layer=False),
    "deberta": DebertaModel(DebertaConfig(**SIZES, relative_attention=True, pos_att_type=["c2p"])),
    "electra": ElectraModel(ElectraConfig(**SIZES, embedding_size=4)),
}


def parts(kind: str = "bert") -> tuple[TextEncoder, ProjectionHead, SoftTriple]:
    return TextEncoder(BACKBONES[kind], pooling="cls"), ProjectionHead(8, 8, 4), SoftTriple(2, 4)


@pytest.mark.parametrize("kind", sorted(BACKBONES))
def test_every_parameter_is_in_exactly_one_group(kind: str) -> None:
    encoder, head, loss = parts(kind)
    groups = parameter_groups(encoder, [head, loss], centers=loss.centers, **RATES)
    grouped = [parameter for group in groups for parameter in group["params"]]
    everything = {id(parameter) for module in (encoder, head, loss) for parameter in module.parameters()}
    assert len(grouped) == len(everything)
    assert {id(parameter) for parameter in grouped} == everything
    torch.optim.AdamW(groups)  # refuses a parameter in two groups


def test_rates_fall_layer_by_layer() -> None:
    encoder, head, loss = parts()
    groups = parameter_groups(encoder, [head], centers=loss.centers, **RATES)
    rates = {group["name"]: group["lr"] for group in groups}
    assert rates == {
        "embeddings/decay": 1e-3 / 8,
        "embeddings/no_decay": 1e-3 / 8,
        "layer_01/decay": 1e-3 / 4,
        "layer_01/no_decay": 1e-3 / 4,
        "layer_02/decay": 1e-3 / 2,
        "layer_02/no_decay": 1e-3 / 2,
        "layer_03/decay": 1e-3,
        "layer_03/no_decay": 1e-3,
        "head/decay": 2e-3,
        "head/no_decay": 2e-3,
        "centers": 1e-2,
    }
    by_name = {group["name"]: {id(parameter) for parameter in group["params"]} for group in groups}
    assert id(encoder.word_embeddings.weight) in by_name["embeddings/decay"]
    top = encoder.layers[2]
    assert {id(parameter) for parameter in top.parameters()} == (
        by_name["layer_03/decay"] | by_name["layer_03/no_decay"]
    )


@pytest.mark.parametrize("kind", sorted(BACKBONES))
def test_biases_norms_and_centers_are_not_decayed(kind: str) -> None:
    encoder, head, loss = parts(kind)
    groups = parameter_groups(encoder, [head], centers=loss.centers, **RATES)
    decay = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}
    assert decay[id(loss.centers)] == 0.0
    for module in [*encoder.modules(), *head.modules()]:
        if isinstance(module, nn.LayerNorm):
            assert {decay[id(parameter)] for parameter in module.parameters()} == {0.0}
        if isinstance(module, nn.Linear):
            assert decay[id(module.weight)] == 0.1
            assert module.bias is None or decay[id(module.bias)] == 0.0
        if isinstance(module, nn.Embedding):
            assert decay[id(module.weight)] == 0.1


def test_centers_without_rate_are_frozen() -> None:
    encoder, head, loss = parts()
    groups = parameter_groups(encoder, [head, loss], centers=loss.centers, **(RATES | {"centers_lr": 0.0}))
    assert not loss.centers.requires_grad
    assert "centers" not in {group["name"] for group in groups}
    assert id(loss.centers) not in {id(parameter) for group in groups for parameter in group["params"]}


def test_frozen_layers_are_left_out() -> None:
    backbone = BertModel(BertConfig(**SIZES), add_pooling_layer=False)
    encoder = TextEncoder(backbone, pooling="cls")
    encoder.layers[0].requires_grad_(False)
    groups = parameter_groups(encoder, [ProjectionHead(8, 8, 4)], centers=None, **RATES)
    names = {group["name"] for group in groups}
    assert "layer_01/decay" not in names
    assert "layer_02/decay" in names
    assert all(parameter.requires_grad for group in groups for parameter in group["params"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lr": 0.0}, "learning rates must be positive, got lr=0.0"),
        ({"head_lr": -1.0}, "learning rates must be positive, got lr=0.001, head_lr=-1.0"),
        ({"lr": float("nan")}, "learning rates must be positive, got lr=nan"),
        ({"xi": 0.0}, "xi must be above 0 and at most 1, got 0.0"),
        ({"xi": 1.1}, "xi must be above 0 and at most 1, got 1.1"),
        ({"weight_decay": -0.1}, "must be at least 0, got -0.1 and 0.01"),
        ({"centers_lr": -0.1}, "must be at least 0, got 0.1 and -0.1"),
    ],
)
def test_rates_out_of_range_are_refused(changed: dict[str, float], message: str) -> None:
    encoder, head, _ = parts()
    with pytest.raises(ModelError, match=message):
        parameter_groups(encoder, [head], centers=None, **(RATES | changed))


@pytest.mark.parametrize(("steps", "share"), [(0, 0.1), (10, -0.1), (10, 1.1)])
def test_schedules_out_of_range_are_refused(steps: int, share: float) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    with pytest.raises(ModelError, match=f"got {steps} and {share}"):
        cosine_with_warmup(optimizer, steps, share)

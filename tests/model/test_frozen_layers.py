"""Frozen layers: no gradients, no optimizer, the same bits after training; and rates that losses have of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    BloomConfig,
    BloomModel,
    DebertaConfig,
    DebertaModel,
    DebertaV2Config,
    DebertaV2Model,
    ElectraConfig,
    ElectraModel,
    EuroBertConfig,
    EuroBertModel,
    Gemma3TextConfig,
    Gemma3TextModel,
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaModel,
    MegatronBertConfig,
    MegatronBertModel,
    ModernBertConfig,
    ModernBertModel,
    MPNetConfig,
    MPNetModel,
    OPTConfig,
    OPTModel,
    PreTrainedModel,
    Qwen3Config,
    Qwen3Model,
    RobertaPreLayerNormConfig,
    RobertaPreLayerNormModel,
    XLMRobertaXLConfig,
    XLMRobertaXLModel,
)

from tune_polar.errors import ModelError
from tune_polar.model.anatomy import dissect
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.heads import Head, build_head
from tune_polar.model.losses import LossBatch, LossContext, LossSum, build_loss
from tune_polar.model.parameter_groups import parameter_groups

SIZES = {
    "vocab_size": 30,
    "hidden_size": 8,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 10,
}
RATES: dict[str, Any] = {"lr": 1e-3, "head_lr": 2e-3, "xi": 0.5, "weight_decay": 0.1}
KINDS: dict[str, Callable[[], PreTrainedModel]] = {
    "bert": lambda: BertModel(BertConfig(**SIZES), add_pooling_layer=False),
    "deberta": lambda: DebertaModel(DebertaConfig(**SIZES, relative_attention=True, pos_att_type=["c2p"])),
    "electra": lambda: ElectraModel(ElectraConfig(**SIZES, embedding_size=4)),
}
DECODER = SIZES | {"num_key_value_heads": 2, "head_dim": 4, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
MARKED = SIZES | {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
DISTANCES: dict[str, Any] = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False}
# By kind: what has weights outside of the layers and is below or between them, and what is above
OUTSIDE: dict[str, tuple[Callable[[], PreTrainedModel], set[str], set[str]]] = {
    "electra": (KINDS["electra"], {"embeddings", "embeddings_project"}, set()),
    "mpnet": (
        lambda: MPNetModel(MPNetConfig(**SIZES), add_pooling_layer=False),
        {"embeddings", "encoder.relative_attention_bias"},
        set(),
    ),
    "deberta": (
        lambda: DebertaModel(DebertaConfig(**SIZES, **DISTANCES)),
        {"embeddings", "encoder.rel_embeddings"},
        set(),
    ),
    "deberta-v2": (
        lambda: DebertaV2Model(DebertaV2Config(**SIZES, **DISTANCES, norm_rel_ebd="layer_norm", conv_kernel_size=3)),
        {"embeddings", "encoder.rel_embeddings", "encoder.LayerNorm", "encoder.conv"},
        set(),
    ),
    "gpt2": (
        lambda: GPT2Model(GPT2Config(vocab_size=30, n_embd=8, n_layer=3, n_head=2, n_positions=10)),
        {"wte", "wpe"},
        {"ln_f"},
    ),
    "bloom": (
        lambda: BloomModel(BloomConfig(vocab_size=30, hidden_size=8, n_layer=3, n_head=2)),
        {"word_embeddings", "word_embeddings_layernorm"},
        {"ln_f"},
    ),
    "opt": (
        lambda: OPTModel(OPTConfig(**SIZES, ffn_dim=16, word_embed_proj_dim=8)),
        {"decoder.embed_tokens", "decoder.embed_positions"},
        {"decoder.final_layer_norm"},
    ),
    "opt of narrow words": (
        lambda: OPTModel(OPTConfig(**SIZES, ffn_dim=16, word_embed_proj_dim=4)),
        {"decoder.embed_tokens", "decoder.embed_positions", "decoder.project_in"},
        {"decoder.final_layer_norm", "decoder.project_out"},
    ),
    "modernbert": (lambda: ModernBertModel(ModernBertConfig(**MARKED)), {"embeddings"}, {"final_norm"}),
    "xlm-roberta-xl": (
        lambda: XLMRobertaXLModel(XLMRobertaXLConfig(**SIZES), add_pooling_layer=False),
        {"embeddings"},
        {"encoder.LayerNorm"},
    ),
    "megatron-bert": (
        lambda: MegatronBertModel(MegatronBertConfig(**SIZES), add_pooling_layer=False),
        {"embeddings"},
        {"encoder.ln"},
    ),
    "roberta-prelayernorm": (
        lambda: RobertaPreLayerNormModel(RobertaPreLayerNormConfig(**SIZES), add_pooling_layer=False),
        {"embeddings"},
        {"LayerNorm"},
    ),
    "gemma3": (lambda: Gemma3TextModel(Gemma3TextConfig(**DECODER)), {"embed_tokens"}, {"norm"}),
    "qwen3": (lambda: Qwen3Model(Qwen3Config(**DECODER)), {"embed_tokens"}, {"norm"}),
    "llama": (lambda: LlamaModel(LlamaConfig(**DECODER)), {"embed_tokens"}, {"norm"}),
    "eurobert": (lambda: EuroBertModel(EuroBertConfig(**DECODER)), {"embed_tokens"}, {"norm"}),
}
CONTEXT = LossContext("binary", ("hate",), "embeddings", width=4, classes=2)


def parts(kind: str = "bert", centers_lr: float = 1e-2) -> tuple[TextEncoder, Head, LossSum]:
    backbone: PreTrainedModel = KINDS[kind]()
    losses = {name: (1.0, build_loss(name, CONTEXT)) for name in ("cross_entropy",)}
    losses["soft_triple"] = 1.0, build_loss("soft_triple", CONTEXT, centers_lr=centers_lr)
    return TextEncoder(backbone, pooling="cls"), build_head("projection", 8, 1, size=4), LossSum(losses)


def groups_of(encoder: TextEncoder, head: Head, losses: LossSum, **changes: Any) -> list[dict[str, Any]]:
    rates = {"own_rates": losses.own_rates()} | RATES | changes
    return parameter_groups(encoder, [head, losses], **rates)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frozen", [0, 1, 3])
def test_every_trained_parameter_is_in_exactly_one_group(kind: str, frozen: int) -> None:
    encoder, head, losses = parts(kind)
    encoder.freeze(frozen)
    groups = groups_of(encoder, head, losses)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    trained = {id(p) for part in (encoder, head, losses) for p in part.parameters() if p.requires_grad}
    assert len(grouped) == len(trained)
    assert set(grouped) == trained
    trained = {id(p) for layer in encoder.layers[frozen:] for p in layer.parameters()}
    still = {id(p) for p in encoder.parameters()} - trained
    assert bool(still & set(grouped)) == (frozen == 0)
    torch.optim.AdamW(groups)  # refuses a parameter in two groups


@pytest.mark.parametrize("kind", OUTSIDE)
def test_what_is_outside_of_the_layers_is_below_them_or_above(kind: str) -> None:
    build, below, above = OUTSIDE[kind]
    backbone = build()
    was_training = backbone.training
    state = torch.get_rng_state()
    encoder = TextEncoder(backbone, pooling="mean")
    assert torch.equal(torch.get_rng_state(), state)
    assert {part.training for part in encoder.modules()} == {was_training} == {True}
    of_layers = {id(p) for p in encoder.layers.parameters()}
    outside = {name: p for name, p in backbone.named_parameters() if id(p) not in of_layers}
    high = {name for name in outside if name.startswith(tuple(f"{part}." for part in above))}
    low = {name for name in outside if name.startswith(tuple(f"{part}." for part in below))}
    assert high | low == set(outside)
    assert not high & low
    groups = parameter_groups(encoder, [], lr=1e-3, xi=0.5)
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert {name for name in outside if rates[id(outside[name])] == 1e-3} == high
    assert {name for name in outside if rates[id(outside[name])] == 1e-3 / 8} == low
    encoder.freeze(2)
    lowest = {id(p) for p in encoder.layers[:2].parameters()}
    frozen = {name for name, p in backbone.named_parameters() if not p.requires_grad}
    assert frozen == low | {name for name, p in backbone.named_parameters() if id(p) in lowest}
    assert {f"backbone.{name}" for name in frozen} == encoder.below(2)
    assert encoder.below(0) == frozenset()


def test_no_pass_is_made_where_there_is_nothing_to_find(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = KINDS["bert"]()
    monkeypatch.setattr(backbone, "forward", None)
    with pytest.raises(TypeError):
        backbone()
    assert dissect(backbone).above == ()


@pytest.mark.parametrize("kind", OUTSIDE)
def test_frozen_layers_say_the_same_after_a_step(kind: str) -> None:
    encoder = TextEncoder(OUTSIDE[kind][0](), pooling="mean").eval()
    encoder.freeze(2)
    ids = torch.tensor([[5, 6, 7], [8, 9, 4]])
    said: list[torch.Tensor] = []
    for layer in encoder.layers[1:]:
        layer.register_forward_hook(lambda _, __, out: said.append(out[0] if isinstance(out, tuple) else out))
    optimizer = torch.optim.AdamW(parameter_groups(encoder, [], lr=0.1))
    for _ in range(2):
        optimizer.zero_grad()
        encoder(ids, torch.ones_like(ids)).square().sum().backward()
        optimizer.step()
    frozen, trained, again, moved = said
    assert not frozen.requires_grad
    assert torch.equal(frozen, again)
    assert not torch.equal(trained, moved)


def test_rates_fall_layer_by_layer_and_losses_have_their_own() -> None:
    groups = groups_of(*parts())
    rates = {group["name"]: (group["lr"], group["weight_decay"]) for group in groups}
    assert rates == {
        "embeddings/decay": (1e-3 / 8, 0.1),
        "embeddings/no_decay": (1e-3 / 8, 0.0),
        "layer_01/decay": (1e-3 / 4, 0.1),
        "layer_01/no_decay": (1e-3 / 4, 0.0),
        "layer_02/decay": (1e-3 / 2, 0.1),
        "layer_02/no_decay": (1e-3 / 2, 0.0),
        "layer_03/decay": (1e-3, 0.1),
        "layer_03/no_decay": (1e-3, 0.0),
        "head/decay": (2e-3, 0.1),
        "head/no_decay": (2e-3, 0.0),
        "own_01": (1e-2, 0.0),
    }
    assert [group["lr"] for group in groups_of(*parts(), head_lr=None) if group["name"].startswith("head")] == [
        1e-3
    ] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_biases_norms_and_weights_with_a_rate_of_their_own_are_not_decayed(kind: str) -> None:
    encoder, head, losses = parts(kind)
    groups = groups_of(encoder, head, losses)
    decay = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}
    assert {decay[id(parameter)] for parameter in losses.own_rates()[0][0]} == {0.0}
    for module in [*encoder.modules(), *head.modules()]:
        if isinstance(module, nn.LayerNorm):
            assert {decay[id(parameter)] for parameter in module.parameters()} == {0.0}
        if isinstance(module, nn.Linear):
            assert decay[id(module.weight)] == 0.1
            assert module.bias is None or decay[id(module.bias)] == 0.0
        if isinstance(module, nn.Embedding):
            assert decay[id(module.weight)] == 0.1


def test_a_rate_of_zero_leaves_weights_out() -> None:
    encoder, head, losses = parts(centers_lr=0.0)
    groups = groups_of(encoder, head, losses)
    (centers,) = losses.own_rates()[0][0]
    assert not centers.requires_grad
    assert all(group["name"] != "own_01" for group in groups)
    assert id(centers) not in {id(p) for group in groups for p in group["params"]}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lr": 0.0}, "learning rates must be positive, got lr=0.0"),
        ({"head_lr": -1.0}, "learning rates must be positive"),
        ({"lr": float("nan")}, "learning rates must be positive, got lr=nan"),
        ({"xi": 0.0}, "xi must be above 0 and at most 1, got 0.0"),
        ({"xi": 1.1}, "xi must be above 0 and at most 1, got 1.1"),
        ({"weight_decay": -0.1}, r"must be at least 0, got -0.1 and \[0.01\]"),
        ({"own_rates": [([], -0.1)]}, r"must be at least 0, got 0.1 and \[-0.1\]"),
    ],
)
def test_rates_out_of_range_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        groups_of(*parts(), **changed)


@pytest.mark.parametrize("frozen", [0, 2, 3])
@pytest.mark.parametrize("recompute", [False, True])
def test_what_is_frozen_gets_no_gradient_and_keeps_its_bits(frozen: int, recompute: bool) -> None:
    encoder, head, losses = parts()
    encoder.freeze(frozen)
    encoder.set_recompute(recompute)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    optimizer = torch.optim.AdamW(groups_of(encoder, head, losses))
    ids = torch.tensor([[5, 6, 7], [8, 9, 4]])
    untrained = hidden_states(encoder, ids)
    embeddings = encoder.train()(ids, torch.ones_like(ids))
    losses(LossBatch(head(embeddings), embeddings, torch.tensor([0, 1]))).backward()
    optimizer.step()
    touched = {name for name, value in encoder.state_dict().items() if not torch.equal(value, before[name])}
    still = ["backbone.embeddings.", *(f"backbone.encoder.layer.{number}." for number in range(frozen))]
    assert not any(name.startswith(tuple(still)) for name in touched) if frozen else any(touched)
    assert len(touched) > 5 if frozen < 3 else not touched
    frozen_grads = [p.grad for name, p in encoder.named_parameters() if frozen and name.startswith(tuple(still))]
    assert all(grad is None for grad in frozen_grads)
    assert embeddings.requires_grad == (frozen < 3)
    for depth, (was, now) in enumerate(zip(untrained, hidden_states(encoder, ids), strict=True)):
        assert torch.equal(was, now) == (frozen > 0 and depth <= frozen), f"what layer {depth} says"


def hidden_states(encoder: TextEncoder, ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What the embeddings and then each layer say of ``ids``."""
    with torch.no_grad():
        found: tuple[torch.Tensor, ...] = (
            encoder.eval()
            .backbone(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
            .hidden_states
        )
    return found


def test_more_layers_than_there_are_cannot_be_frozen() -> None:
    encoder, _, _ = parts()
    with pytest.raises(ModelError, match="at most the encoder's 3 layers, got 4"):
        encoder.freeze(4)
    assert all(isinstance(layer, nn.Module) for layer in encoder.layers)

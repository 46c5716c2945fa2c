"""Counted memory against what autograd keeps, parameters against the models themselves, and the published sizes."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import (
    MODEL_MAPPING,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ErnieConfig,
    ErnieModel,
    Gemma3TextConfig,
    LlamaConfig,
    MPNetConfig,
    PreTrainedConfig,
    Qwen2Config,
    RobertaConfig,
    XLMRobertaConfig,
)

from tune_polar.errors import ModelError
from tune_polar.model.decoder_shape import GEMMAS
from tune_polar.model.encoder_shape import PUBLISHED_CONFIGS, shape_of_config, shape_of_folder
from tune_polar.model.footprint import FLOAT, GB, StageLoad, layer_bytes, stage_peak
from tune_polar.trial.gpus import slot_budget_bytes
from tune_polar.trial.memory_plan import Rung, plan_memory

SIZES = {"vocab_size": 100, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
SMALL = SIZES | {"intermediate_size": 96, "max_position_embeddings": 50}
CONFIGS: dict[str, PreTrainedConfig] = {
    "ernie with tasks": ErnieConfig(**SMALL, use_task_id=True),
    "ernie without": ErnieConfig(**SMALL, use_task_id=False),
    "bert": BertConfig(**SMALL),
    "roberta": RobertaConfig(**SMALL),
    "xlm-roberta": XLMRobertaConfig(**SMALL),
    "electra": ElectraConfig(**SMALL, embedding_size=32),
    "distilbert": DistilBertConfig(
        vocab_size=100, dim=64, n_layers=2, n_heads=4, hidden_dim=96, max_position_embeddings=50
    ),
    "mpnet": MPNetConfig(**SMALL),
    "deberta": DebertaV2Config(
        **SMALL,
        relative_attention=True,
        position_buckets=16,
        pos_att_type=["p2c", "c2p"],
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        type_vocab_size=0,
        position_biased_input=False,
    ),
    "gemma": Gemma3TextConfig(**SMALL, num_key_value_heads=2, head_dim=24),
    "llama": LlamaConfig(**SMALL, num_key_value_heads=2),
    "qwen": Qwen2Config(**SMALL, num_key_value_heads=2),
    **{name.rpartition("/")[2]: Gemma3TextConfig(**sizes) for name, sizes in GEMMAS.items()},
    "ernie-3.0-xbase": ErnieConfig(**PUBLISHED_CONFIGS["nghuyong/ernie-3.0-xbase-zh"]),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_parameters_are_those_of_the_model(name: str) -> None:
    config = CONFIGS[name]
    model_class = MODEL_MAPPING[type(config)]
    pooler = "add_pooling_layer" in inspect.signature(model_class.__init__).parameters
    with torch.device("meta"):
        model = model_class(config, **({"add_pooling_layer": False} if pooler else {}))
    shape = shape_of_config(config.to_dict())
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert shape.fused_attention == (model.config._attn_implementation == "sdpa")


def saved_by_autograd(layers: int, *, half: bool) -> int:
    """Bytes that the graph of a forward pass refers to, weights apart."""
    torch.manual_seed(0)
    sizes = SMALL | {"num_hidden_layers": layers}
    model = ErnieModel(
        ErnieConfig(**sizes, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0), add_pooling_layer=False
    ).train()
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    shapes = {tuple(parameter.shape) for parameter in model.parameters()}
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        is_weight = tensor.untyped_storage().data_ptr() in weights or (
            tensor.dtype == torch.bfloat16 and (tuple(tensor.shape) in shapes or tuple(tensor.shape[::-1]) in shapes)
        )
        if not is_weight:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    ids = torch.randint(5, 100, (ROWS, TOKENS))
    mask = torch.ones_like(ids)
    mask[0, -3:] = 0
    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=half),
    ):
        model(ids, attention_mask=mask)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


ROWS, TOKENS = 5, 24


@pytest.mark.parametrize("half", [False, True])
def test_a_layer_keeps_what_is_counted(half: bool) -> None:
    measured = saved_by_autograd(3, half=half) - saved_by_autograd(2, half=half)
    load = load_of(CONFIGS["ernie without"].to_dict(), 8, half=half, tokens=TOKENS)
    masks = 2 * load.encoder.hidden * ROWS * TOKENS  # dropout's, which is off here
    counted = layer_bytes(load, ROWS * TOKENS) - masks
    assert counted == pytest.approx(measured, rel=0.02)
    assert counted >= 0.995 * measured


def load_of(
    config: Mapping[str, object], batch: int, *, half: bool = True, tokens: int = 96, fgm: bool = True
) -> StageLoad:
    shape = shape_of_config(config)
    return StageLoad(shape, shape.parameters + 1_400_000, batch, tokens, half, fgm)


XBASE = PUBLISHED_CONFIGS["nghuyong/ernie-3.0-xbase-zh"]


def test_the_published_system_fits_a_card_of_8_gb() -> None:
    laptop = slot_budget_bytes(7.79, 8.0)  # what such a card shows of its 8 GB
    for batch in (24, 8):  # detector, classifier
        plan = plan_memory(load_of(XBASE, batch), laptop)
        assert plan.rung == Rung(batch)
        assert plan.predicted_bytes <= laptop
    load = load_of(XBASE, 24)
    fixed = 4 * FLOAT * load.parameters  # weights, gradients and AdamW's two moments
    assert fixed / GB == pytest.approx(4.4, abs=0.05)
    assert stage_peak(load, 24, recompute=False) > fixed


@pytest.mark.parametrize(
    ("batch", "tokens", "gb", "rung"),
    [
        (24, 96, 8.0, Rung(24)),
        (48, 96, 8.0, Rung(24)),
        (24, 96, 6.8, Rung(12)),
        (24, 96, 6.3, Rung(6)),
        (8, 4096, 8.0, Rung(4, recompute=True)),
    ],
)
def test_smaller_slots_take_parts_and_then_checkpointing(batch: int, tokens: int, gb: float, rung: Rung) -> None:
    budget = slot_budget_bytes(gb, gb)
    plan = plan_memory(load_of(XBASE, batch, tokens=tokens), budget)
    assert plan.rung == rung
    assert plan.predicted_bytes <= budget


def test_more_rows_longer_texts_and_fgm_never_need_less() -> None:
    def peak(batch: int, **settings: object) -> int:
        return stage_peak(load_of(XBASE, batch, **settings), batch, recompute=False)  # type: ignore[arg-type]

    assert peak(8) < peak(24) < peak(48)
    assert peak(24, tokens=48) < peak(24, tokens=96)
    assert peak(24, fgm=False) < peak(24)
    assert peak(24) < peak(24, half=False)


def test_a_measured_peak_corrects_the_count() -> None:
    load, budget = load_of(XBASE, 24), slot_budget_bytes(8.0, 8.0)
    assert plan_memory(load, budget).rung == Rung(24)
    corrected = plan_memory(load, budget, correction=lambda recompute: 1.0 if recompute else 1.1)
    assert corrected.rung == Rung(12)
    assert corrected.expected_bytes == int(1.1 * corrected.predicted_bytes)


def test_what_failed_is_followed_by_what_needs_less() -> None:
    load, tried, rungs = load_of(XBASE, 24), None, []
    while True:
        plan = plan_memory(load, None, tried=tried)
        rungs.append(plan.rung)
        tried = plan.rung
        if plan.rungs_left == 0:
            break
    assert rungs[:5] == [Rung(24), Rung(12), Rung(6), Rung(3), Rung(1)]
    assert rungs[-1] == Rung(1, recompute=True)
    assert plan_memory(load, None, tried=Rung(1), can_recompute=False).rungs_left == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [({"hidden_size": "wide"}, "hidden_size must be a whole number"), ({"vocab_size": None}, "vocab_size must be")],
)
def test_a_config_without_sizes_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        shape_of_config({**XBASE, **change})


def test_a_folder_without_a_readable_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="must be readable JSON"):
        shape_of_folder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(dict(XBASE)))
    assert shape_of_folder(tmp_path).layers == 20

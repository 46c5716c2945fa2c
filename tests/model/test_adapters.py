"""Adapters against transformers and peft on the same weights; padding, order, copies, and what cannot have one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    Gemma3TextForSequenceClassification,
    Gemma3TextModel,
    LlamaConfig,
    LlamaModel,
    PreTrainedModel,
    SiglipVisionConfig,
)

from tune_polar.errors import ModelError
from tune_polar.model.adapters import add_adapter, merge_adapter
from tune_polar.model.encoder import TextEncoder, load_encoder
from tune_polar.model.parameter_groups import parameter_groups
from tune_polar.model.seeding import seeded_start
from tune_polar.model.shared_copy import shared_copy

DECODER: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
ENCODER: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 20,
}
IDS = torch.tensor([[5, 6, 7, 0, 0], [9, 8, 7, 6, 5], [11, 0, 0, 0, 0]])
MASK = (IDS > 0).long()
LEFT = torch.tensor([[0, 0, 5, 6, 7], [9, 8, 7, 6, 5], [0, 0, 0, 0, 11]])


def backbone(kind: str) -> PreTrainedModel:
    with seeded_start(1):
        if kind == "gemma":
            return Gemma3TextModel(Gemma3TextConfig(**DECODER))
        if kind == "llama":
            return LlamaModel(LlamaConfig(**DECODER))
        return BertModel(BertConfig(**ENCODER), add_pooling_layer=False)


def adapted(kind: str = "gemma", frozen: int = 0, **settings: Any) -> TextEncoder:
    encoder = TextEncoder(backbone(kind), pooling="last_token" if kind != "bert" else "cls")
    add_adapter(
        encoder, "lora", frozen_layers=frozen, seed=2, settings={"rank": 4, "alpha": 32.0, "dropout": 0.0} | settings
    )
    return encoder.eval()


def trained(encoder: TextEncoder) -> list[nn.Parameter]:
    return [parameter for parameter in encoder.parameters() if parameter.requires_grad]


def drawn(encoder: TextEncoder) -> TextEncoder:
    """With adapters as if they had been trained."""
    generator = torch.Generator().manual_seed(3)
    for parameter in trained(encoder):
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    return encoder


def test_the_scaling_is_that_of_alpha_over_rank() -> None:
    """Whatever the rank: α is read where it is given, and its default is the one of the published rank."""
    for rank in (4, 8):
        by_alpha, by_ratio = (
            drawn(adapted(rank=rank, **said)) for said in ({"alpha": 1.5 * rank}, {"alpha": None, "scaling": 1.5})
        )
        torch.testing.assert_close(by_ratio(IDS, MASK), by_alpha(IDS, MASK), rtol=0, atol=0)
    by_default, as_published = (drawn(adapted(rank=16, alpha=alpha)) for alpha in (None, 32.0))
    torch.testing.assert_close(by_default(IDS, MASK), as_published(IDS, MASK), rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["gemma", "llama", "bert"])
def test_an_adapter_begins_as_nothing_and_trains_alone(kind: str) -> None:
    encoder = adapted(kind)
    plain = TextEncoder(backbone(kind), pooling=encoder.pooling).eval()
    torch.testing.assert_close(encoder(IDS, MASK), plain(IDS, MASK), rtol=1e-5, atol=1e-6)
    groups = parameter_groups(encoder, [], lr=1e-3, xi=0.5)
    assert {id(p) for group in groups for p in group["params"]} == {id(p) for p in trained(encoder)}
    assert {group["lr"] for group in groups} == {1e-3, 5e-4}
    assert all("lora_" in name for name, p in encoder.named_parameters() if p.requires_grad)
    assert encoder.base_names() == {name for name, p in encoder.named_parameters() if not p.requires_grad}


@pytest.mark.parametrize("kind", ["gemma", "llama", "bert"])
def test_padding_and_order_change_nothing(kind: str) -> None:
    encoder = drawn(adapted(kind))
    with torch.no_grad():
        found = encoder(IDS, MASK)
        torch.testing.assert_close(encoder(IDS.flip(0), MASK.flip(0)).flip(0), found, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(encoder(IDS[:1, :3], MASK[:1, :3]), found[:1], rtol=1e-5, atol=1e-5)
        if kind != "bert":
            torch.testing.assert_close(encoder(LEFT, (LEFT > 0).long()), found, rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft asks for it
def test_a_decoder_gives_what_transformers_and_peft_give_and_the_same_gradients() -> None:
    encoder = drawn(adapted("gemma"))
    head = nn.Linear(32, 3, bias=False)
    with seeded_start(1):
        theirs = Gemma3TextForSequenceClassification(Gemma3TextConfig(**DECODER, num_labels=3))
    theirs.model.load_state_dict(backbone("gemma").state_dict())
    theirs.score.load_state_dict(head.state_dict())
    model: Any = get_peft_model(
        theirs, LoraConfig(task_type="SEQ_CLS", r=4, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear")
    ).eval()
    ours = {name.removeprefix("backbone."): p for name, p in encoder.named_parameters() if p.requires_grad}
    others = {
        name.removeprefix("base_model.model.model."): p
        for name, p in model.named_parameters()
        if p.requires_grad and "lora_" in name
    }
    assert ours.keys() == others.keys()
    for name, parameter in ours.items():
        others[name].data = parameter.data.clone()
    logits, expected = head(encoder(IDS, MASK)), model(input_ids=IDS, attention_mask=MASK).logits
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)
    logits.square().sum().backward()
    expected.square().sum().backward()
    for name, parameter in ours.items():
        torch.testing.assert_close(parameter.grad, others[name].grad, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_an_encoder_gives_what_peft_gives() -> None:
    encoder = drawn(adapted("bert"))
    inner: Any = get_peft_model(
        backbone("bert"), LoraConfig(r=4, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear")
    ).eval()
    found = dict(inner.named_parameters())
    for name, parameter in encoder.named_parameters():
        if parameter.requires_grad:
            found[name.replace("backbone.", "base_model.model.", 1)].data = parameter.data.clone()
    expected = inner(input_ids=IDS, attention_mask=MASK).last_hidden_state[:, 0]
    torch.testing.assert_close(encoder(IDS, MASK), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["gemma", "bert"])
def test_merged_it_is_a_plain_encoder_and_the_base_is_left(kind: str) -> None:
    base = TextEncoder(backbone(kind), pooling="cls" if kind == "bert" else "last_token")
    before = {name: p.clone() for name, p in base.named_parameters()}
    encoder = shared_copy(base, frozenset(before))
    add_adapter(encoder, "lora", frozen_layers=0, seed=2, settings={"rank": 4})
    drawn(encoder).eval()
    with torch.no_grad():
        expected = encoder(IDS, MASK)
        merge_adapter(encoder)
        torch.testing.assert_close(encoder(IDS, MASK), expected, rtol=1e-4, atol=1e-5)
    assert {name for name, _ in encoder.named_parameters()} == set(before)
    assert all(torch.equal(p, before[name]) for name, p in base.named_parameters())


def test_copies_share_the_base() -> None:
    base = TextEncoder(backbone("gemma").bfloat16(), pooling="last_token")
    names = frozenset(name for name, _ in base.named_parameters())
    places = {p.data_ptr() for p in base.parameters()}
    for _ in range(2):
        encoder = shared_copy(base, names)
        add_adapter(encoder, "lora", frozen_layers=0, seed=2, settings={"rank": 4})
        assert {p.data_ptr() for p in encoder.parameters() if not p.requires_grad} == places
        assert {p.dtype for p in trained(encoder)} == {torch.float32}
        found = encoder.eval()(IDS, MASK)
        assert found.dtype == torch.float32
        found.sum().backward()
    assert base.adapter is None


def test_frozen_layers_have_none_and_targets_are_those_named() -> None:
    encoder = adapted("gemma", frozen=1)
    assert all(".layers.1." in name for name, p in encoder.named_parameters() if p.requires_grad)
    named = adapted("gemma", targets=("q_proj", "v_proj"))
    found = {name.split(".")[-4] for name, p in named.named_parameters() if p.requires_grad}
    assert found == {"q_proj", "v_proj"}
    bert = adapted("bert", targets="attention")
    found = {
        name.partition("layer.0.")[2].partition(".lora")[0] for name, p in bert.named_parameters() if "lora" in name
    }
    assert found - {""} == {f"attention.{name}" for name in ("self.query", "self.key", "self.value", "output.dense")}


def test_recomputing_changes_no_gradient() -> None:
    gradients: list[list[Tensor]] = []
    for recompute in (False, True):
        encoder = drawn(adapted("gemma", dropout=0.2)).train()
        encoder.set_recompute(recompute)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            encoder(IDS, MASK).square().sum().backward()
        gradients.append([p.grad for p in trained(encoder) if p.grad is not None])
    assert len(gradients[0]) == len(gradients[1]) > 0
    for plain, again in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, again)


@pytest.mark.parametrize(
    ("settings", "frozen", "message"),
    [
        ({"targets": ("q_prj",)}, 0, r"adapter.targets must name matrices .*'q_proj'.*, got \['q_prj'\]"),
        ({"rank": 17}, 0, "adapter.rank must be at most the narrower side .*k_proj has 16 × 32, got rank 17"),
        ({}, 2, "frozen_layers must leave a layer for the adapter, the encoder has 2, got 2"),
    ],
)
def test_what_cannot_be_adapted(settings: dict[str, Any], frozen: int, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        adapted("gemma", frozen, **settings)


def saved(folder: Path, model: PreTrainedModel) -> Path:
    model.save_pretrained(folder)
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    BertTokenizer(vocab={name: number for number, name in enumerate(names)}).save_pretrained(folder)
    return folder


def test_a_decoder_is_loaded_as_it_is_stored_and_pools_its_last_token(tmp_path: Path) -> None:
    folder = saved(tmp_path / "gemma", backbone("gemma").bfloat16())
    kept, _ = load_encoder(str(folder), pooling="auto", as_stored=True)
    wide, _ = load_encoder(str(folder), pooling="auto")
    assert (kept.backbone.dtype, wide.backbone.dtype) == (torch.bfloat16, torch.float32)
    assert kept.pooling == "last_token"
    with pytest.raises(ModelError, match=r"encoder.pooling must not be cls for a decoder"):
        load_encoder(str(folder), pooling="cls")


def test_of_a_model_of_texts_and_pictures_the_texts_part_is_taken(tmp_path: Path) -> None:
    vision = SiglipVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8
    )
    text = Gemma3TextConfig(**DECODER)
    whole = Gemma3ForConditionalGeneration(Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4))
    folder = saved(tmp_path / "both", whole)
    encoder, _ = load_encoder(str(folder), pooling="auto")
    assert type(encoder.backbone) is Gemma3TextModel
    expected = whole.model.language_model.eval()(input_ids=IDS[1:2], attention_mask=MASK[1:2]).last_hidden_state[:, -1]
    torch.testing.assert_close(encoder.eval()(IDS[1:2], MASK[1:2]), expected)


def test_a_decoder_without_a_token_to_pad_with_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "gemma", backbone("gemma"))
    path = folder / "tokenizer_config.json"
    path.write_text(path.read_text("utf-8").replace('"pad_token": "[PAD]"', '"pad_token": null'), "utf-8")
    with pytest.raises(ModelError, match="a tokenizer must have a padding token"):
        load_encoder(str(folder), pooling="auto")

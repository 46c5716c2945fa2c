from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    AlbertConfig,
    AlbertModel,
    BertConfig,
    BertModel,
    DebertaConfig,
    DebertaModel,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    ErnieConfig,
    ErnieModel,
    EsmConfig,
    EsmModel,
    JinaEmbeddingsV3Config,
    JinaEmbeddingsV3Model,
    LayoutLMConfig,
    LayoutLMModel,
    LlamaConfig,
    LlamaModel,
    ModernBertConfig,
    ModernBertModel,
    MPNetConfig,
    MPNetModel,
    OPTConfig,
    OPTModel,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from tune_polar.errors import ModelError
from tune_polar.model.encoder import TextEncoder

SIZES = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 20,
}
POSITIONS_FROM_PADDING = {**SIZES, "max_position_embeddings": 22, "pad_token_id": 1}
MODERN = {
    **SIZES,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 3,
    "cls_token_id": 2,
    "sep_token_id": 3,
}


def bert() -> BertModel:
    return BertModel(BertConfig(**SIZES), add_pooling_layer=False)


def backbones() -> dict[str, PreTrainedModel]:
    distil = DistilBertConfig(vocab_size=40, dim=16, n_layers=3, n_heads=2, hidden_dim=32, max_position_embeddings=20)
    return {
        "bert": bert(),
        "ernie": ErnieModel(ErnieConfig(**SIZES, use_task_id=True), add_pooling_layer=False),
        "roberta": RobertaModel(RobertaConfig(**POSITIONS_FROM_PADDING), add_pooling_layer=False),
        "xlm-roberta": XLMRobertaModel(XLMRobertaConfig(**POSITIONS_FROM_PADDING), add_pooling_layer=False),
        "distilbert": DistilBertModel(distil),
        "deberta": DebertaModel(DebertaConfig(**SIZES, relative_attention=True, pos_att_type=["c2p"])),
        "deberta-v2": DebertaV2Model(DebertaV2Config(**SIZES, relative_attention=True)),
        "electra": ElectraModel(ElectraConfig(**SIZES, embedding_size=8)),
        "mpnet": MPNetModel(MPNetConfig(**POSITIONS_FROM_PADDING), add_pooling_layer=False),
        "modernbert": ModernBertModel(ModernBertConfig(**MODERN)),
    }


@pytest.mark.parametrize("kind", sorted(backbones()))
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_padding_changes_nothing_and_parts_are_found(kind: str, pooling: str) -> None:
    backbone = backbones()[kind].eval()
    encoder = TextEncoder(backbone, pooling=pooling).eval()  # type: ignore[arg-type]
    pad = backbone.config.pad_token_id
    short = torch.tensor([[5, 6, 7]])
    padded = torch.tensor([[5, 6, 7, pad, pad], [9, 8, 7, 6, 5]])
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    with torch.no_grad():
        alone = encoder(short, torch.ones_like(short))
        together = encoder(padded, mask)
    assert together.shape == (2, encoder.hidden_size) == (2, 16)
    torch.testing.assert_close(together[0], alone[0], rtol=1e-4, atol=1e-5)
    assert len(encoder.layers) == 3
    assert encoder.word_embeddings.num_embeddings == 40
    below = {id(encoder.get_parameter(name)) for name in encoder.below(1)}
    assert id(encoder.word_embeddings.weight) in below
    assert {id(parameter) for parameter in encoder.layers[0].parameters()} <= below
    assert not any(id(parameter) in below for parameter in encoder.layers[1:].parameters())
    assert encoder.max_tokens == (None if kind == "modernbert" else 20)


@pytest.mark.parametrize("kind", sorted(backbones()))
def test_longest_row_fits_and_one_token_more_is_refused(kind: str) -> None:
    encoder = TextEncoder(backbones()[kind], pooling="cls").eval()
    longest = encoder.max_tokens or 20
    ids = torch.full((1, longest), 5)
    with torch.no_grad():
        assert torch.isfinite(encoder(ids, torch.ones_like(ids))).all()
    if encoder.max_tokens is not None:
        longer = torch.full((1, longest + 1), 5)
        with pytest.raises(ModelError, match="at most 20 tokens for this encoder, got 21"):
            encoder(longer, torch.ones_like(longer))


def test_mean_pooling_against_a_plain_loop() -> None:
    encoder = TextEncoder(bert(), pooling="mean").eval()
    ids, mask = torch.tensor([[5, 6, 0], [7, 8, 9]]), torch.tensor([[1, 1, 0], [1, 1, 1]])
    with torch.no_grad():
        pooled = encoder(ids, mask)
        hidden = encoder.backbone(input_ids=ids, attention_mask=mask).last_hidden_state
    for row, length in enumerate([2, 3]):
        expected = sum(hidden[row, token] for token in range(length)) / length
        torch.testing.assert_close(pooled[row], expected)


def test_a_row_of_padding_alone_stays_finite() -> None:
    encoder = TextEncoder(bert(), pooling="mean").eval()
    ids = torch.zeros((1, 3), dtype=torch.long)
    assert (encoder(ids, torch.zeros_like(ids)) == 0).all()


def test_ernie_is_told_its_task() -> None:
    config = ErnieConfig(**SIZES, use_task_id=True)
    encoder = TextEncoder(ErnieModel(config, add_pooling_layer=False), pooling="cls").eval()
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        before = encoder(ids, torch.ones_like(ids))
        encoder.get_submodule("backbone.embeddings.task_type_embeddings").weight[0] += torch.arange(16.0)
        after = encoder(ids, torch.ones_like(ids))
    assert not torch.allclose(before, after)


def test_weights_appear_once_in_the_state() -> None:
    encoder = TextEncoder(bert(), pooling="cls")
    assert all(name.startswith("backbone.") for name in encoder.state_dict())


def test_dropout_that_is_off_stays_off() -> None:
    backbone = BertModel(BertConfig(**SIZES, attention_probs_dropout_prob=0.0), add_pooling_layer=False)
    encoder = TextEncoder(backbone, pooling="cls")
    encoder.set_dropout(0.0)
    encoder.set_dropout(0.3)
    rates = {name: part.p for name, part in backbone.named_modules() if isinstance(part, nn.Dropout)}
    assert rates["embeddings.dropout"] == 0.3
    assert rates["encoder.layer.0.output.dropout"] == 0.3
    assert rates["encoder.layer.0.attention.self.dropout"] == 0.0


def test_dropout_that_is_off_everywhere_can_be_switched_on() -> None:
    config = BertConfig(**SIZES, attention_probs_dropout_prob=0.0, hidden_dropout_prob=0.0)
    encoder = TextEncoder(BertModel(config, add_pooling_layer=False), pooling="cls")
    encoder.set_dropout(0.3)
    assert {part.p for part in encoder.modules() if isinstance(part, nn.Dropout)} == {0.3}


def handed_on() -> dict[str, PreTrainedModel]:
    """Encoders that hand some of their shares to functions, all of them 0.1."""
    usual = {**SIZES, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "pad_token_id": 0}
    modern = {**MODERN, "embedding_dropout": 0.1, "mlp_dropout": 0.1}
    return {
        "modernbert": ModernBertModel(ModernBertConfig(**modern, attention_dropout=0.1)),
        "jina": JinaEmbeddingsV3Model(JinaEmbeddingsV3Config(**usual), add_pooling_layer=False),
        "layoutlm": LayoutLMModel(LayoutLMConfig(**usual)),
        "esm": EsmModel(EsmConfig(**usual), add_pooling_layer=False),
        "llama": LlamaModel(LlamaConfig(**SIZES, attention_dropout=0.1)),
        "opt": OPTModel(OPTConfig(**SIZES, ffn_dim=32, word_embed_proj_dim=16, attention_dropout=0.1)),
    }


@pytest.mark.parametrize("kind", sorted(handed_on()))
def test_dropout_is_set_where_functions_are_handed_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = TextEncoder(handed_on()[kind], pooling="mean").train()
    ids = torch.tensor([[5, 6, 7], [8, 9, 4]])
    mask = torch.ones_like(ids)
    with torch.no_grad():
        assert not torch.equal(encoder(ids, mask), encoder(ids, mask))
        encoder.set_dropout(0.0)
        assert torch.equal(encoder(ids, mask), encoder(ids, mask))
        encoder.set_dropout(0.3)
        shares: list[float] = []
        dropped, attended = nn.functional.dropout, nn.functional.scaled_dot_product_attention

        def dropping(*args: Any, p: float, **kwargs: Any) -> torch.Tensor:
            shares.append(p)
            return dropped(*args, p=p, **kwargs)

        def attending(*args: Any, dropout_p: float, **kwargs: Any) -> torch.Tensor:
            shares.append(dropout_p)
            return attended(*args, dropout_p=dropout_p, **kwargs)

        monkeypatch.setattr(nn.functional, "dropout", dropping)
        monkeypatch.setattr(nn.functional, "scaled_dot_product_attention", attending)
        encoder(ids, mask)
    assert len(shares) >= 3
    assert set(shares) == {0.3}


@pytest.mark.parametrize(("embedded", "expected"), [(0.1, 0.0), (0.0, 0.3)])
def test_a_share_of_attention_that_is_off_stays_off_unless_all_are(embedded: float, expected: float) -> None:
    encoder = TextEncoder(ModernBertModel(ModernBertConfig(**MODERN, embedding_dropout=embedded)), pooling="cls")
    encoder.set_dropout(0.3)
    assert {layer.attn.attention_dropout for layer in encoder.layers} == {expected}
    assert encoder.get_submodule("backbone.embeddings.drop").p == 0.3


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ModelError, match='pooling must be "cls", "mean" or "last_token", got \'max\''):
        TextEncoder(bert(), pooling="max")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"dropout must be at least 0 and below 1, got 1\.5"):
        TextEncoder(bert(), pooling="cls").set_dropout(1.5)
    shared_layers = AlbertModel(AlbertConfig(**SIZES, embedding_size=8))
    with pytest.raises(ModelError, match="exactly one stack of its 3 layers, AlbertModel has none"):
        TextEncoder(shared_layers, pooling="cls")

"""From a row's tokens to one vector: each pooling against a plain loop, and what `auto` comes to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel, ErnieConfig, ErnieModel

from tune_polar.errors import ModelError
from tune_polar.model.encoder import TextEncoder, load_encoder
from tune_polar.model.encoder_location import encoder_identity
from tune_polar.model.pooling import chosen_pooling, pooled

SIZES = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 20,
}
HIDDEN = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(1))
BEHIND = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]])
BEFORE = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 1]])


@pytest.mark.parametrize(("mask", "last"), [(BEHIND, [1, 3, 0]), (BEFORE, [3, 3, 3])], ids=["behind", "before"])
def test_the_last_token_is_found_on_whichever_side_the_padding_is(mask: torch.Tensor, last: list[int]) -> None:
    expected = torch.stack([HIDDEN[row, place] for row, place in enumerate(last)])
    assert torch.equal(pooled(HIDDEN, mask, "last_token"), expected)


@pytest.mark.parametrize("mask", [BEHIND, BEFORE], ids=["behind", "before"])
def test_the_mean_is_of_tokens_alone(mask: torch.Tensor) -> None:
    for row in range(3):
        tokens = [HIDDEN[row, place] for place in range(4) if mask[row, place] == 1]
        torch.testing.assert_close(pooled(HIDDEN, mask, "mean")[row], sum(tokens) / len(tokens))


def test_the_first_token() -> None:
    assert torch.equal(pooled(HIDDEN, BEHIND, "cls"), HIDDEN[:, 0])


@pytest.mark.parametrize("kind", [BertModel, ErnieModel])
def test_an_encoder_pools_the_last_token_of_each_row(kind: Any) -> None:
    config = (BertConfig if kind is BertModel else ErnieConfig)(**SIZES)
    encoder = TextEncoder(kind(config, add_pooling_layer=False), pooling="last_token").eval()
    ids, mask = torch.tensor([[5, 6, 7, 0, 0], [9, 8, 7, 6, 5]]), torch.tensor([[1, 1, 1, 0, 0], [1] * 5])
    with torch.no_grad():
        together = encoder(ids, mask)
        alone = encoder(ids[:1, :3], mask[:1, :3])
        hidden = encoder.backbone(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(together[0], hidden[0, 2])
    torch.testing.assert_close(together[1], hidden[1, 4])
    torch.testing.assert_close(together[0], alone[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
        ({"pooling_mode_cls_token": True, "pooling_mode_max_tokens": False}, "cls"),
        ({"pooling_mode_lasttoken": True}, "last_token"),
        ({"pooling_mode": "mean", "word_embedding_dimension": 384}, "mean"),
        ({"pooling_mode": ["lasttoken"]}, "last_token"),
    ],
)
def test_auto_is_what_the_folder_was_trained_with(copy: Path, stored: dict[str, object], expected: str) -> None:
    before = encoder_identity(str(copy))
    (copy / "1_Pooling").mkdir()
    (copy / "1_Pooling" / "config.json").write_text(json.dumps(stored))
    assert load_encoder(str(copy), pooling="auto")[0].pooling == expected
    assert load_encoder(str(copy), pooling="cls")[0].pooling == "cls"
    assert encoder_identity(str(copy)) != before, "it decides what the encoder computes"


def test_auto_is_the_first_token_where_nothing_is_said(copy: Path) -> None:
    assert load_encoder(str(copy), pooling="auto")[0].pooling == "cls"
    assert chosen_pooling("auto", None) == "cls"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"pooling_mode_max_tokens": true}', r"must name one pooling of cls, mean and lasttoken, it names \['max_"),
        ('{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true}', "must name one pooling"),
        ("{}", "it names none"),
        ("[1]", "must hold keys and values"),
        ("{", "must be readable JSON"),
    ],
)
def test_a_pooling_that_is_not_known_here_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(content)
    with pytest.raises(ModelError, match=message):
        chosen_pooling("auto", tmp_path)
    assert chosen_pooling("mean", tmp_path) == "mean"

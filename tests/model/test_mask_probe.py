"""An encoder that looks at padding is refused; those with a mask pass, however they are built."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tune_polar.errors import ModelError
from tune_polar.model.encoder import load_encoder
from tune_polar.model.mask_probe import check_mask
from tune_polar.model.random_encoder import write_random_encoder

TEXTS = ["one two three four five six seven eight nine ten", "eleven twelve"]
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 300,
    "max_position_embeddings": 64,
}


def folder(tmp_path: Path, model_type: str, **about: object) -> str:
    write_random_encoder(tmp_path, {"model_type": model_type, **SIZES, **about}, TEXTS)
    return str(tmp_path)


@pytest.mark.parametrize("model_type", ["bert", "roberta", "ernie", "electra", "distilbert"])
@pytest.mark.parametrize("pooling", ["cls", "mean", "last_token"])
def test_encoders_with_a_mask_pass(tmp_path: Path, model_type: str, pooling: str) -> None:
    about = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64} if model_type == "distilbert" else {}
    about |= {"pad_token_id": 0} if model_type == "roberta" else {}
    encoder, _ = load_encoder(folder(tmp_path, model_type, **about), pooling=pooling)  # type: ignore[arg-type]
    assert not any(parameter.grad_fn for parameter in encoder.parameters())


def test_an_encoder_without_a_mask_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"must not look at padding, but .* another vector beside a longer one"):
        load_encoder(folder(tmp_path, "fnet"), pooling="cls")


@pytest.mark.parametrize("said", [float("nan"), 1.0])
def test_whatever_it_gives_the_mode_stays(tmp_path: Path, said: float) -> None:
    class Padded(nn.Module):
        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return torch.full((len(ids), 4), said * ids.shape[1])

    _, tokenizer = load_encoder(folder(tmp_path, "bert"), pooling="cls")
    model = Padded().train()
    with pytest.raises(ModelError, match="must not look at padding"):
        check_mask(model, tokenizer, "padded")
    assert model.training


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("tokenizer.json", '{"version": null, "model": {"type": "WordLevel", "vocab": null}}'),
        ("tokenizer.json", '{"version": "1.0"'),
        (
            "tokenizer.json",
            '{"version": "1.0", "model": {"type": "WordPiece", "vocab": {"a": 0, "b": 1}, "unk_token": "[UNK]", '
            '"continuing_subword_prefix": "##", "max_input_chars_per_word": 9}}',
        ),
        ("tokenizer_config.json", '{"tokenizer_class": true}'),
        ("config.json", '{"model_type": "bert", "hidden_size": []}'),
        ("config.json", '{"model_type": "bert", "num_hidden_layers": "\u001b"}'),
        ("model.safetensors", "\x00" * 64),
    ],
)
def test_a_damaged_folder_is_told_whatever_libraries_raise(tmp_path: Path, file: str, content: str) -> None:
    place = folder(tmp_path, "bert")
    (tmp_path / file).write_text(content, encoding="utf-8")
    with pytest.raises(ModelError):
        load_encoder(place, pooling="cls")


def test_an_architecture_of_several_models_is_refused(tmp_path: Path) -> None:
    place = folder(tmp_path, "bert")
    (tmp_path / "config.json").write_text('{"model_type": "funnel", "d_model": 32, "block_sizes": [1, 1]}')
    with pytest.raises(ModelError, match="must be one kind of model, 'funnel' is 2"):
        load_encoder(place, pooling="cls")

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertForMaskedLM, ErnieConfig, ErnieForMaskedLM, GPT2Config, GPT2Model, T5Config

from tune_polar.errors import ModelError
from tune_polar.model.encoder import load_encoder
from tune_polar.model.encoder_location import encoder_identity
from tune_polar.model.seeding import seeded_start
from tune_polar.model.tokens import HubTokenizer


def test_loaded_encoder_computes_what_was_saved(bert_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    encoder, tokenizer = load_encoder(str(bert_folder), pooling="cls", dropout=0.25)
    assert capfd.readouterr() == ("", "")
    assert encoder.backbone.dtype == torch.float32
    assert encoder.backbone.pooler is None
    assert encoder.get_submodule("backbone.embeddings.dropout").p == 0.25
    ids = torch.from_numpy(tokenizer.encode(["天地人"], 10)[0]).unsqueeze(0)
    reference = BertForMaskedLM.from_pretrained(bert_folder).eval()
    with torch.no_grad():
        expected = reference.bert(input_ids=ids).last_hidden_state[:, 0]
        actual = encoder.eval()(ids, torch.ones_like(ids))
    torch.testing.assert_close(actual, expected)


def test_half_precision_checkpoints_become_32_bit_weights(copy: Path) -> None:
    weights = {name: tensor.half() for name, tensor in load_file(copy / "model.safetensors").items()}
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    encoder, _ = load_encoder(str(copy), pooling="cls", dropout=None)
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}


def test_incomplete_weights_are_refused(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    del weights["bert.encoder.layer.1.output.dense.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lack 1 tensors, for example .*layer.1.output.dense.weight"):
        load_encoder(str(copy), pooling="cls")


def test_weights_of_another_size_are_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    config["intermediate_size"] = 48
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match=r"weights must fit the encoder's config.json"):
        load_encoder(str(copy), pooling="cls")


def test_truncated_weights_are_refused(copy: Path) -> None:
    data = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match=r"file of weights must be whole"):
        load_encoder(str(copy), pooling="cls")


@pytest.mark.parametrize("prefix", ["ernie.", ""])
def test_older_ernie_checkpoints_load_whole(prefix: str, copy: Path) -> None:
    config = ErnieConfig(
        vocab_size=70,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=24,
        use_task_id=True,
    )
    with seeded_start(4):
        model = ErnieForMaskedLM(config).eval()
    model.save_pretrained(copy)
    weights = {}
    for name, tensor in load_file(copy / "model.safetensors").items():
        old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        weights[old.replace("ernie.", prefix)] = tensor
    assert any(name.endswith("LayerNorm.gamma") for name in weights)
    weights["cls.seq_relationship.weight"] = torch.zeros(2, 16)
    (copy / "model.safetensors").unlink()
    torch.save(weights, copy / "pytorch_model.bin")
    encoder, tokenizer = load_encoder(str(copy), pooling="cls")
    expected = model.ernie.state_dict()
    actual = encoder.backbone.state_dict()
    assert set(actual) == set(expected)
    for name in expected:
        torch.testing.assert_close(actual[name], expected[name], rtol=0, atol=0)
    ids = torch.from_numpy(tokenizer.encode(["天地人"], 10)[0]).unsqueeze(0)
    with torch.no_grad():
        hidden = model.ernie(input_ids=ids, task_type_ids=torch.zeros_like(ids)).last_hidden_state
        torch.testing.assert_close(encoder.eval()(ids, torch.ones_like(ids)), hidden[:, 0])


def test_ernie_as_it_is_saved_today_loads_whole(copy: Path) -> None:
    config = ErnieConfig(vocab_size=70, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, use_task_id=True)
    model = ErnieForMaskedLM(config)
    model.save_pretrained(copy)
    encoder, _ = load_encoder(str(copy), pooling="mean")
    for name, tensor in model.ernie.state_dict().items():
        torch.testing.assert_close(encoder.backbone.state_dict()[name], tensor, rtol=0, atol=0)


def test_quantised_encoders_are_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match="must not be quantised"):
        load_encoder(str(copy), pooling="cls")


def test_more_layers_than_can_be_are_refused_before_they_are_built(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    (copy / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 2**63}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"config\.json must name at most 1,000 layers"):
        load_encoder(str(copy), pooling="cls")


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
def test_kernels_that_a_configuration_names_are_not_fetched(key: str, copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    (copy / "config.json").write_text(json.dumps(config | {key: "someone/kernel"}), encoding="utf-8")
    encoder, _ = load_encoder(str(copy), pooling="cls")
    assert encoder.backbone.config._attn_implementation == "sdpa"


def test_tokenizer_larger_than_the_encoder_is_refused(copy: Path) -> None:
    path = copy / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"].update({f"new{number}": 1000 + number for number in range(50)})
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    with pytest.raises(ModelError, match="every token must have an embedding"):
        load_encoder(str(copy), pooling="cls")


def with_added(folder: Path, **changes: str) -> int:
    """Give the tokenizer one token more than the encoder has embeddings; its id."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    place = len(tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image_soft_token>"]})
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")
    return place


def test_a_token_that_was_added_without_an_embedding_is_read_as_unknown(copy: Path) -> None:
    place = with_added(copy)
    assert HubTokenizer(copy).encode(["天 <image_soft_token>"], 10)[0].tolist() == [2, 31, place, 3]
    encoder, tokenizer = load_encoder(str(copy), pooling="cls")
    assert place == encoder.word_embeddings.num_embeddings
    ids, plain = tokenizer.encode(["天 <image_soft_token>", "天"], 10)
    assert (ids.tolist(), plain.tolist()) == ([2, 31, 1, 3], [2, 31, 3])
    assert ids.dtype == plain.dtype
    batch = torch.from_numpy(ids).unsqueeze(0)
    assert torch.isfinite(encoder(batch, torch.ones_like(batch))).all()
    assert tokenizer != HubTokenizer(copy), "ids of one must not be taken for the other's"


@pytest.mark.parametrize("role", ["pad_token", "unk_token"])
def test_what_stands_in_batches_must_have_an_embedding(role: str, copy: Path) -> None:
    place = with_added(copy, **{role: "<image_soft_token>"})
    with pytest.raises(ModelError, match=rf"every token must have an embedding, .* up to {place} .* {place} embedd"):
        load_encoder(str(copy), pooling="cls")


def test_encoders_with_a_decoder_are_refused(tmp_path: Path) -> None:
    T5Config().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"masked or causal language model, .* is 't5'"):
        load_encoder(str(tmp_path), pooling="cls")


def test_a_decoder_must_not_pool_its_first_token(tmp_path: Path) -> None:
    GPT2Model(GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=2)).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"encoder.pooling must not be cls for a decoder"):
        load_encoder(str(tmp_path), pooling="cls")


@pytest.mark.parametrize("content", ['{"model_type": "no-such-model"}', "{}", "not json", "[]"])
def test_unknown_configurations_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"config.json must name a model that transformers knows"):
        load_encoder(str(tmp_path), pooling="cls")


def test_encoders_with_code_of_their_own_are_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModel": "own.OwnModel"}}
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (copy / "own.py").write_text("raise SystemExit('ran')", encoding="utf-8")
    with pytest.raises(ModelError, match=r"config.json must name a model that transformers knows"):
        load_encoder(str(copy), pooling="cls")


def test_folder_without_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"folder must hold config.json"):
        load_encoder(str(tmp_path), pooling="cls")


@pytest.mark.parametrize("name", ["./missing", "~/missing-folder", "/no/such/folder", "a/b/c"])
def test_missing_folders_are_refused_without_asking_the_hub(name: str) -> None:
    with pytest.raises(ModelError, match=r"which is no folder\n.*hf download"):
        load_encoder(name, pooling="cls")


def test_identity_follows_contents_and_not_the_place(bert_folder: Path, copy: Path) -> None:
    identity = encoder_identity(str(bert_folder))
    assert identity.startswith("sha256:")
    assert encoder_identity(str(copy)) == identity
    (copy / "README.md").write_text("a note", encoding="utf-8")
    assert encoder_identity(str(copy)) == identity
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        before = encoder_identity(str(copy))
        with (copy / name).open("ab") as file:
            file.write(b" ")
        assert encoder_identity(str(copy)) != before, name

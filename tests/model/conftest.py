"""Small real encoders on disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForMaskedLM, BertTokenizer

from tune_polar.model.seeding import seeded_start

CHARACTERS = "abcdefghijklmnopqrstuvwxyz天地人你我他男女"


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked language model of two layers with its tokenizer, as the hub would hold it."""
    folder = tmp_path_factory.mktemp("encoders") / "small-bert"
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *CHARACTERS]
    names += [f"##{character}" for character in CHARACTERS[:26]]
    tokenizer = BertTokenizer(vocab={name: number for number, name in enumerate(names)})
    config = BertConfig(
        vocab_size=len(names),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=24,
    )
    with seeded_start(3):
        model = BertForMaskedLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def copy(bert_folder: Path, tmp_path: Path) -> Path:
    """``bert_folder`` anew, to be altered."""
    return Path(shutil.copytree(bert_folder, tmp_path / "copy"))


@pytest.fixture
def pickled(copy: Path) -> Path:
    """The same encoder as older repositories hold it: its weights only in pytorch_model.bin."""
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    return copy


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty hub cache and no network: what a new machine with HF_HUB_OFFLINE=1 has."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"

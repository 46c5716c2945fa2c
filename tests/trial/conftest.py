"""A corpus of 150 rows and an empty store."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from graph_bench import Bench
from transformers import BertConfig, BertModel, BertTokenizer

from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.table import Corpus
from tune_polar.model.seeding import seeded_start
from tune_polar.store.store import open_store


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()  # as a worker does: a stage ends with a look for cycles, which need not go through what is loaded
    yield
    gc.unfreeze()
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def sample() -> Corpus:
    return sample_corpus(0, rows_train=150, rows_dev=30, rows_test=0)


@pytest.fixture
def graph(sample: Corpus, tmp_path: Path) -> Bench:
    return Bench(sample, open_store(tmp_path), tmp_path)


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory, sample: Corpus) -> Path:
    """A BERT with its pooler, for the sample's characters."""
    folder = tmp_path_factory.mktemp("encoders") / "bert"
    characters = sorted(set("".join(sample.train.texts).lower()) - {" "})
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters]
    config = BertConfig(
        vocab_size=len(names),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
    )
    with seeded_start(3):
        BertModel(config).save_pretrained(folder)
    BertTokenizer(vocab={name: number for number, name in enumerate(names)}).save_pretrained(folder)
    return folder

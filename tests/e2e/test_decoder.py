"""A decoder in two sizes with adapters, made on the spot: searched, killed −9, resumed, used and exported."""

from __future__ import annotations

import csv
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors import safe_open
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    Gemma3TextConfig,
    Gemma3TextModel,
    PreTrainedTokenizerFast,
)

from tests.e2e.conftest import Command, environment, result, script
from tune_polar.data.samples import make_sample
from tune_polar.store.store import open_store

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SIZES = {"smaller": 32, "larger": 48}
RECIPE = """
recipe: two-sizes
extends: psk
changes:
  encoder: {name: smaller, max_length_tokens: 24, adapter: {rank: 4}}
  large.encoder.name: larger
  large.encoder.quantize: nf4
  small.optimizer: {max_steps: 20, eval_every_steps: 20, lr: 1e-2}
  large.optimizer: {max_steps: 20, eval_every_steps: 20, lr: 1e-2}
"""
SEARCH = (
    *("search", "two-sizes.yaml", "--folds", "2", "--trials", "1", "--slots", "1", "--racing", "none"),
    *("--floors", "none", "--store", "store", "--checkpoint-every", "1"),
)


@pytest.fixture
def decoders(tmp_path: Path) -> Path:
    """Two folders with a Gemma 3 of two layers, and the recipe that names them."""
    texts = make_sample("tongues").train.texts
    spoken = Tokenizer(models.BPE(unk_token="<unk>"))
    spoken.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    spoken.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=300, special_tokens=special))
    spoken.post_processor = processors.TemplateProcessing("<bos> $A", special_tokens=[("<bos>", 2)])
    words = dict(zip(("pad_token", "eos_token", "bos_token", "unk_token"), special, strict=True))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=spoken, padding_side="left", **words)
    for name, size in SIZES.items():
        torch.manual_seed(size)
        config = Gemma3TextConfig(
            vocab_size=len(tokenizer),
            hidden_size=size,
            intermediate_size=2 * size,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=16,
            max_position_embeddings=64,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=2,
        )
        Gemma3TextModel(config).save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
    (tmp_path / "two-sizes.yaml").write_text(RECIPE)
    return tmp_path


def killed_once_it_trains(folder: Path) -> None:
    """Begin the search, and kill its driver once a fold is recorded."""
    process = subprocess.Popen(
        [script(), *SEARCH], cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 120
    while not list((folder / "store" / "folds").glob("*.json")) and time.monotonic() < until:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)


def test_two_sizes_of_a_decoder(command: Command, decoders: Path) -> None:
    killed_once_it_trains(decoders)
    before = {path.name for path in (decoders / "store" / "folds").glob("*.json")}
    assert len(before) == 1

    resumed = result(command("resume", "store", "--slots", "1", "--json"))

    store = open_store(str(decoders / "store"))
    folds = list(store.folds())
    assert resumed["complete"]
    assert len(folds) == 2
    assert before <= {path.name for path in (decoders / "store" / "folds").glob("*.json")}
    page = (decoders / "store" / "report.html").read_text(encoding="utf-8")
    for asked in ("What are the extra rows worth?", "Does it hold for every group?", "What choosing settings is worth"):
        assert asked in page

    # What is kept of a fold is adapters and head: nothing of the base, and no more bytes than these have.
    kept = sorted((decoders / "store").rglob("*.safetensors"))
    names: set[str] = set()
    weights = 0
    for path in kept:
        with safe_open(path, framework="numpy") as file:
            found = [name for name in file.keys() if "lora" in name or name.startswith("head")]  # noqa: SIM118
            if any("lora" in name for name in found):
                weights += 1
                names.update(file.keys())
                held = sum(file.get_tensor(name).nbytes for name in file.keys())  # noqa: SIM118
                assert path.stat().st_size < held + 20_000
                assert held < 4 * 4 * 2 * 7 * 2 * 4 * 96 + 4 * 300
    assert weights >= 4  # the winner's: two folds of two stages
    assert not any("embed" in name or "base_layer" in name for name in names), names

    test = make_sample("tongues").splits["test"]
    with (decoders / "new.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "language"])
        writer.writerows(zip(test.ids, test.texts, test.words("language"), strict=True))
    command("predict", "store", "new.csv", "-o", "said.csv")
    command("export", "store", "--model", "exported")
    command("predict", "exported", "new.csv", "-o", "again.csv")
    one, other = (pd.read_csv(decoders / name) for name in ("said.csv", "again.csv"))
    pd.testing.assert_frame_equal(one, other, atol=1e-5)  # the exported model has its adapters merged into the base
    assert len(one) == len(test)

"""Vectors of texts by a frozen encoder are transformers' own, whatever stands beside a text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from tests.model.conftest import bert_folder as bert_folder
from tune_polar.errors import ModelError
from tune_polar.trial.frozen_vectors import FrozenEncoder

TEXTS = ["a cat", "天地人你我他男女", "the dog barks at a cat that sits on the mat and does not look", "x"]


def test_it_is_the_mean_over_the_tokens_of_the_last_layer(bert_folder: Path) -> None:
    found = FrozenEncoder(str(bert_folder), torch.device("cpu"))(TEXTS)
    model, tokenizer = AutoModel.from_pretrained(bert_folder).eval(), AutoTokenizer.from_pretrained(bert_folder)
    for text, vector in zip(TEXTS, found, strict=True):
        tokens = tokenizer(text, truncation=True, max_length=24, return_tensors="pt")
        with torch.inference_mode():
            last = model(**tokens).last_hidden_state[0]
        assert vector == pytest.approx(last.mean(0).numpy(), abs=1e-5)
    assert found.dtype == np.float32


def test_no_encoder_of_that_name_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        FrozenEncoder(str(tmp_path / "nowhere"))

"""Encoders are tried once before a search begins, in a process of their own; what is wrong is said once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from graph_bench import ONE_STAGE, TWO_STAGES, recipe_of

from tune_polar.errors import ModelError
from tune_polar.model.random_encoder import write_random_encoder
from tune_polar.trial.encoder_check import check_encoders

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 300,
    "max_position_embeddings": 64,
}


def made(folder: Path, model_type: str, **about: object) -> str:
    folder.mkdir()
    write_random_encoder(folder, {"model_type": model_type, **SIZES, **about}, ["one two three four"])
    return str(folder)


def test_sound_encoders_pass_and_the_embedded_one_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = {"name": made(tmp_path / "bert", "bert"), "max_length_tokens": 64}
    check_encoders([recipe_of(TWO_STAGES, encoder=encoder), recipe_of(ONE_STAGE, encoder=encoder)])
    monkeypatch.setattr("multiprocessing.get_context", None)
    check_encoders([recipe_of(TWO_STAGES)])


@pytest.mark.parametrize(
    ("model_type", "about", "tokens", "message"),
    [
        ("fnet", {}, 32, "must not look at padding"),
        ("albert", {"embedding_size": 16, "num_hidden_groups": 1}, 32, "must have exactly one stack of its 2 layers"),
        ("bert", {}, 96, r"at most 64 tokens for this encoder, got 96"),
    ],
)
def test_what_cannot_be_used_is_told(
    tmp_path: Path, model_type: str, about: dict[str, object], tokens: int, message: str
) -> None:
    encoder = {"name": made(tmp_path / "it", model_type, **about), "max_length_tokens": tokens}
    with pytest.raises(ModelError, match=message):
        check_encoders([recipe_of(ONE_STAGE, encoder=encoder)])


def test_a_process_that_dies_is_told_with_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", sys.executable)
    monkeypatch.setattr("multiprocessing.spawn.get_executable", lambda: b"/bin/false")
    with pytest.raises(ModelError, match=r"the process that tried \['somewhere'\] ended with code 1"):
        check_encoders([recipe_of(ONE_STAGE, encoder={"name": "somewhere"})])

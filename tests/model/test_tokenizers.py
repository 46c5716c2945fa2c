from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_polar.errors import ModelError
from tune_polar.model.tokens import (
    CLS_ID,
    PAD_ID,
    SEPARATOR_ID,
    SPECIAL_TOKENS,
    UNKNOWN_ID,
    CharacterTokenizer,
    HubTokenizer,
    Tokenizer,
)

TEXTS = ["男人女人", "ABC abc", "人 人"]


def test_ids_follow_frequency_then_code_point() -> None:
    tokenizer = CharacterTokenizer.from_texts(TEXTS)
    assert tokenizer.characters == ("人", " ", "a", "b", "c")
    assert tokenizer.vocabulary_size == 10
    (ids,) = tokenizer.encode(["人a男"], 8)
    assert ids.tolist() == [CLS_ID, 5, 7, UNKNOWN_ID, SEPARATOR_ID]
    assert ids.dtype == np.int64
    assert tokenizer.pad_id == PAD_ID


def test_full_width_upper_case_and_runs_of_white_space_are_one_with_plain_text() -> None:
    tokenizer = CharacterTokenizer.from_texts(["ab c" * 2])
    plain, dressed = tokenizer.encode(["ab c", "\tＡB\r\n\u3000 c "], 20)
    assert plain.tolist() == dressed.tolist()


def test_truncation_keeps_both_special_tokens() -> None:
    tokenizer = CharacterTokenizer.from_texts(["aabbcc"])
    (ids,) = tokenizer.encode(["abcabcabc"], 5)
    assert ids.tolist() == [CLS_ID, 5, 6, 7, SEPARATOR_ID]


@given(st.lists(st.text(max_size=30), min_size=1, max_size=8), st.integers(3, 20))
def test_every_text_is_encoded_within_vocabulary_and_length(texts: list[str], longest: int) -> None:
    tokenizer = CharacterTokenizer.from_texts([*texts, "aa"])
    encoded = tokenizer.encode(texts, longest)
    assert len(encoded) == len(texts)
    for ids in encoded:
        assert 2 <= len(ids) <= longest
        assert ids[0] == CLS_ID
        assert ids[-1] == SEPARATOR_ID
        assert ids.max() < tokenizer.vocabulary_size
    assert CharacterTokenizer.from_json(tokenizer.to_json()) == tokenizer


@pytest.mark.shared
def test_real_texts_have_the_measured_vocabulary(shared_dir: Path) -> None:
    import pandas as pd

    texts = pd.read_csv(shared_dir / "data/polar/train/zho.csv")["text"].tolist()
    tokenizer = CharacterTokenizer.from_texts(texts)
    counts = Counter("".join(tokenizer.characters))
    assert tokenizer.vocabulary_size == 2524  # 2,519 characters seen twice or more, five special tokens
    assert max(counts.values()) == 1
    assert max(len(ids) for ids in tokenizer.encode(texts, 96)) < 96


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be JSON"),
        ("[]", 'object with a string "characters"'),
        ('{"characters": 3}', 'object with a string "characters"'),
        ('{"characters": "aba"}', r"name each character once, got \['a'\]"),
    ],
)
def test_damaged_vocabularies_are_refused(text: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        CharacterTokenizer.from_json(text)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ModelError, match="min_count must be at least 1, got 0"):
        CharacterTokenizer.from_texts(["aa"], min_count=0)
    with pytest.raises(ModelError, match="at least one character 2 times or more, got 3 distinct"):
        CharacterTokenizer.from_texts(["abc"])
    with pytest.raises(ModelError, match=r"at least 3 tokens .* got 2"):
        CharacterTokenizer.from_texts(["aa"]).encode(["a"], 2)


def test_hub_tokenizer_encodes_and_survives_saving(bert_folder: Path, tmp_path: Path) -> None:
    tokenizer: Tokenizer = HubTokenizer(bert_folder)
    assert tokenizer.pad_id == 0
    first, second = tokenizer.encode(["天地", "abcdefghijklmnop"], 6)
    assert first.tolist() == [2, 31, 32, 3]
    assert len(second) <= 6
    assert second[-1] == 3
    assert first.dtype == np.int64
    HubTokenizer(bert_folder).save(tmp_path)
    again = HubTokenizer(tmp_path)
    assert again.vocabulary_size == tokenizer.vocabulary_size
    assert again.encode(["天地"], 6)[0].tolist() == first.tolist()
    assert again.encode([], 6) == []
    with pytest.raises(ModelError, match=r"at least 3 tokens"):
        again.encode(["a"], 1)


def test_folder_without_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    with pytest.raises(ModelError, match=r"must have a vocabulary, .* has only its special tokens"):
        HubTokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="must come with its tokenizer"):
        HubTokenizer(tmp_path)


def test_vocabulary_as_a_plain_list_is_enough(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "ernie"}', encoding="utf-8")
    lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "天", "地"]
    (tmp_path / "vocab.txt").write_text("\n".join(lines), encoding="utf-8")
    tokenizer = HubTokenizer(tmp_path)
    assert tokenizer.encode(["天人地"], 8)[0].tolist() == [2, 5, 1, 6, 3]
    assert tokenizer.vocabulary_size == 7


def test_special_tokens_come_first() -> None:
    assert SPECIAL_TOKENS[PAD_ID] == "[PAD]"
    assert SPECIAL_TOKENS[UNKNOWN_ID] == "[UNK]"
    assert SPECIAL_TOKENS[CLS_ID] == "[CLS]"
    assert SPECIAL_TOKENS[SEPARATOR_ID] == "[SEP]"

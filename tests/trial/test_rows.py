"""Rows through a model: in their own order, whoever they share a batch with, padding unseen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from graph_bench import result_of
from torch import Tensor

from tune_polar.data.batching import TokenRows
from tune_polar.data.table import Corpus
from tune_polar.model.row_blocks import RowBlocks
from tune_polar.recipe.recipe_file import load_recipe
from tune_polar.recipe.sections import Encoder
from tune_polar.trial.encoder_source import EncoderSource
from tune_polar.trial.forward_pass import batch_tensors, predict

CPU = torch.device("cpu")

SETTINGS = load_recipe("st1").recipe.stages["detector"]


@pytest.fixture(scope="module")
def tokens() -> TokenRows:
    rng = np.random.default_rng(0)
    return TokenRows([rng.integers(1, 50, size=length) for length in rng.integers(1, 30, size=300)])


def sums(ids: Tensor, mask: Tensor, blocks: RowBlocks) -> Tensor:
    """Sum and number of a row's tokens; padding would be seen in both."""
    return torch.stack([(ids * mask).sum(dim=1), mask.sum(dim=1)], dim=1)


def test_outputs_come_in_the_order_of_the_rows(tokens: TokenRows) -> None:
    rows = np.random.default_rng(1).permutation(300)[:290]
    found = result_of(predict(sums, tokens, rows, 99, CPU))
    expected = [[float(tokens[row].sum()), float(len(tokens[row]))] for row in rows]
    assert found.dtype == torch.float32
    assert found.tolist() == expected


def test_a_row_may_come_twice(tokens: TokenRows) -> None:
    found = result_of(predict(sums, tokens, np.array([5, 7, 5]), 99, CPU))
    assert found[0].tolist() == found[2].tolist() != found[1].tolist()


def test_padding_fills_behind_the_tokens(tokens: TokenRows) -> None:
    ids, mask, blocks = batch_tensors(tokens, np.array([3, 4, 5]), 99, CPU)
    width = max(len(tokens[row]) for row in (3, 4, 5))
    assert ids.shape == mask.shape == (3, width)
    assert torch.equal(blocks.places.sort().values, mask.flatten().nonzero().squeeze(1))
    for line, row in enumerate((3, 4, 5)):
        length = len(tokens[row])
        assert ids[line].tolist() == [*tokens[row].tolist(), *[99] * (width - length)]
        assert mask[line].tolist() == [1] * length + [0] * (width - length)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last_token"])
def test_a_row_has_one_embedding_whoever_shares_its_batch(sample: Corpus, pooling: str) -> None:
    source = EncoderSource(Encoder.model_validate({"pooling": pooling}), sample)
    encoder = source.start(np.arange(150), 1, SETTINGS).eval()
    rows = np.arange(150)
    pad_id = source.tokenizer.pad_id
    together = result_of(predict(encoder, source.train_tokens, rows, pad_id, CPU))
    alone = torch.cat([result_of(predict(encoder, source.train_tokens, rows[[row]], pad_id, CPU)) for row in rows])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_no_gradients_are_kept(sample: Corpus) -> None:
    source = EncoderSource(Encoder(), sample)
    encoder = source.start(np.arange(150), 1, SETTINGS)
    found = result_of(predict(encoder, source.train_tokens, np.arange(9), source.tokenizer.pad_id, CPU))
    assert not found.requires_grad


def test_it_pauses_after_each_batch_with_gradients_on(tokens: TokenRows) -> None:
    steps = predict(sums, tokens, np.arange(300), 99, CPU)
    pauses = 0
    for _ in steps:
        pauses += 1
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
    assert pauses == 3, "300 rows in batches of 128"

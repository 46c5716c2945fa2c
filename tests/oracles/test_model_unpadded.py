"""BERT and ERNIE without padding against the library's own forward pass; cheap dropout against its definition."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, ErnieConfig, ErnieModel, PreTrainedModel

from tune_polar.model.dropout import CheapDropout
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.row_blocks import row_blocks
from tune_polar.model.seeding import seeded_start
from tune_polar.model.unpadded import runs_unpadded

SIZES = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 20,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


def backbone(kind: str) -> PreTrainedModel:
    with seeded_start(3):
        if kind == "bert":
            return BertModel(BertConfig(**SIZES), add_pooling_layer=False)
        return ErnieModel(ErnieConfig(**SIZES, use_task_id=kind == "ernie with tasks"), add_pooling_layer=False)


def batch(lengths: list[int]) -> tuple[Tensor, Tensor]:
    width = max(lengths)
    mask = (torch.arange(width) < torch.tensor(lengths)[:, None]).long()
    ids = torch.randint(1, 40, mask.shape, generator=torch.Generator().manual_seed(0)) * mask
    return ids, mask


def by_library(model: PreTrainedModel, ids: Tensor, mask: Tensor, pooling: str) -> Tensor:
    tasks = {"task_type_ids": torch.zeros_like(ids)} if "task_type_ids" in model.forward.__code__.co_varnames else {}
    hidden: Tensor = model(input_ids=ids, attention_mask=mask, **tasks).last_hidden_state
    if pooling == "cls":
        return hidden[:, 0]
    return torch.stack([row[: int(kept.sum())].mean(dim=0) for row, kept in zip(hidden, mask, strict=True)])


@pytest.mark.parametrize("kind", ["bert", "ernie", "ernie with tasks"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize(
    "lengths",
    [[5, 12, 2, 7, 11, 6, 3], [10, 12, 11], [6, 6, 6]],
    ids=["several blocks", "one padded block", "of one length"],
)
def test_vectors_and_gradients_are_the_librarys(kind: str, pooling: str, lengths: list[int]) -> None:
    ours, theirs = backbone(kind).train(), backbone(kind).train()
    encoder = TextEncoder(ours, pooling=pooling)  # type: ignore[arg-type]
    ids, mask = batch(lengths)
    weights = torch.linspace(-1, 1, 16)
    found, expected = encoder(ids, mask), by_library(theirs, ids, mask, pooling)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    ((found * weights) ** 3).sum().backward()
    ((expected * weights) ** 3).sum().backward()
    reached = 0
    for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        if other.grad is not None and other.grad.abs().max() > 1e-6:
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-5, msg=name)
            reached += 1
    assert reached > 40


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_rows_may_be_cut_as_one_likes(pooling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = TextEncoder(backbone("ernie").eval(), pooling=pooling)  # type: ignore[arg-type]
    lengths = np.array([5, 12, 2, 11, 5])
    ids, mask = batch(lengths.tolist())
    blocks = row_blocks(lengths, 12, torch.device("cpu"))
    assert [block.rows for block in blocks.blocks] == [2, 2, 1]
    assert torch.equal(encoder(ids, mask), encoder(ids, mask, blocks))
    monkeypatch.setattr("tune_polar.model.row_blocks.SHORTEST_SHARE", 0.0)  # as on an accelerator
    as_they_stand = row_blocks(lengths, 12, torch.device("cpu"))
    assert [block.rows for block in as_they_stand.blocks] == [5]
    assert as_they_stand.order is None
    torch.testing.assert_close(encoder(ids, mask, as_they_stand), encoder(ids, mask, blocks), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_columns_that_only_pad_change_nothing(pooling: str) -> None:
    encoder = TextEncoder(backbone("bert").eval(), pooling=pooling)  # type: ignore[arg-type]
    ids, mask = batch([5, 12, 2])
    wider = [torch.nn.functional.pad(each, (0, 3)) for each in (ids, mask)]
    torch.testing.assert_close(encoder(*wider), encoder(ids, mask))


def test_other_attention_and_subclasses_take_the_librarys_pass() -> None:
    class Own(BertModel):
        pass

    eager = BertModel(BertConfig(**SIZES, attn_implementation="eager"), add_pooling_layer=False)
    assert runs_unpadded(backbone("bert"))
    assert not runs_unpadded(eager)
    assert not runs_unpadded(Own(BertConfig(**SIZES)))
    assert not runs_unpadded(BertModel(BertConfig(**SIZES, is_decoder=True)))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.25])
def test_cheap_dropout_drops_its_share_and_keeps_the_mean(share: float) -> None:
    torch.manual_seed(0)
    ones = torch.ones(1001, 999, requires_grad=True)
    dropped = CheapDropout(share)(ones)
    dropped.sum().backward()
    assert ones.grad is not None
    assert torch.equal(dropped.detach(), ones.grad)  # the same units in both passes
    assert dropped.unique().tolist() == pytest.approx([0.0, 1 / (1 - share)], rel=1e-4)
    assert float((dropped == 0).float().mean()) == pytest.approx(share, abs=0.002)
    columns = (dropped == 0).float().mean(dim=0)
    assert float(columns.std()) == pytest.approx((share * (1 - share) / 1001) ** 0.5, rel=0.1)  # independent draws


def test_cheap_dropout_follows_the_seed_and_rests_in_evaluation() -> None:
    part, ones = CheapDropout(0.3), torch.ones(50, 50)
    torch.manual_seed(5)
    first = part(ones)
    torch.manual_seed(5)
    assert torch.equal(first, part(ones))
    assert not torch.equal(first, part(ones))
    assert part.eval()(ones) is ones
    assert CheapDropout(0.0)(ones) is ones
    assert CheapDropout(1.0)(ones).sum() == 0


def test_an_encoder_drops_cheaply_everywhere() -> None:
    kept = copy.deepcopy(backbone("bert"))
    encoder = TextEncoder(kept, pooling="cls")
    kinds = {type(part) for part in encoder.modules() if isinstance(part, nn.Dropout)}
    assert kinds == {CheapDropout}

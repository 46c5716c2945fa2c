"""Micro-batches and gradient checkpointing against the plain batch: the same losses, gradients and weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tune_polar.data.batching import TokenRows
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.fgm import FastGradientMethod
from tune_polar.model.heads import ClassificationHead, ProjectionHead
from tune_polar.model.losses import AsymmetricLoss, BinaryCrossEntropy, CrossEntropy, SoftTriple
from tune_polar.model.seeding import seeded_start
from tune_polar.model.tiny import tiny_encoder, token_vectors
from tune_polar.model.tokens import CharacterTokenizer
from tune_polar.trial.micro_batches import Rows, backward, sums_over_rows
from tune_polar.trial.precision import Precision
from tune_polar.trial.rows import batch_tensors

FULL = Precision("fp32", torch.device("cpu"))

TEXTS = ["abcabc", "bca", "ccbbaaac", "aab", "abacab", "c", "ababababa", "bacbac", "cab", "bb"]
LABELS = torch.tensor(np.random.default_rng(3).integers(0, 2, (len(TEXTS), 3)))
CPU = torch.device("cpu")
LOSSES = {
    "soft_triple": lambda: SoftTriple(2, 8, centers_per_class=3),
    "cross_entropy": CrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "asymmetric": lambda: AsymmetricLoss([2.0, 3.0, 4.0]),
}


class Model(nn.Module):
    """A tiny encoder of two layers, a head and a loss, as a stage has them."""

    def __init__(self, name: str, dropout: float = 0.0) -> None:
        super().__init__()
        tokenizer = CharacterTokenizer.from_texts(TEXTS)
        self.tokens, self.pad_id = TokenRows(tokenizer.encode(TEXTS, 12)), tokenizer.pad_id
        backbone = tiny_encoder(
            tokenizer, token_vectors(tokenizer, TEXTS, 32, 12), layers=2, dropout=dropout, seed=1, max_length_tokens=12
        )
        self.encoder = TextEncoder(backbone, pooling="mean")
        with seeded_start(1):
            self.head = ProjectionHead(32, 16, 8) if name == "soft_triple" else ClassificationHead(32, 16, 3, dropout)
            self.loss = LOSSES[name]()
        self.single = name in ("soft_triple", "cross_entropy")

    def value(self, rows: Rows) -> Tensor:
        ids, mask, _ = batch_tensors(self.tokens, rows, self.pad_id, CPU)
        labels = LABELS[torch.from_numpy(rows)]
        value: Tensor = self.loss(self.head(self.encoder(ids, mask)), labels[:, 0] if self.single else labels)
        return value


def train(model: Model, micro_rows: int | None, epsilon: float, steps: int = 4) -> list[float]:
    """The loss of each step."""
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    generator, losses = np.random.default_rng(0), []
    fgm = FastGradientMethod(model.encoder.word_embeddings, epsilon) if epsilon else None
    for _ in range(steps):
        rows = generator.permutation(len(TEXTS))[:7].astype(np.int64)
        optimizer.zero_grad()

        def add_up(rows: Rows = rows) -> Tensor:
            sums = sums_over_rows(model.loss)
            return backward(model.value, rows, micro_rows, sums=sums, precision=FULL)

        losses.append(float(add_up()))
        if fgm is not None:
            with fgm:
                add_up()
        optimizer.step()
    return losses


def same_weights(ours: Model, theirs: Model) -> None:
    for (name, one), other in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize("micro_rows", [1, 3])
@pytest.mark.parametrize("epsilon", [0.0, 0.3])
@pytest.mark.parametrize("name", LOSSES)
def test_parts_add_up_to_the_plain_batch(name: str, epsilon: float, micro_rows: int) -> None:
    plain, parts = Model(name), Model(name)
    assert train(parts, micro_rows, epsilon) == pytest.approx(train(plain, None, epsilon), rel=1e-4)
    same_weights(parts, plain)


@pytest.mark.parametrize("micro_rows", [None, 7, 100])
def test_a_whole_batch_is_the_plain_pass_bit_for_bit(micro_rows: int | None) -> None:
    by_hand, ours = Model("asymmetric", dropout=0.1), Model("asymmetric", dropout=0.1)
    rows = np.arange(7)
    torch.manual_seed(5)
    by_hand.train()
    by_hand.value(rows).backward()
    torch.manual_seed(5)
    ours.train()
    backward(ours.value, rows, micro_rows, sums=True, precision=FULL)
    for one, other in zip(ours.parameters(), by_hand.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        assert torch.equal(one.grad, other.grad)


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
@pytest.mark.parametrize("micro_rows", [None, 3])
def test_checkpointing_gives_the_same_curve_with_dropout_too(micro_rows: int | None, epsilon: float) -> None:
    plain, spared = Model("asymmetric", dropout=0.2), Model("asymmetric", dropout=0.2)
    spared.encoder.set_recompute(True)
    assert spared.encoder.backbone.is_activation_checkpointing
    torch.manual_seed(7)
    expected = train(plain, micro_rows, epsilon)
    torch.manual_seed(7)
    assert train(spared, micro_rows, epsilon) == pytest.approx(expected, rel=1e-6)
    same_weights(spared, plain)
    spared.encoder.set_recompute(False)
    assert not spared.encoder.backbone.is_activation_checkpointing


def test_only_the_asymmetric_loss_adds_rows_up() -> None:
    assert [name for name, loss in LOSSES.items() if sums_over_rows(loss())] == ["asymmetric"]

"""Steps in parts and gradient checkpointing against the plain batch: the same losses, gradients and weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tune_polar.data.batching import TokenRows
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.fgm import FastGradientMethod
from tune_polar.model.heads import build_head
from tune_polar.model.losses import LossBatch, LossContext, LossSum, build_loss
from tune_polar.model.seeding import seeded_start
from tune_polar.model.tiny import tiny_encoder, token_vectors
from tune_polar.model.tokens import CharacterTokenizer
from tune_polar.trial.forward_pass import batch_tensors
from tune_polar.trial.gradients import Apart, backward, step_gradients
from tune_polar.trial.memory_plan import rungs
from tune_polar.trial.precision import Precision
from tune_polar.trial.stage_rows import Rows

FULL = Precision("fp32", torch.device("cpu"))

TEXTS = ["abcabc", "bca", "ccbbaaac", "aab", "abacab", "c", "ababababa", "bacbac", "cab", "bb"]
LABELS = torch.tensor(np.random.default_rng(3).integers(0, 2, (len(TEXTS), 3)))
CPU = torch.device("cpu")
EMBEDDINGS = LossContext("binary", ("a",), "embeddings", width=8, classes=2)
CLASSES = LossContext("multiclass", ("a",), "logits", width=3, classes=3)
SEVERAL = LossContext("multilabel", ("a", "b", "c"), "logits", width=3, classes=2)
VALUE = LossContext("regression", ("a",), "values", width=1, classes=0)
LOSSES: dict[str, list[tuple[float, str, LossContext]]] = {
    "soft_triple": [(1.0, "soft_triple", EMBEDDINGS)],
    "a layer of its own": [(1.0, "cross_entropy", EMBEDDINGS)],
    "classes": [(1.0, "cross_entropy", CLASSES)],
    "labels": [(1.0, "cross_entropy", SEVERAL)],
    "asymmetric": [(1.0, "asymmetric", SEVERAL)],
    "a sum and a mean": [(0.25, "asymmetric", SEVERAL), (0.75, "cross_entropy", SEVERAL)],
    "huber": [(1.0, "huber", VALUE)],
}


class Model(nn.Module):
    """A tiny encoder of two layers, a head and losses, as a stage has them."""

    def __init__(self, name: str, dropout: float = 0.0) -> None:
        super().__init__()
        tokenizer = CharacterTokenizer.from_texts(TEXTS)
        self.tokens, self.pad_id = TokenRows(tokenizer.encode(TEXTS, 12)), tokenizer.pad_id
        backbone = tiny_encoder(
            tokenizer, token_vectors(tokenizer, TEXTS, 32, 12), layers=2, dropout=dropout, seed=1, max_length_tokens=12
        )
        self.encoder = TextEncoder(backbone, pooling="mean")
        self.context = LOSSES[name][0][2]
        with seeded_start(1):
            if self.context.outputs_kind == "embeddings":
                self.head = build_head("projection", 32, 1, size=8, hidden=16)
            else:
                self.head = build_head("mlp", 32, self.context.width, hidden=16, dropout=dropout)
            self.losses = LossSum({loss: (weight, build_loss(loss, about)) for weight, loss, about in LOSSES[name]})

    def value(self, rows: Rows, share: float) -> Tensor:
        ids, mask, _ = batch_tensors(self.tokens, rows, self.pad_id, CPU)
        labels = LABELS[torch.from_numpy(rows)]
        targets = labels if self.context.task_kind == "multilabel" else labels[:, 0]
        embeddings = self.encoder(ids, mask)
        value: Tensor = self.losses(LossBatch(self.head(embeddings), embeddings, targets), share)
        return value


def train(model: Model, micro_rows: int | None, epsilon: float, steps: int = 4) -> list[float]:
    """The loss of each step."""
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    generator, losses = np.random.default_rng(0), []
    attack = FastGradientMethod(model.encoder.word_embeddings, epsilon) if epsilon else None
    for _ in range(steps):
        rows = generator.permutation(len(TEXTS))[:7].astype(np.int64)
        optimizer.zero_grad()
        losses.append(float(step_gradients(model.value, rows, micro_rows, precision=FULL, attack=attack)))
        optimizer.step()
    return losses


def same_weights(ours: Model, theirs: Model) -> None:
    for (name, one), other in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize("micro_rows", [1, 3])
@pytest.mark.parametrize("epsilon", [0.0, 0.3])
@pytest.mark.parametrize("name", list(LOSSES))
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
    by_hand.value(rows, 1.0).backward()
    torch.manual_seed(5)
    ours.train()
    backward(ours.value, rows, micro_rows, precision=FULL)
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


class Coupled(Model):
    """Rows whose losses depend on one another: cross-entropy, and triplets of rows of a batch."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__("classes", dropout)
        triplet = build_loss(
            "triplet", LossContext("binary", ("a",), "logits", 32, 2), positive="class", negative="hard"
        )
        loss = build_loss("cross_entropy", CLASSES)
        self.losses = LossSum({"cross_entropy": (0.25, loss), "triplet": (0.75, triplet)})

    @property
    def apart(self) -> Apart:
        return Apart(self.given, self.loss)

    def given(self, rows: Rows) -> tuple[Tensor, ...]:
        ids, mask, _ = batch_tensors(self.tokens, rows, self.pad_id, CPU)
        embeddings = self.encoder(ids, mask)
        return self.head(embeddings), embeddings

    def loss(self, rows: Rows, given: tuple[Tensor, ...]) -> Tensor:
        value: Tensor = self.losses(LossBatch(*given, LABELS[torch.from_numpy(rows)][:, 0]))
        return value

    def value(self, rows: Rows, share: float) -> Tensor:
        assert share == 1.0, "a loss that couples rows is asked of all of them"
        return self.loss(rows, self.given(rows))


def gradients(model: Model) -> dict[str, Tensor]:
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("micro_rows", [1, 3, 7])
@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_coupled_rows_in_two_passes_have_the_loss_and_gradients_of_the_whole_batch(
    epsilon: float, micro_rows: int
) -> None:
    whole, parts = Coupled(), Coupled()
    rows = np.arange(8)
    values = []
    for model, micro in ((whole, None), (parts, micro_rows)):
        attack = FastGradientMethod(model.encoder.word_embeddings, epsilon) if epsilon else None
        model.train()
        torch.manual_seed(2)  # positives are drawn
        values.append(float(step_gradients(model.value, rows, micro, precision=FULL, attack=attack, apart=model.apart)))
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    expected, found = gradients(whole), gradients(parts)
    assert found.keys() == expected.keys()
    for name, each in expected.items():
        torch.testing.assert_close(found[name], each, rtol=1e-4, atol=1e-6, msg=name)
    split = Coupled()
    split.train()
    wrong = sum(float(split.value(part, 1.0).detach()) for part in np.array_split(rows, 3))
    assert values[0] != pytest.approx(wrong / 3, rel=1e-3), "the losses of parts are another loss"


def test_dropout_draws_the_same_masks_in_both_passes() -> None:
    rows, parts = np.arange(8), [np.arange(3), np.arange(3, 6), np.arange(6, 8)]
    by_hand, ours = Coupled(dropout=0.3), Coupled(dropout=0.3)
    by_hand.train()
    ours.train()
    torch.manual_seed(5)
    given = [by_hand.given(part) for part in parts]  # the graph of all parts at once
    by_hand.loss(rows, tuple(torch.cat(each) for each in zip(*given, strict=True))).backward()
    behind = torch.rand(1)
    torch.manual_seed(5)
    backward(ours.value, rows, 3, precision=FULL, apart=ours.apart)
    assert torch.equal(torch.rand(1), behind), "what is drawn next is what would have been"
    for name, each in gradients(by_hand).items():
        torch.testing.assert_close(gradients(ours)[name], each, rtol=1e-4, atol=1e-6, msg=name)


def test_rows_and_their_positives_stay_together() -> None:
    assert {rung.rows for rung in rungs(16, can_recompute=True)} == {16, 8, 4, 2, 1}
    assert [rung.rows for rung in rungs(10, can_recompute=False, fewest_rows=2)] == [10, 5, 2]
    assert [rung.rows for rung in rungs(6, can_recompute=False, fewest_rows=2)] == [6, 3, 2]

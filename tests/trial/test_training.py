"""The training loop against one written by hand, and what it keeps, stops at, cuts and refuses."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tune_polar.model.encoder import TextEncoder
from tune_polar.model.schedule import learning_rate_schedule
from tune_polar.model.seeding import seeded_start
from tune_polar.model.tiny import tiny_encoder, token_vectors
from tune_polar.model.tokens import CharacterTokenizer
from tune_polar.recipe.sections import Optimizer
from tune_polar.store.checkpoint import Checkpoint
from tune_polar.trial.checkpoints import Checkpoints
from tune_polar.trial.gpus import Setting
from tune_polar.trial.precision import Precision
from tune_polar.trial.progress import Progress
from tune_polar.trial.stage_rows import Rows
from tune_polar.trial.training_length import TrainingLength
from tune_polar.trial.training_loop import (
    StageId,
    Training,
    TrainingDivergedError,
    TrainingResult,
    check_finite,
    train,
)

CPU = torch.device("cpu")
TEXTS = ["abcabc", "bcabca", "ccbbaa", "aabbcc", "abacab", "cbcbcb", "ababab", "bacbac"]
TARGETS = torch.tensor([0, 1, 0, 1, 1, 0, 1, 0])
LR = 0.05
STAGE = StageId("model", 0, 0)


class Small(nn.Module):
    """An encoder without dropout and a linear layer: rows 0 to 7 → two logits."""

    def __init__(self) -> None:
        super().__init__()
        tokenizer = CharacterTokenizer.from_texts(TEXTS)
        self.tokens = torch.tensor(np.stack(tokenizer.encode(TEXTS, 8)))
        backbone = tiny_encoder(
            tokenizer, token_vectors(tokenizer, TEXTS, 32, 8), hidden=32, dropout=0.0, seed=1, max_length_tokens=8
        )
        self.encoder = TextEncoder(backbone, pooling="mean")
        with seeded_start(1):
            self.linear = nn.Linear(32, 2)

    def forward(self, rows: Rows) -> Tensor:
        ids = self.tokens[torch.from_numpy(rows)]
        logits: Tensor = self.linear(self.encoder(ids, torch.ones_like(ids)))
        return logits

    def loss(self, rows: Rows, share: float = 1.0) -> Tensor:
        return nn.functional.cross_entropy(self(rows), TARGETS[torch.from_numpy(rows)]) * share


def settings(**changes: object) -> Optimizer:
    return Optimizer.model_validate({"max_steps": 6, "eval_every_steps": 2, **changes})


def batches() -> Iterator[Rows]:
    generator = np.random.default_rng(0)
    while True:
        yield generator.permutation(8)[:4].astype(np.int64)


class Kept:
    """The last checkpoint, in memory."""

    def __init__(self) -> None:
        self.last: Checkpoint | None = None

    def checkpoint(self, key: str) -> Checkpoint | None:
        return self.last

    def put_checkpoint(self, checkpoint: Checkpoint) -> None:
        self.last = checkpoint


@dataclass
class Run:
    """One training of ``Small`` whose checkpoint metric is given; remembers the weights at each evaluation."""

    settings: Optimizer
    values: Sequence[float] = (1.0, 2.0, 3.0)
    keep_best: bool = True
    model: Small = field(default_factory=Small)
    weights: list[dict[str, Tensor]] = field(default_factory=list)
    steps: list[Progress] = field(default_factory=list)
    cache: Kept = field(default_factory=lambda: Kept())
    checkpoint_seconds: float = 0.0
    precision: Setting = "fp32"
    larger_is_better: bool = True
    batch_rows: int = 4

    def training(self) -> Training:
        remaining = iter(self.values)

        def evaluate() -> Generator[None, None, float]:
            yield from ()
            self.weights.append(copy.deepcopy(self.model.state_dict()))
            self.model.eval()  # a real evaluation leaves the model so
            return next(remaining)

        length = TrainingLength(self.settings, rows=8, batch_rows=4)
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=LR, weight_decay=0.1)
        return Training(
            stage=STAGE,
            settings=self.settings,
            batch_rows=self.batch_rows,
            model=self.model,
            encoder=self.model.encoder,
            optimizer=optimizer,
            schedule=learning_rate_schedule("cosine", optimizer, length.steps, 0.5),
            batches=batches(),
            total_steps=length.steps,
            steps_between_evaluations=length.steps_between_evaluations(evaluated_rows=4),
            loss=self.model.loss,
            evaluate=evaluate,
            keep_best=self.keep_best,
            checkpoints=Checkpoints(self.cache, "stage", self.checkpoint_seconds),
            precision=Precision.of(self.precision, CPU),
            larger_is_better=self.larger_is_better,
        )

    def run(self, training: Training | None = None) -> TrainingResult:
        steps = train(training or self.training(), CPU)
        while True:
            try:
                self.steps.append(next(steps))
            except StopIteration as stop:
                result: TrainingResult = stop.value
                return result


def by_hand(epsilon: float, steps: int = 6) -> tuple[Small, list[float]]:
    """AdamW, warm-up over half the steps and then half a cosine, and FGM in two passes, spelled out."""
    model = Small()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.1)
    losses = []
    for step, rows in zip(range(steps), batches(), strict=False):
        warmup = steps // 2
        share = step / warmup if step < warmup else (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2
        for group in optimizer.param_groups:
            group["lr"] = LR * share
        optimizer.zero_grad()
        loss = model.loss(rows)
        loss.backward()
        losses.append(loss.item())
        if epsilon > 0:
            words = model.encoder.backbone.embeddings.word_embeddings.weight
            clean, gradient = words.detach().clone(), words.grad.detach().clone()
            with torch.no_grad():
                words += epsilon * gradient / gradient.norm()
            model.loss(rows).backward()
            with torch.no_grad():
                words.copy_(clean)
        optimizer.step()
    return model, losses


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_weights_and_losses_are_those_of_a_loop_written_by_hand(epsilon: float) -> None:
    run = Run(settings(fgm_epsilon=epsilon))
    result = run.run()
    model, losses = by_hand(epsilon)
    for (name, ours), theirs in zip(run.model.state_dict().items(), model.state_dict().values(), strict=True):
        if not name.endswith("key.bias"):  # attention's softmax does not see it: its gradient is rounding alone
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5, msg=name)
    means = [(losses[place] + losses[place + 1]) / 2 for place in (0, 2, 4)]
    assert [point.training_loss for point in result.curve] == pytest.approx(means, rel=1e-5)


def test_fgm_changes_what_is_learned() -> None:
    with_fgm, without = Run(settings(fgm_epsilon=0.3)), Run(settings())
    with_fgm.run()
    without.run()
    assert not torch.equal(with_fgm.model.linear.weight, without.model.linear.weight)


def test_evaluated_every_n_steps_and_at_the_last() -> None:
    run = Run(settings(max_steps=5), values=[0.3, 0.1, 0.2])
    result = run.run()
    assert [point.step for point in result.curve] == [2, 4, 5]
    assert [point.value for point in result.curve] == [0.3, 0.1, 0.2]
    assert [(p.step, p.value, p.best_value) for p in run.steps] == [
        (1, None, None),
        (2, 0.3, 0.3),
        (3, None, None),
        (4, 0.1, 0.3),
        (5, 0.2, 0.3),
    ]
    assert {p.total_steps for p in run.steps} == {5}
    assert (result.steps, result.stopped) == (5, "last_step")


def test_the_best_weights_are_put_back_and_a_tie_keeps_the_earlier() -> None:
    run = Run(settings(), values=[0.1, 0.5, 0.5])
    result = run.run()
    assert (result.best_step, result.best_value) == (4, 0.5)
    assert all(torch.equal(run.model.state_dict()[name], kept) for name, kept in run.weights[1].items())
    assert not torch.equal(run.weights[1]["linear.weight"], run.weights[2]["linear.weight"])
    assert not run.model.training


def test_the_last_checkpoint_keeps_the_last_weights_and_knows_no_patience() -> None:
    run = Run(settings(patience_evaluations=1), values=[0.9, 0.5, 0.1], keep_best=False)
    result = run.run()
    assert (result.best_step, result.best_value, result.stopped) == (6, 0.1, "last_step")
    assert all(torch.equal(run.model.state_dict()[name], kept) for name, kept in run.weights[2].items())


def test_patience_counts_evaluations_without_gain() -> None:
    run = Run(settings(max_steps=40, patience_evaluations=2), values=[0.1, 0.3, 0.2, 0.4, 0.4, 0.1, 0.9])
    result = run.run()
    assert (result.stopped, result.steps, result.best_step) == ("patience", 12, 8)
    assert len(result.curve) == 6


def test_the_model_trains_in_training_mode_after_an_evaluation() -> None:
    run, modes = Run(settings()), []
    training = run.training()

    def loss(rows: Rows, share: float) -> Tensor:
        modes.append(run.model.training)
        return run.model.loss(rows, share)

    run.run(replace(training, loss=loss))
    assert modes == [True] * 6


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_training(bad: float) -> None:
    run = Run(settings())
    training = replace(run.training(), loss=lambda rows, share: run.model.loss(rows, share) * bad)
    with pytest.raises(TrainingDivergedError, match=r"model fold 0: the loss must stay finite, got .* at step 2"):
        run.run(training)


def test_a_metric_that_is_not_finite_ends_the_training() -> None:
    with pytest.raises(TrainingDivergedError, match="checkpoint metric must stay finite, got nan at step 4"):
        Run(settings(), values=[0.5, math.nan, 0.5]).run()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_predictions_must_be_finite(bad: float) -> None:
    check_finite(torch.tensor([[1.0, -1e30]]), STAGE)
    with pytest.raises(TrainingDivergedError, match="other fold 3: predictions must stay finite") as caught:
        check_finite(torch.tensor([[1.0, bad], [0.0, 0.0]]), StageId("other", 1, 3))
    assert caught.value.remedy == "Lower other.optimizer.lr or other.optimizer.fgm_epsilon."


def test_closing_the_generator_midway_stops() -> None:
    run = Run(settings())
    steps = train(run.training(), CPU)
    list(itertools.islice(steps, 3))
    before = copy.deepcopy(run.model.state_dict())
    steps.close()
    assert list(steps) == []
    assert all(torch.equal(before[name], now) for name, now in run.model.state_dict().items())
    assert len(run.weights) == 1


def test_the_smallest_value_is_the_best_where_smaller_is_better() -> None:
    run = Run(settings(max_steps=40, patience_evaluations=2), [0.9, 0.3, 0.5, 0.3, 0.1], larger_is_better=False)
    result = run.run()
    assert (result.best_step, result.best_value, result.stopped, result.steps) == (4, 0.3, "patience", 8)
    assert all(torch.equal(run.model.state_dict()[name], kept) for name, kept in run.weights[1].items())
    assert [p.best_value for p in run.steps if p.value is not None] == [0.9, 0.3, 0.3, 0.3]


def norm_of(model: nn.Module) -> float:
    return math.sqrt(sum(float(p.grad.square().sum()) for p in model.parameters() if p.grad is not None))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_gradients_longer_than_max_grad_norm_are_cut_to_it(epsilon: float, precision: Setting) -> None:
    """Of both passes together, and after fp16's scale is taken out."""
    norms = []
    for longest in (None, 1e-3):
        changes = {"fgm_epsilon": epsilon, "max_grad_norm": longest, "max_steps": 1, "eval_every_steps": 1}
        run = Run(settings(**changes), values=[0.5], precision=precision)
        training = run.training()
        training.precision.scaler._init_scale = 256.0
        run.run(training)
        norms.append(norm_of(run.model))  # AdamW's plain form leaves gradients as they are used
    assert norms[0] > 0.1
    assert norms[1] == pytest.approx(1e-3, rel=1e-2)


def test_short_gradients_are_left_alone() -> None:
    plain, cut = Run(settings(fgm_epsilon=0.3)), Run(settings(fgm_epsilon=0.3, max_grad_norm=1000.0))
    plain.run()
    cut.run()
    assert all(torch.equal(one, cut.model.state_dict()[name]) for name, one in plain.model.state_dict().items())


def test_a_step_that_overflows_is_left_out_when_gradients_are_cut_too() -> None:
    run = Run(settings(max_grad_norm=1.0, max_steps=1, eval_every_steps=1), values=[0.5], precision="fp16")
    training = run.training()
    training.precision.scaler._init_scale = 2.0**40
    before = run.model.linear.weight.detach().clone()
    run.run(training)
    assert torch.equal(run.model.linear.weight, before)


def test_bf16_trains_in_bf16() -> None:
    seen: list[torch.dtype] = []
    run = Run(settings(), precision="bf16")
    run.model.linear.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    run.run()
    assert set(seen) == {torch.bfloat16}
    assert run.model.linear.weight.dtype == torch.float32

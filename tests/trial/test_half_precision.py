"""16 bits as on a GPU, on the CPU's own kernels: what a fold finds, what stays in 32 bits, and how it goes on."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graph_bench import Bench
from sklearn.metrics import roc_auc_score
from test_checkpoints import ALWAYS, assert_same, stages
from test_checkpoints import recipe as short_recipe
from test_training import Small
from torch import Tensor, nn

from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.table import Corpus
from tune_polar.model import unpadded
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.fgm import FastGradientMethod
from tune_polar.model.heads import build_head
from tune_polar.model.losses import LossBatch, LossContext, build_loss
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.store.records import FoldRecord, StageRecord
from tune_polar.store.store import Store, open_store
from tune_polar.trial import stage_work, training_loop
from tune_polar.trial.checkpoints import Checkpoints
from tune_polar.trial.precision import Precision
from tune_polar.trial.run_fold_trial import fold_trial_steps, run_fold_trial
from tune_polar.trial.stage_rows import Rows
from tune_polar.trial.training_loop import Training

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}
STAGES = ("detector", "classifier")
STEPS = {"detector": 90, "classifier": 150}  # to learn something, with the published attack and losses
# The standard deviation of the difference of two fp32 runs with other seeds, √2·s of the three values that
#   b = Bench(sample_corpus(0, rows_train=500, rows_dev=60, rows_test=0), open_store(folder), folder)
#   [run_fold_trial(b.trial(r, seed=s), b.context(r, 0)).scores for s in (42, 43, 44) for r in [fold_recipe("fp32")]]
# gave in one thread. bf16 with the same three seeds was at most 0.018 and 0.010 away from them, fp16 0.030 and 0.023.
NOISE = {
    "detector.precision_at_1": 2**0.5 * float(np.std([0.7091, 0.7758, 0.7333], ddof=1)),  # 0.048
    "classifier.best_threshold_f1": 2**0.5 * float(np.std([0.4712, 0.5207, 0.4787], ddof=1)),  # 0.038
}


def fold_recipe(precision: str) -> Recipe:
    changes: dict[str, object] = {
        "folds.count": 3,
        "decide.vote.k": 9,
        "encoder.tiny.hidden": 32,
        "detector.head.size": 16,
    }
    for stage, steps in STEPS.items():
        each = {"max_steps": steps, "eval_every_steps": steps // 3, "max_epochs": None}
        changes |= {f"{stage}.optimizer.{key}": value for key, value in each.items()}
        changes |= {f"{stage}.batches.size": 24, f"{stage}.precision": precision}
    return load_recipe("st3", RecipeOptions(encoder="tiny", changes=changes)).recipe


@dataclass
class Seen:
    """A fold trial in one precision, and what passed by while it ran."""

    types: dict[str, set[torch.dtype]] = field(default_factory=lambda: defaultdict(set))
    losses: list[float] = field(default_factory=list)
    attacks: int = 0  # that moved something
    worst_attack: float = 0.0  # largest error of a moved entry over the largest move
    lengths: list[float] = field(default_factory=list)  # largest error of an embedding's length, a table
    finite: bool = True
    steps: int = 0
    left_out: int = 0  # steps whose scaled gradients overflowed
    record: FoldRecord | None = None
    stages: dict[str, StageRecord] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)  # the detector's, as stored

    def watch_steps(self, patch: pytest.MonkeyPatch) -> None:
        inner = training_loop.one_step

        def one_step(made: Training, rows: Rows, fgm: FastGradientMethod | None) -> Tensor:
            scale = made.precision.scaler.get_scale()
            loss = inner(made, rows, fgm)
            self.steps += 1
            self.left_out += made.precision.scaler.get_scale() < scale
            for parameter in made.model.parameters():
                self.types["weights"].add(parameter.dtype)
                self.finite &= bool(torch.isfinite(parameter).all())
                if parameter.grad is not None:
                    self.types["gradients"].add(parameter.grad.dtype)
            for state in made.optimizer.state.values():
                self.types["moments"] |= {value.dtype for value in state.values()}
                self.finite &= all(bool(torch.isfinite(value).all()) for value in state.values())
            self.losses.append(loss.item())
            return loss

        patch.setattr(training_loop, "one_step", one_step)

    def watch_losses(self, patch: pytest.MonkeyPatch) -> None:
        inner = Precision.scaled

        def scaled(precision: Precision, loss: Tensor) -> Tensor:
            self.types["losses"].add(loss.dtype)
            return inner(precision, loss)

        patch.setattr(Precision, "scaled", scaled)

    def watch_attacks(self, patch: pytest.MonkeyPatch) -> None:
        inner = FastGradientMethod.attack

        def attack(fgm: FastGradientMethod) -> None:
            clean = fgm._weight.detach().double()
            inner(fgm)
            assert fgm._weight.grad is not None
            gradient = fgm._weight.grad.double()
            norm = gradient.norm()
            if torch.isfinite(norm):
                step = fgm._epsilon * gradient / norm
                error = (fgm._weight.detach().double() - clean - step).abs().max() / step.abs().max()
                self.attacks, self.worst_attack = self.attacks + 1, max(self.worst_attack, error.item())

        patch.setattr(FastGradientMethod, "attack", attack)

    def watch_search(self, patch: pytest.MonkeyPatch) -> None:
        """What is handed to the neighbour search."""

        def watching(inner: Callable[..., Any]) -> Callable[..., Any]:
            def search(*arguments: Any) -> Any:
                for embeddings in arguments[:2]:
                    self.types["embeddings"].add(embeddings.dtype)
                    self.lengths.append((embeddings.double().norm(dim=1) - 1.0).abs().max().item())
                return inner(*arguments)

            return search

        for name in ("neighbour_labels", "nearest_labels"):
            patch.setattr(stage_work, name, watching(getattr(stage_work, name)))

    def watch_products(self, patch: pytest.MonkeyPatch) -> None:
        """The encoder's products and pooled vectors."""
        inner, pooling = unpadded.linear, TextEncoder.forward

        def linear(*arguments: Tensor) -> Tensor:
            product = inner(*arguments)
            self.types["products"].add(product.dtype)
            return product

        def forward(encoder: TextEncoder, *arguments: Any) -> Tensor:
            pooled = pooling(encoder, *arguments)
            self.types["pooled"].add(pooled.dtype)
            return pooled

        patch.setattr(unpadded, "linear", linear)
        patch.setattr(TextEncoder, "forward", forward)


@pytest.fixture(scope="module")
def larger() -> Corpus:
    return sample_corpus(0, rows_train=500, rows_dev=60, rows_test=0)


@pytest.fixture(scope="module")
def seen(larger: Corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """One fold of ST3 in each precision."""
    found = {}
    for precision in ("fp32", *HALVES):
        folder = tmp_path_factory.mktemp(precision)
        bench, recipe, watched = Bench(larger, open_store(folder), folder), fold_recipe(precision), Seen()
        with pytest.MonkeyPatch.context() as patch:
            watched.watch_steps(patch)
            watched.watch_losses(patch)
            watched.watch_attacks(patch)
            watched.watch_search(patch)
            watched.watch_products(patch)
            watched.record = record = run_fold_trial(bench.trial(recipe), bench.context(recipe, 0))
        watched.stages = {each.stage: each for each in stages(bench.store).values()}
        content = bench.store.weights(record.stages["detector"])
        assert content is not None
        watched.weights = {name: torch.from_numpy(array) for name, array in content.items()}
        found[precision] = watched
    return found


@pytest.fixture(params=HALVES)
def half(request: pytest.FixtureRequest, seen: dict[str, Seen]) -> tuple[torch.dtype, Seen]:
    """The fold in one of the two, and its type."""
    return HALVES[request.param], seen[request.param]


# -- a fold in 16 bits -------------------------------------------------------------------------------------------


def classifier_auc(found: Seen, corpus: Corpus) -> float:
    """Mean area under the ROC curve of the labels, over the validation rows that the stage is judged on."""
    record, stage = found.stages["classifier"], fold_recipe("fp32").stages["classifier"]
    rows = record.rows("validation")
    is_judged = corpus.train.where(stage.rows)[rows]
    gold = corpus.train.matrix(stage.columns)[rows][is_judged]
    return float(roc_auc_score(gold, record.table("validation")[is_judged]))


@pytest.mark.parametrize("precision", ["fp32", *HALVES])
def test_a_fold_learns_in_every_precision(seen: dict[str, Seen], larger: Corpus, precision: str) -> None:
    found = seen[precision]
    assert found.record is not None
    assert {record.precision for record in found.stages.values()} == {precision}
    share = larger.train.values("polarization").mean()
    reached = found.record.scores["detector.precision_at_1"]
    assert reached > max(share, 1 - share) + 0.1  # 0.50 for one class throughout
    assert classifier_auc(found, larger) > 0.57


def test_scores_in_16_bits_are_those_in_32_within_noise(seen: dict[str, Seen], half: tuple[torch.dtype, Seen]) -> None:
    ours, theirs = half[1].record, seen["fp32"].record
    assert ours is not None
    assert theirs is not None
    for name, bound in NOISE.items():
        assert abs(ours.scores[name] - theirs.scores[name]) < bound, name
    assert half[1].losses != seen["fp32"].losses, "something is in 16 bits"


def test_losses_in_bf16_are_those_in_32_bits_all_along(seen: dict[str, Seen]) -> None:
    """No step of bf16 is left out, so that both take the same path; of fp16 the first ones are."""
    for stage in STAGES:
        ours, theirs = (
            [point.training_loss for point in seen[precision].stages[stage].curve] for precision in ("bf16", "fp32")
        )
        assert ours == pytest.approx(theirs, rel=0.02)


def test_only_fp16_leaves_steps_out_and_only_a_few(seen: dict[str, Seen]) -> None:
    assert {precision: found.steps for precision, found in seen.items()} == dict.fromkeys(seen, sum(STEPS.values()))
    assert seen["fp32"].left_out == seen["bf16"].left_out == 0
    assert 0 < seen["fp16"].left_out < 24, "the scale begins too high and finds its place"


def test_nothing_becomes_nan(half: tuple[torch.dtype, Seen]) -> None:
    found = half[1]
    assert found.finite, "weights and moments after each step"
    assert np.isfinite(found.losses).all()
    assert all(bool(torch.isfinite(weight).all()) for weight in found.weights.values())
    for record in found.stages.values():
        assert all(np.isfinite(values).all() for values in record.arrays.values())
        assert np.isfinite([(point.training_loss, point.value) for point in record.curve]).all()
    assert found.record is not None
    assert np.isfinite(list(found.record.scores.values())).all()


def test_arrays_of_records_have_the_types_they_always_have(half: tuple[torch.dtype, Seen]) -> None:
    types = {
        stage: {name: values.dtype.name for name, values in record.arrays.items()}
        for stage, record in half[1].stages.items()
    }
    assert types == {
        "detector": {
            "validation/rows": "int32",
            "validation/neighbours": "uint8",
            "dev/rows": "int32",
            "dev/neighbours": "uint8",
            "extra/centers": "float32",
        },
        "classifier": {
            "validation/rows": "int32",
            "validation/probability": "float32",
            "dev/rows": "int32",
            "dev/probability": "float32",
        },
    }
    assert {each.dtype for name, each in half[1].weights.items() if "/" not in name} == {torch.float32}


def test_products_alone_are_in_16_bits(half: tuple[torch.dtype, Seen]) -> None:
    dtype, found = half
    in_full = ("weights", "gradients", "moments", "losses", "embeddings", "pooled")
    assert found.types == {"products": {dtype}} | {name: {torch.float32} for name in in_full}
    assert max(found.lengths) < 1e-6, "embeddings have length 1, to 32 bits"


def test_the_attack_is_computed_in_32_bits(half: tuple[torch.dtype, Seen]) -> None:
    """In bf16 an entry would be off by up to 1/256 of itself, in fp16 the norm of scaled gradients would overflow."""
    found = half[1]
    assert found.attacks >= found.steps - found.left_out
    assert found.worst_attack < 1e-4


# -- what is computed in 32 bits, piece by piece -----------------------------------------------------------------

SIX = tuple("abcdef")
OF_LABELS = LossContext("multilabel", SIX, "logits", width=6, classes=2), torch.eye(6)[[0, 5, 1, 0, 3]].long()
LOSSES: dict[str, tuple[str, dict[str, object], LossContext, Tensor]] = {
    "soft_triple": (
        "soft_triple",
        {"centers": 3},
        LossContext("binary", ("a",), "embeddings", width=6, classes=2),
        torch.tensor([0, 1, 1, 0, 1]),
    ),
    "cross_entropy of classes": (
        "cross_entropy",
        {},
        LossContext("multiclass", ("a",), "logits", width=6, classes=6),
        torch.tensor([0, 5, 1, 0, 3]),
    ),
    "cross_entropy of labels": ("cross_entropy", {}, *OF_LABELS),
    "asymmetric": (
        "asymmetric",
        {"gamma_negative": dict(zip(SIX, [4, 4, 3.5, 3.5, 2, 0.5], strict=True))},
        *OF_LABELS,
    ),
    "mse": ("mse", {}, LossContext("regression", ("a",), "values", width=1, classes=0), torch.linspace(1, 5, 5)),
    "huber": ("huber", {}, LossContext("regression", ("a",), "values", width=1, classes=0), torch.linspace(1, 5, 5)),
}


@pytest.mark.parametrize("dtype", HALVES.values(), ids=list(HALVES))
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_16_bit_outputs_is_that_of_the_same_outputs_in_32(name: str, dtype: torch.dtype) -> None:
    kind, settings, about, targets = LOSSES[name]
    torch.manual_seed(0)
    loss = build_loss(kind, about, **settings)
    rounded = (3 * torch.randn(5, about.width, generator=torch.Generator().manual_seed(1))).to(dtype)
    expected = loss(LossBatch(rounded.float(), rounded.float(), targets))
    for in_autocast in (True, False):  # which turns some to 32 bits by itself; stages compute their losses inside
        with torch.autocast("cpu", dtype=dtype, enabled=in_autocast):
            found = loss(LossBatch(rounded, rounded, targets))
        assert (found.dtype, found.item()) == (torch.float32, expected.item())
    assert {parameter.dtype for parameter in loss.parameters()} <= {torch.float32}


@pytest.mark.parametrize("dtype", HALVES.values(), ids=list(HALVES))
def test_embeddings_get_their_length_in_32_bits(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    head = build_head("projection", 8, 1, size=6)
    with torch.autocast("cpu", dtype=dtype):
        found = head(torch.randn(50, 8))
    assert found.dtype == torch.float32
    assert (found.double().norm(dim=1) - 1.0).abs().max() < 1e-6


@pytest.mark.parametrize("runs_unpadded", [True, False])
@pytest.mark.parametrize("dtype", HALVES.values(), ids=list(HALVES))
def test_the_mean_over_tokens_is_taken_in_32_bits(
    dtype: torch.dtype, runs_unpadded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an encoder whose last layer leaves 16 bits; the usual ones end in a norm, which leaves 32."""
    model, inner, last = Small(), unpadded._layer, []
    model.encoder._runs_unpadded = runs_unpadded

    def layer(*arguments: Any) -> Tensor:
        last.append(inner(*arguments).to(dtype))
        return last[-1]

    def rounded(module: nn.Module, inputs: object, output: Any) -> Any:
        last.append(output.last_hidden_state.to(dtype)[0])
        output.last_hidden_state = output.last_hidden_state.to(dtype)
        return output

    monkeypatch.setattr(unpadded, "_layer", layer)
    model.encoder.backbone.register_forward_hook(rounded)
    with torch.inference_mode(), torch.autocast("cpu", dtype=dtype):
        pooled = model.encoder(model.tokens[:1], torch.ones_like(model.tokens[:1]))
    assert pooled.dtype == torch.float32
    assert last[0].dtype == dtype
    torch.testing.assert_close(pooled[0].double(), last[0].double().mean(dim=0), rtol=1e-6, atol=1e-6)


# -- stopped and taken up again ----------------------------------------------------------------------------------


def interrupted_recipe(precision: str) -> Recipe:
    plain = short_recipe()
    stages = {name: stage.model_copy(update={"precision": precision}) for name, stage in plain.stages.items()}
    return plain.model_copy(update={"stages": stages})


def killed_until_it_is_done(bench: Bench, recipe: Recipe, pauses: int) -> int:
    """Run a fold trial, killed after every so many pauses as a process dies (nothing is closed); how often it was."""
    for times in itertools.count():
        steps = fold_trial_steps(bench.trial(recipe), bench.context(recipe, ALWAYS))
        if len(list(itertools.islice(steps, pauses))) < pauses:
            return times
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Checkpoints, "save_on_leaving", lambda *_: None)
            steps.close()
    raise AssertionError


@pytest.fixture
def checkpoints_of(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Arrays of every checkpoint that is written, one after each step however long the one before took."""
    monkeypatch.setattr("tune_polar.trial.checkpoints._WRITING_SHARE", float("inf"))
    written: list[dict[str, Any]] = []
    inner = Store.put_checkpoint

    def put(store: Store, checkpoint: Any) -> None:
        written.append({name: array.dtype for name, array in checkpoint.arrays.items()})
        inner(store, checkpoint)

    monkeypatch.setattr(Store, "put_checkpoint", put)
    return written


@pytest.mark.parametrize("pauses", [7])  # the last evaluation and what follows it take 6
@pytest.mark.parametrize("precision", HALVES)
def test_a_fold_killed_again_and_again_ends_with_the_same_bits(
    precision: str, pauses: int, sample: Corpus, tmp_path: Path, checkpoints_of: list[dict[str, Any]]
) -> None:
    recipe, found = interrupted_recipe(precision), []
    for name in ("whole", "killed"):
        bench = Bench(sample, open_store(tmp_path / name), tmp_path / name)
        if name == "whole":
            run_fold_trial(bench.trial(recipe), bench.context(recipe, 0))
            assert checkpoints_of == []
        else:
            assert killed_until_it_is_done(bench, recipe, pauses) >= 3
        weights = bench.store.weights(bench.trial(recipe).stage_key("detector", None))
        assert weights is not None
        found.append((stages(bench.store), {each: array.tobytes() for each, array in weights.items()}))
    assert_same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1], "the detector's weights, to the bit"
    types = {name: {arrays[name] for arrays in checkpoints_of if name in arrays} for name in checkpoints_of[0]}
    scaled = {name for name in types if name.startswith("scaler/")}
    assert bool(scaled) == (precision == "fp16")
    for name, dtypes in types.items():
        if name.startswith(("model/", "best/", "optimizer/")):
            assert dtypes == {np.dtype(np.float32)}, name

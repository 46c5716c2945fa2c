"""Stages of every kind of task, head, loss and split, trained end to end with the embedded encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from graph_bench import MANIFESTATIONS, Bench, recipe_of
from pydantic import Field
from torch import Tensor

from tune_polar.data.columns import Column, class_column, group_column, label_column, number_column
from tune_polar.data.table import Corpus, Split
from tune_polar.errors import DataError, ModelError
from tune_polar.model.losses import LOSSES, Loss, LossBatch, LossContext
from tune_polar.recipe.components import LOSSES as LOSS_SETTINGS
from tune_polar.recipe.components import Loss as LossSettings
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.settings import Rate
from tune_polar.store.records import FoldRecord, StageRecord
from tune_polar.store.store import open_store
from tune_polar.trial.run_fold_trial import run_fold_trial
from tune_polar.trial.stage_build import build_model

TOPICS = ("news", "sport", "other")
LANGUAGES = ("deu", "eng", "zho")


def columns_of(split: Split) -> dict[str, Column]:
    """A class, a number, a group and labels that follow from what the texts say."""
    polarized, count = split.values("polarization"), split.matrix(MANIFESTATIONS).sum(axis=1)
    topics = np.where(polarized == 0, 0, np.where(count > 1, 1, 2))
    rng = np.random.default_rng(3)
    return {
        "topic": class_column([TOPICS[code] for code in topics], TOPICS),
        "intimacy": number_column(1.0 + count + rng.random(len(split))),
        "language": group_column([LANGUAGES[code] for code in rng.integers(0, 3, len(split))]),
        "hate": label_column(polarized.tolist()),
        **{name: split.columns[name] for name in MANIFESTATIONS[:5]},
    }


@pytest.fixture(scope="module")
def tasks(sample: Corpus) -> Corpus:
    """Train with everything, dev with gold, a test split without, and an evaluation set with one column."""
    train, dev = (replace(sample.splits[name], columns=columns_of(sample.splits[name])) for name in ("train", "dev"))
    test = Split("test", dev.ids[:11], dev.texts[:11], {}, tuple(train.columns))
    sbic = Split("sbic", dev.ids[:7], dev.texts[:7], {"hate": dev.columns["hate"].take(np.arange(7))})
    return Corpus("tasks", {"train": train, "dev": dev, "test": test, "sbic": sbic})


@pytest.fixture
def bench_of_tasks(tasks: Corpus, tmp_path: Path) -> Bench:
    return Bench(tasks, open_store(tmp_path), tmp_path)


TASKS: Mapping[str, Mapping[str, Any]] = {
    "binary": {"type": "binary", "target": "hate"},
    "multiclass": {"type": "multiclass", "target": "topic"},
    "multilabel": {"type": "multilabel", "targets": MANIFESTATIONS[:5]},
    "regression": {"type": "regression", "target": "intimacy"},
}
DATA = {
    "labels": ["hate", *MANIFESTATIONS[:5]],
    "classes": {"topic": list(TOPICS)},
    "numbers": {"intimacy": [1, 8]},
    "groups": ["language"],
}


def recipe_for(task: str, **changes: object) -> Recipe:
    """What a user writes, with few steps; ``head__type="mlp"`` changes the one stage."""
    stage = {
        "task": TASKS[task],
        "optimizer": {"max_steps": 4, "eval_every_steps": 2},
        "batches": {"size": 16},
    }
    recipe = {
        "recipe": "mine",
        "data": DATA,
        "folds": {"count": 3},
        "encoder": {"tiny": {"hidden": 32}},
        "stages": {"model": stage},
    }
    return recipe_of(recipe, **{f"stages__model__{key}": value for key, value in changes.items()})


def trained(bench: Bench, recipe: Recipe, fold: int = 0) -> tuple[FoldRecord, StageRecord]:
    record = run_fold_trial(bench.trial(recipe, fold), bench.context(recipe))
    found = bench.store.stage(record.stages["model"])
    assert found is not None
    return record, found


WIDTHS = {"binary": 1, "multiclass": 3, "multilabel": 5, "regression": 1}


@pytest.mark.parametrize("task", TASKS)
def test_every_task_predicts_every_split(bench_of_tasks: Bench, task: str) -> None:
    recipe = recipe_for(task)
    record, stage = trained(bench_of_tasks, recipe)
    assert stage.predicts == ("value" if task == "regression" else "probability")
    assert set(stage.splits) == {"validation", "dev", "test", "sbic"}
    plan = bench_of_tasks.context(recipe).plans["model"]
    np.testing.assert_array_equal(stage.rows("validation"), plan.validation_rows(0))
    for split, rows in (("dev", 30), ("test", 11), ("sbic", 7)):
        np.testing.assert_array_equal(stage.rows(split), np.arange(rows))
    for split in stage.splits:
        table = stage.table(split)
        assert table.shape == (len(stage.rows(split)), WIDTHS[task])
        assert table.dtype == np.float32
    if task == "multiclass":
        np.testing.assert_allclose(stage.table("dev").sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(stage.table("dev")[:7], stage.table("sbic"), rtol=1e-4, atol=1e-6)
    assert np.isfinite(record.scores["race"])
    assert record.scores[f"model.{stage.keep}"] == stage.best_value
    assert stage.best_value == max(point.value for point in stage.curve)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_learns(bench_of_tasks: Bench, task: str) -> None:
    steps = {"optimizer__max_steps": 60, "optimizer__eval_every_steps": 20, "optimizer__max_epochs": 20.0}
    _, stage = trained(bench_of_tasks, recipe_for(task, **steps))
    assert stage.curve[-1].training_loss < 0.9 * stage.curve[0].training_loss


@pytest.mark.parametrize(
    ("task", "keep"),
    [
        ("binary", "macro_f1"),
        ("binary", "positive_f1"),
        ("binary", "accuracy"),
        ("binary", "log_loss"),
        ("binary", "best_threshold_f1"),
        ("binary", "half_threshold_f1"),
        ("binary", "last"),
        ("multiclass", "micro_f1"),
        ("multiclass", "log_loss"),
        ("multiclass", "last"),
        ("multilabel", "macro_f1"),
        ("multilabel", "micro_f1"),
        ("multilabel", "last"),
        ("regression", "spearman"),
        ("regression", "mae"),
        ("regression", "rmse"),
        ("regression", "last"),
    ],
)
def test_weights_are_kept_by_any_metric(bench_of_tasks: Bench, task: str, keep: str) -> None:
    steps = {"optimizer__max_steps": 3, "optimizer__eval_every_steps": 1}
    record, stage = trained(bench_of_tasks, recipe_for(task, keep=keep, **steps))
    values = [point.value for point in stage.curve]
    is_small = keep in ("log_loss", "mae", "rmse")
    best = values[-1] if keep == "last" else min(values) if is_small else max(values)
    assert stage.best_value == best
    assert stage.best_step == (3 if keep == "last" else values.index(best) + 1)
    curve = [value for _, value in record.curve]
    assert curve == sorted(curve), "larger is better, whatever the metric"
    assert [share for share, _ in record.curve] == [1 / 3, 2 / 3, 1.0]


def test_a_metric_on_the_record_is_the_one_of_its_table(bench_of_tasks: Bench, tasks: Corpus) -> None:
    steps = {"optimizer__max_steps": 1, "optimizer__eval_every_steps": 1}
    _, stage = trained(bench_of_tasks, recipe_for("regression", keep="mae", **steps))
    gold = tasks.train.values("intimacy")[stage.rows("validation")]
    assert stage.best_value == pytest.approx(np.abs(stage.table("validation")[:, 0] - gold).mean(), rel=1e-6)
    _, stage = trained(bench_of_tasks, recipe_for("multiclass", keep="accuracy", **steps))
    gold = tasks.train.values("topic")[stage.rows("validation")]
    assert stage.best_value == (stage.table("validation").argmax(axis=1) == gold).mean()


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("losses", [{"soft_triple": {"centers": 3}}, {"cross_entropy": {}}])
@pytest.mark.parametrize("keep", ["precision_at_1", "accuracy"])
def test_embeddings_of_any_number_of_classes_have_neighbours(
    bench_of_tasks: Bench, tasks: Corpus, task: str, losses: dict[str, Any], keep: str
) -> None:
    recipe = recipe_for("binary") if task == "binary" else None
    values: dict[str, object] = {"head": {"type": "projection", "size": 8}, "losses": losses, "keep": keep}
    if recipe is None:  # no decision reads the neighbours of several classes: a second stage is scored
        other = recipe_for("binary").stages["model"].model_dump(mode="json")
        stages = {"model": {**stage_values("multiclass"), **values}, "scored": other}
        recipe = recipe_of({**base_values(), "stages": stages, "score": {"of": "scored"}})
    else:
        recipe = recipe_for("binary", **values)
    _, stage = trained(bench_of_tasks, recipe)
    table, known = stage.table("validation"), len(bench_of_tasks.context(recipe).plans["model"].training_rows(0))
    column = "hate" if task == "binary" else "topic"
    gold = tasks.train.values(column)[stage.rows("validation")]
    assert (table.shape, table.dtype) == ((len(gold), min(200, known)), np.uint8)
    assert set(np.unique(table)) <= set(range(2 if task == "binary" else 3))
    if keep == "precision_at_1":
        assert max(point.value for point in stage.curve) == (table[:, 0] == gold).mean() == stage.best_value
    if "soft_triple" in losses:
        assert stage.arrays["extra/centers"].shape == (3 * (2 if task == "binary" else 3), 8)


def stage_values(task: str) -> dict[str, Any]:
    return {"task": TASKS[task], "optimizer": {"max_steps": 4, "eval_every_steps": 2}, "batches": {"size": 16}}


def base_values() -> dict[str, Any]:
    return {"recipe": "mine", "data": DATA, "folds": {"count": 3}, "encoder": {"tiny": {"hidden": 32}}}


@pytest.mark.parametrize(
    ("task", "changes"),
    [
        ("binary", {"head": {"type": "mlp"}}),
        ("binary", {"head": {"type": "pooler"}}),
        ("binary", {"losses": {"asymmetric": {}}}),
        ("binary", {"losses": {"asymmetric": {"weight": 0.25}, "cross_entropy": {"weight": 0.75}}}),
        ("multiclass", {"batches": {"type": "balanced", "size": 9}}),
        ("multiclass", {"batches": {"type": "shuffled", "size": 9}}),
        ("multilabel", {"losses": {"asymmetric": {"gamma_negative": 3.0}}}),
        ("regression", {"losses": {"huber": {"delta": 0.5}}}),
        ("regression", {"optimizer__schedule": "linear"}),
        ("regression", {"optimizer__schedule": "constant", "optimizer__warmup_share": 0.0}),
        ("multilabel", {"optimizer__max_grad_norm": 0.1}),
        ("multiclass", {"encoder": {"pooling": "last_token"}}),
        ("multiclass", {"rows": {"language": "eng"}}),
        ("regression", {"rows": {"topic": "news"}}),
        ("regression", {"rows": {"language": "eng"}}),
    ],
    ids=str,
)
def test_every_part_can_be_exchanged(bench_of_tasks: Bench, task: str, changes: dict[str, object]) -> None:
    _, plain = trained(bench_of_tasks, recipe_for(task))
    _, stage = trained(bench_of_tasks, recipe_for(task, **changes))
    assert stage.key != plain.key
    assert not np.array_equal(stage.table("dev"), plain.table("dev"))


def test_rows_train_and_judge_but_every_validation_row_is_predicted(bench_of_tasks: Bench, tasks: Corpus) -> None:
    recipe = recipe_for("regression", rows={"topic": "news"}, keep="mae", optimizer__max_steps=1)
    _, stage = trained(bench_of_tasks, recipe)
    rows = bench_of_tasks.context(recipe).plans["model"].validation_rows(0)
    np.testing.assert_array_equal(stage.rows("validation"), rows)
    inside = tasks.train.words("topic")
    judged = np.array([inside[row] == "news" for row in rows])
    gold = tasks.train.values("intimacy")[rows]
    assert 0 < judged.sum() < len(rows)
    errors = np.abs(stage.table("validation")[:, 0] - gold)[judged]
    assert stage.best_value == pytest.approx(errors.mean(), rel=1e-6)


def test_frozen_layers_keep_their_bits(bench_of_tasks: Bench) -> None:
    recipe = recipe_of(
        {
            **base_values(),
            "encoder": {"tiny": {"hidden": 32, "layers": 2}},
            "stages": {"model": stage_values("binary")},
        },
        stages__model__encoder={"frozen_layers": 1},
    )
    trial, context = bench_of_tasks.trial(recipe), bench_of_tasks.context(recipe)
    before = build_model(trial, "model", context, None).state_dict()
    record = run_fold_trial(trial, context)
    weights = bench_of_tasks.store.weights(record.stages["model"])
    assert weights is not None
    after = {name: torch.from_numpy(weights[name]) for name in weights}
    same = {name for name, value in before.items() if torch.equal(value, after[name])}
    frozen = [name for name in before if ".embeddings." in name or ".layer.0." in name]
    assert len(frozen) > 10
    assert set(frozen) <= same
    assert any(".layer.1." in name for name in set(before) - same)


def test_more_frozen_layers_than_there_are_are_refused(bench_of_tasks: Bench) -> None:
    recipe = recipe_for("binary", encoder={"frozen_layers": 4})
    with pytest.raises(ModelError, match="frozen_layers must be at least 0 and at most the encoder's 1 layers, got 4"):
        run_fold_trial(bench_of_tasks.trial(recipe), bench_of_tasks.context(recipe))


def test_a_column_of_another_kind_is_refused(bench_of_tasks: Bench, tasks: Corpus) -> None:
    wrong = replace(tasks.train, columns={**tasks.train.columns, "topic": tasks.train.columns["hate"]})
    bench = replace(bench_of_tasks, corpus=Corpus("wrong", {**tasks.splits, "train": wrong}))
    recipe = recipe_for("multiclass")
    bench = replace(bench, plans=bench_of_tasks.context(recipe).plans)
    with pytest.raises(DataError, match="must have a class column 'topic', train has a label column"):
        run_fold_trial(bench.trial(recipe), bench.context(recipe))


def test_a_fold_without_rows_to_judge_is_refused(bench_of_tasks: Bench, tasks: Corpus) -> None:
    recipe = recipe_for("binary", rows={"topic": "sport"})
    plans = bench_of_tasks.context(recipe_for("binary")).plans
    bare = replace(tasks.train, columns={**tasks.train.columns, "topic": class_column(["news"] * 150, TOPICS)})
    bench = replace(bench_of_tasks, corpus=Corpus("bare", {"train": bare}), plans=plans)
    with pytest.raises(DataError, match=r"must have training rows with {'topic': 'sport'} in fold 0, got none"):
        run_fold_trial(bench.trial(recipe), bench.context(recipe))


# -- a loss of one's own -------------------------------------------------------------------------------------------


@pytest.fixture
def pull() -> Iterator[None]:
    """A loss registered as a user would: settings for the recipe, and a class for the model."""

    @LOSS_SETTINGS.register("pull")
    class PullSettings(LossSettings):
        """Draws rows of one group together."""

        golds = frozenset({"binary"})
        reads_groups: ClassVar[bool] = True
        strength: Rate = Field(0.5, description="Factor")

    @LOSSES.register("pull")
    class Pull(Loss):
        couples_rows = True
        seen: ClassVar[list[tuple[int, ...]]] = []

        def __init__(self, context: LossContext, *, strength: float = 0.5) -> None:
            super().__init__()
            self.strength, self.context = strength, context
            self.scale = torch.nn.Parameter(torch.ones(()))

        def own_rates(self) -> list[tuple[list[torch.nn.Parameter], float]]:
            return [([self.scale], 0.1)]

        def kept(self) -> dict[str, Tensor]:
            return {"scale": self.scale.detach()}

        def forward(self, batch: LossBatch) -> Tensor:
            assert batch.groups is not None
            self.seen.append((len(batch.outputs), batch.embeddings.shape[1], int(batch.groups.max())))
            same = batch.groups[:, None] == batch.groups[None, :]
            return self.strength * self.scale * torch.cdist(batch.embeddings, batch.embeddings)[same].mean()

    yield
    LOSS_SETTINGS.unregister("pull")
    LOSSES._classes.pop("pull")


@pytest.mark.usefixtures("pull")
def test_a_registered_loss_trains_beside_another(bench_of_tasks: Bench) -> None:
    recipe = recipe_for("binary", losses={"cross_entropy": {"weight": 0.5}, "pull": {"strength": 2.0, "weight": 0.1}})
    context = bench_of_tasks.context(recipe)
    context.memory.budget_bytes = 1  # a slot too small: rows pass one by one, and the loss is of all of them
    record = run_fold_trial(bench_of_tasks.trial(recipe), context)
    stage = bench_of_tasks.store.stage(record.stages["model"])
    assert stage is not None
    assert {rows for rows, _, _ in LOSSES["pull"].seen} <= {16, 100 % 16}  # type: ignore[attr-defined]
    assert {(hidden, group) for _, hidden, group in LOSSES["pull"].seen} == {(32, 2)}  # type: ignore[attr-defined]
    assert record.memory["model"].micro_rows == 1
    assert record.memory["model"].recompute
    assert stage.arrays["extra/scale"] != 1.0, "it has a rate of its own"
    other = recipe_for("binary", losses={"cross_entropy": {"weight": 0.5}, "pull": {"strength": 1.0, "weight": 0.1}})
    assert bench_of_tasks.trial(other).stage_keys != bench_of_tasks.trial(recipe).stage_keys


@pytest.mark.usefixtures("pull")
def test_groups_are_in_the_key_of_a_loss_that_reads_them(bench_of_tasks: Bench, tasks: Corpus) -> None:
    other = replace(tasks.train, columns={**tasks.train.columns, "language": group_column(["zho"] * 150)})
    turned = replace(bench_of_tasks, corpus=Corpus("turned", {**tasks.splits, "train": other}))
    for losses, changes in (({"pull": {}}, True), ({"cross_entropy": {}}, False)):
        recipe = recipe_for("binary", losses=losses)
        found = turned.trial(recipe).stage_keys, bench_of_tasks.trial(recipe).stage_keys
        assert (found[0] != found[1]) == changes

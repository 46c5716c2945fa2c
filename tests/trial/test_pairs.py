"""Stages of pairs: what is read when, what the record says, and that nothing held out reaches training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graph_bench import Bench, recipe_of

from tests.stand_in.install import pretended_cards
from tests.stand_in.known_cards import LAPTOP
from tune_polar.data.columns import text_column
from tune_polar.data.plans.given import corpus_as_given
from tune_polar.data.samples import make_sample
from tune_polar.data.table import Corpus
from tune_polar.model.losses import LossBatch
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.records import StageRecord
from tune_polar.store.store import open_store
from tune_polar.trial import pairs as pairs_module
from tune_polar.trial.class_clusters import clusters_of
from tune_polar.trial.forward_pass import batch_tensors
from tune_polar.trial.frozen_vectors import frozen_vectors
from tune_polar.trial.pairs import pair_rows
from tune_polar.trial.run_fold_trial import run_fold_trial
from tune_polar.trial.stage_build import build_model, build_stage

LOSSES: dict[str, dict[str, Any]] = {
    "triplet": {"cross_entropy": {"weight": 0.25}, "triplet": {"weight": 0.75, "negative": "semi_hard_or_hardest"}},
    "imp_con": {"cross_entropy": {"weight": 0.25}, "imp_con": {"weight": 0.75}},
    "sup_con": {"cross_entropy": {"weight": 0.25}, "sup_con": {"weight": 0.75}},
    "shared_con": {"cross_entropy": {"weight": 0.25}, "shared_con": {"weight": 0.75, "clusters": 4}},
    "ce": {"cross_entropy": {}},
}
VALUES: dict[str, Any] = {
    "recipe": "pairs",
    "data": {"labels": ["hate"], "texts": {"positive": {"column": "implied_statement"}}},
    "folds": {"plan": "given"},
    "encoder": {"name": "tiny", "pooling": "mean", "tiny": {"hidden": 32}},
    "stages": {
        "hate": {
            "task": {"type": "binary", "target": "hate"},
            "losses": LOSSES["triplet"],
            "batches": {"type": "pairs", "size": 8},
            "optimizer": {"max_steps": 6, "eval_every_steps": 3, "lr": 2e-3},
            "measures": ["alignment", "uniformity", "projection"],
        }
    },
    "decide": {"label": {"type": "argmax", "of": "hate"}},
    "score": {"of": "label"},
}


def of_loss(name: str) -> Recipe:
    return recipe_of(VALUES, stages__hate__losses=LOSSES[name])


@pytest.fixture(scope="module")
def posts() -> Corpus:
    """The sample with its positives as a recipe asks for them; held-out rows have none."""
    found = make_sample("harbour")
    splits = dict(found.splits)
    for name in ("train", "dev"):
        split = splits[name].take(np.arange(120 if name == "train" else 40))
        said = zip(split.words("implied_statement"), split.words("augmented"), strict=True)
        held_out = {"hate": split.columns["hate"]}
        positive = {**held_out, "positive": text_column(one or other for one, other in said)}
        splits[name] = replace(split, columns=positive if name == "train" else held_out)
    return corpus_as_given(replace(found, splits=splits))


def bench(posts: Corpus, folder: Path) -> Bench:
    return Bench(posts, open_store(folder), folder)


def trained(posts: Corpus, folder: Path, recipe: Recipe) -> StageRecord:
    found = bench(posts, folder)
    record = run_fold_trial(found.trial(recipe), found.context(recipe))
    stage = found.store.stage(record.stages["hate"])
    assert stage is not None
    return stage


@pytest.mark.parametrize("name", LOSSES)
def test_a_stage_of_pairs_is_trained_measured_and_recorded(name, posts, tmp_path):
    stage = trained(posts, tmp_path, of_loss(name))
    assert set(stage.splits) == {"validation", "orchard"}
    for split in ("validation", "orchard"):
        assert stage.arrays[f"extra/alignment/{split}"].shape == (2,)
        assert stage.arrays[f"extra/uniformity/{split}"].shape == (2,)
        assert len(stage.arrays[f"extra/projection/{split}"]) == len(stage.arrays[f"extra/projected/{split}"])
    if name == "ce":
        assert "extra/idle_batches" not in stage.arrays
    else:
        assert stage.arrays["extra/idle_batches"][1] in (3, 6)  # of the steps up to the kept checkpoint


def test_positives_are_never_read_when_rows_are_predicted(posts, tmp_path):
    """Other texts in the positive column of every held-out row: the same bits in every array."""
    train = posts.train
    is_held_out = [word == "dev" for word in train.words("split")]
    changed = text_column(
        "a text that says all" if held_out else text
        for held_out, text in zip(is_held_out, train.words("positive"), strict=True)
    )
    other = replace(
        posts, splits={**posts.splits, "train": replace(train, columns={**train.columns, "positive": changed})}
    )
    assert any(is_held_out)
    one, two = (trained(each, tmp_path / str(place), of_loss("triplet")) for place, each in enumerate((posts, other)))
    assert one.arrays.keys() == two.arrays.keys()
    assert all(np.array_equal(one.arrays[name], two.arrays[name]) for name in one.arrays)


def test_nearest_training_rows_are_kept_where_asked_for(posts, tmp_path):
    recipe = recipe_of(VALUES, stages__hate__measures=["nearest", "tsne"])
    stage, plan = trained(posts, tmp_path, recipe), bench(posts, tmp_path).context(recipe).plans["hate"]
    asked, nearest = (stage.arrays[f"extra/{name}/validation"] for name in ("asked", "nearest"))
    assert asked.tolist() == plan.validation_rows(0).tolist()
    assert set(nearest.ravel().tolist()) <= set(plan.training_rows(0).tolist())
    assert (np.diff(stage.arrays["extra/cosine/validation"], axis=1) <= 0).all()
    assert "extra/projection/validation" not in stage.arrays
    assert stage.arrays["extra/tsne/orchard"].any()


def test_only_a_loss_that_reads_positives_depends_on_them(posts, tmp_path):
    """The stage's key: with other positives that of the triplets is another, those of the others are the same."""
    train = posts.train
    changed = {**train.columns, "positive": text_column(f"{text} too" for text in train.words("positive"))}
    other = replace(posts, splits={**posts.splits, "train": replace(train, columns=changed)})
    for name in LOSSES:
        keys = {bench(each, tmp_path).trial(of_loss(name)).stage_key("hate", None) for each in (posts, other)}
        assert len(keys) == (1 if name in ("ce", "shared_con") else 2), name


def test_gold_of_another_split_counts_where_it_is_measured(posts, tmp_path):
    orchard = posts.splits["orchard"]
    turned = replace(orchard, columns={"hate": replace(orchard.columns["hate"], values=1 - orchard.values("hate"))})
    other = replace(posts, splits={**posts.splits, "orchard": turned})
    for measures, count in ((["alignment"], 2), ([], 1)):
        recipe = recipe_of(VALUES, stages__hate__measures=measures)
        keys = {bench(each, tmp_path).trial(recipe).stage_key("hate", None) for each in (posts, other)}
        assert len(keys) == count


def test_clusters_see_no_held_out_text(posts, tmp_path, monkeypatch):
    """Only the fold's training rows are passed to k-means, and positives are training rows of the same class."""
    found, seen = bench(posts, tmp_path), []
    recipe = of_loss("shared_con")

    def spied(vectors, classes, count):
        seen.append(len(vectors))
        return clusters_of(vectors, classes, count)

    monkeypatch.setattr(pairs_module, "clusters_of", spied)
    context = found.context(recipe)
    made = pair_rows(found.trial(recipe), "hate", context)
    training = context.plans["hate"].training_rows(0)
    assert made is not None
    assert made.clusters is not None
    assert seen == [len(training)]
    assert set(made.partners[training]) <= set(training.tolist())
    classes = posts.train.values("hate")
    assert (classes[made.partners[training]] == classes[training]).all()
    assert len(np.unique(made.clusters[training])) == 8  # four of each class, never the same
    pair_rows(found.trial(recipe), "hate", context)
    assert seen == [len(training)], "clusters of the same rows are made once"


@pytest.mark.skipif(torch.backends.cuda.is_built(), reason="the stand-in needs a torch built for the CPU")
def test_clusters_are_made_with_the_card_to_themselves_and_of_as_few_rows_as_fit(posts, tmp_path, monkeypatch):
    recipe, asked, beside, held = of_loss("shared_con"), [], [], []

    def watched(encoder, *args, batch_rows, **kwargs):
        blocks = [-(-each.nbytes // 512) * 512 for each in (*encoder.parameters(), *encoder.buffers())]
        asked.append(batch_rows)
        beside.append(driver.boards[0].allocated - sum(blocks))
        return frozen_vectors(encoder, *args, batch_rows=batch_rows, **kwargs)

    monkeypatch.setattr("tune_polar.trial.class_clusters.frozen_vectors", watched)
    monkeypatch.setattr(
        "tune_polar.trial.stage_build.build_model",
        lambda *args: held.append(driver.boards[0].allocated) or build_model(*args),
    )
    found = bench(posts, tmp_path)
    there = replace(found.context(recipe), device=torch.device("cuda", 0))
    with pretended_cards(LAPTOP) as driver:
        for _ in range(2):
            driver.fail(when=torch.is_inference_mode_enabled)
        built = build_stage(found.trial(recipe), "hate", there, None)
        monkeypatch.undo()
        expected = pair_rows(found.trial(recipe), "hate", found.context(recipe))
    assert asked == [128, 64, 32]
    assert beside == [0] * 3, "no model stood beside them"
    assert held == [0], "nor do they beside the stage's"
    assert np.array_equal(built.work._pairs.partners, expected.partners)


def test_the_middle_of_a_cluster_is_nearest_to_its_centre():
    rng = np.random.default_rng(1)
    vectors = np.concatenate([rng.normal(size=(10, 3)) + 9 * place for place in range(3)])
    classes = np.array([0] * 20 + [1] * 10)
    found = clusters_of(vectors, classes, 2)
    for cluster in np.unique(found.codes):
        members = np.flatnonzero(found.codes == cluster)
        assert len(set(classes[members])) == 1
        far = np.linalg.norm(vectors[members] - vectors[members].mean(axis=0), axis=1)
        assert set(found.middles[members]) == {members[far.argmin()]}
    equal = clusters_of(np.ones((4, 3)), np.zeros(4, dtype=np.int64), 25)
    assert set(equal.codes) == {0}


def test_one_pass_of_both_texts_has_the_gradients_of_two(posts, tmp_path):
    """Row by row the encoder knows nothing of the batch: loss and gradients are those of two passes, to rounding."""
    found, recipe = bench(posts, tmp_path), of_loss("triplet")
    context = found.context(recipe)
    built = build_stage(found.trial(recipe), "hate", context, None)
    model, rows = built.plan.model.eval(), context.plans["hate"].training_rows(0)[:8]

    def gradients() -> dict[str, torch.Tensor]:
        found = {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}
        model.zero_grad(set_to_none=True)
        return found

    built.work.loss(rows, 1.0).backward()
    joint = gradients()
    two_passes(built, found.trial(recipe), context, rows).backward()
    separate = gradients()
    assert joint.keys() == separate.keys()
    for name in joint:
        torch.testing.assert_close(joint[name], separate[name], rtol=1e-4, atol=1e-6, msg=name)


def two_passes(built, trial, context, rows):
    pairs = pair_rows(trial, "hate", context)
    assert pairs is not None
    passed, partner = (
        built.plan.model(*batch_tensors(pairs.tokens, each, built.predictor.pad_id, context.device))
        for each in (rows, pairs.partners[rows])
    )
    targets = torch.from_numpy(context.corpus.train.values("hate")[rows])
    return built.plan.model.losses(LossBatch(passed.outputs, passed.embeddings, targets, positives=partner.embeddings))

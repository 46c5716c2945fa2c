"""Floors: linear models without fine-tuning, on the rows of the folds, within bounds, the same every time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.model.conftest import bert_folder as bert_folder
from tests.store.made_recipes import one_vote, regression, three_classes, two_stages
from tests.store.made_store import made_corpus, plans_of
from tune_polar.data.table import Corpus
from tune_polar.errors import ModelError
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.codec import encode_arrays
from tune_polar.store.floor import floor_faults
from tune_polar.store.gold import gold_of
from tune_polar.trial import floor_features, floor_models, floor_vectors
from tune_polar.trial.floor_models import FloorLeftOutError, Stopped, make_floor
from tune_polar.trial.floor_vectors import FrozenEncoders, floor_device

CPU = torch.device("cpu")


def spoken(corpus: Corpus, column: str) -> Corpus:
    """Texts that say something of a column of labels."""
    gold = corpus.train.values(column)
    texts = tuple(f"{'foul words' if gold[row] else 'kind words'} number {row}" for row in range(len(corpus.train)))
    return replace(corpus, splits={**corpus.splits, "train": replace(corpus.train, texts=texts)})


@pytest.fixture
def encoded(bert_folder: Path) -> Callable[..., Recipe]:
    def make(recipe: Recipe, **encoder: object) -> Recipe:
        own = {"name": str(bert_folder), "max_length_tokens": 12, **encoder}
        stages = {
            name: stage.model_copy(update={"encoder": stage.encoder.model_copy(update=own)})
            for name, stage in recipe.stages.items()
        }
        return recipe.model_copy(update={"stages": stages})

    return make


@pytest.mark.parametrize("make", [one_vote, two_stages, three_classes, regression], ids=lambda each: each.__name__)
@pytest.mark.parametrize("floor", ["tfidf", "encoder"])
def test_a_floor_of_every_task_is_one_that_its_store_takes(make, floor, encoded) -> None:
    recipe = encoded(make())
    corpus = made_corpus(recipe)
    plans = plans_of(recipe, corpus)
    found = make_floor(floor, recipe, corpus, plans, encode=FrozenEncoders(CPU))
    assert list(floor_faults(found, gold_of(corpus, plans), recipe)) == []
    assert (found.rows, found.of, found.is_sample) == (120, 120, False)
    again = make_floor(floor, recipe, corpus, plans, encode=FrozenEncoders(CPU))
    assert encode_arrays(found.header(), found.arrays) == encode_arrays(again.header(), again.arrays)


def test_tfidf_is_what_scikit_learn_makes_of_the_fold() -> None:
    recipe = one_vote()
    corpus = spoken(made_corpus(recipe), "hurt")
    plans = plans_of(recipe, corpus)
    found = make_floor("tfidf", recipe, corpus, plans)
    gold, texts = corpus.train.values("hurt"), np.array(corpus.train.texts)
    for fold in range(plans["finder"].count):
        trains, held = plans["finder"].training_rows(fold), plans["finder"].validation_rows(fold)
        counts = HashingVectorizer(
            analyzer="char_wb", ngram_range=(1, 4), n_features=2**20, norm=None, alternate_sign=False
        ).transform(texts)
        often = np.asarray((counts[trains] > 0).sum(axis=0)).ravel() >= 2
        weighted = TfidfTransformer(sublinear_tf=True).fit(counts[trains][:, often])
        model = LogisticRegression(solver="liblinear", max_iter=1000)
        model.fit(weighted.transform(counts[trains][:, often]), gold[trains])
        expected = model.predict_proba(weighted.transform(counts[held][:, often]))[:, 1]
        np.testing.assert_allclose(found.table("finder", fold)[1][:, 0], expected, atol=1e-4)
        assert ((found.table("finder", fold)[1][:, 0] > 0.5) == gold[held]).all()
        np.testing.assert_array_equal(found.rows_of("finder", fold), held)


def test_an_encoder_is_read_as_a_mean_over_tokens_and_fitted_on_the_training_rows(encoded) -> None:
    recipe = encoded(one_vote())
    corpus = spoken(made_corpus(recipe), "hurt")
    plans = plans_of(recipe, corpus)
    seen: list[np.ndarray] = []

    class Seen(FrozenEncoders):
        def __call__(self, *about):  # type: ignore[no-untyped-def]
            rows, features = super().__call__(*about)
            seen.append(features("finder")._vectors)
            return rows, features

    found = make_floor("encoder", recipe, corpus, plans, encode=Seen(CPU))
    gold, trains, held = corpus.train.values("hurt"), plans["finder"].training_rows(1), found.rows_of("finder", 1)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)).fit(
        seen[0][trains], gold[trains]
    )
    expected = model.predict_proba(seen[0][held])[:, 1]
    np.testing.assert_allclose(found.table("finder", 1)[1][:, 0], expected, atol=1e-5)


def test_no_text_that_a_fold_holds_out_reaches_what_is_fitted() -> None:
    recipe = one_vote()
    corpus = spoken(made_corpus(recipe), "hurt")
    plans = plans_of(recipe, corpus)
    held = plans["finder"].validation_rows(0)
    texts = tuple("quite other text" if row in held[1:] else text for row, text in enumerate(corpus.train.texts))
    other = replace(corpus, splits={**corpus.splits, "train": replace(corpus.train, texts=texts)})
    one, two = (make_floor("tfidf", recipe, each, plans).table("finder", 0)[1][0] for each in (corpus, other))
    np.testing.assert_array_equal(one, two)


def test_of_many_rows_a_sample_is_taken_the_same_every_time(monkeypatch) -> None:
    monkeypatch.setattr(floor_models, "MOST_ROWS", 60)
    recipe = two_stages()
    corpus = made_corpus(recipe)
    plans = plans_of(recipe, corpus)
    found = make_floor("tfidf", recipe, corpus, plans)
    assert (found.rows, found.of, found.is_sample) == (60, 120, True)
    assert list(floor_faults(found, gold_of(corpus, plans), recipe)) == []
    took_part = np.concatenate([found.rows_of("finder", fold) for fold in range(3)])
    assert len(np.unique(took_part)) == 60
    again = make_floor("tfidf", recipe, corpus, plans)
    for name, array in found.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[name])


def test_stages_that_ask_the_same_are_trained_once(monkeypatch) -> None:
    recipe = one_vote()
    stages = {"finder": recipe.stages["finder"], "second": recipe.stages["finder"]}
    corpus = made_corpus(recipe)
    plan = plans_of(recipe, corpus)["finder"]
    counted: list[int] = []
    real = floor_models.fold_table
    monkeypatch.setattr(floor_models, "fold_table", lambda *about: (counted.append(1), real(*about))[1])
    found = make_floor("tfidf", recipe.model_copy(update={"stages": stages}), corpus, {"finder": plan, "second": plan})
    assert len(counted) == plan.count
    np.testing.assert_array_equal(found.table("finder", 0)[1], found.table("second", 0)[1])


def test_a_label_that_no_training_row_has_is_given_to_nobody() -> None:
    recipe = two_stages()
    corpus = made_corpus(recipe)
    plans = plans_of(recipe, corpus)
    none = replace(corpus.train.columns["x"], values=np.zeros(len(corpus.train), dtype=np.int64))
    train = replace(corpus.train, columns={**corpus.train.columns, "x": none})
    corpus = replace(corpus, splits={**corpus.splits, "train": train})
    found = make_floor("tfidf", recipe, corpus, plans)
    assert (found.table("sorter", 0)[1][:, 0] == 0).all()


def test_an_encoder_reads_no_more_than_its_budget_and_says_when_that_is_too_little(monkeypatch, encoded) -> None:
    recipe = encoded(one_vote())
    corpus = made_corpus(recipe)
    plans = plans_of(recipe, corpus)
    monkeypatch.setattr(floor_models, "FEWEST_ROWS", 40)
    linear = 2 * (4 * 16 * 16 + 2 * 16 * 32)
    monkeypatch.setattr(floor_vectors, "MOST_WORK", {"cpu": 2.0 * linear * 12 * 60})
    found = make_floor("encoder", recipe, corpus, plans, encode=FrozenEncoders(CPU))
    assert 60 <= found.rows < 120
    assert found.is_sample
    monkeypatch.setattr(floor_vectors, "MOST_WORK", {"cpu": 2.0 * linear * 12})
    with pytest.raises(FloorLeftOutError, match=r"reads \d of 120 texts in the time that a floor may take"):
        make_floor("encoder", recipe, corpus, plans, encode=FrozenEncoders(CPU))


def test_an_encoder_that_does_not_fit_into_memory_is_left_out(monkeypatch, encoded) -> None:
    recipe = encoded(one_vote())
    corpus = made_corpus(recipe)
    monkeypatch.setattr(floor_vectors, "_free_bytes", lambda: 1000)
    with pytest.raises(FloorLeftOutError, match="of memory beside the search"):
        make_floor("encoder", recipe, corpus, plans_of(recipe, corpus), encode=FrozenEncoders(CPU))


def test_a_machine_without_gpus_reads_on_its_processor() -> None:
    assert floor_device(on_gpu=False) == CPU
    assert floor_device(on_gpu=True).type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_the_embedded_encoder_is_not_read_as_it_is(sample: Corpus) -> None:
    recipe = one_vote()
    with pytest.raises((ModelError, FloorLeftOutError)):
        FrozenEncoders(CPU)(recipe, sample.train, np.arange(4), lambda: None)


@pytest.mark.parametrize("floor", ["tfidf", "encoder"])
def test_it_stops_when_asked(floor, encoded) -> None:
    recipe = encoded(one_vote())
    corpus = made_corpus(recipe)
    with pytest.raises(Stopped):
        make_floor(floor, recipe, corpus, plans_of(recipe, corpus), encode=FrozenEncoders(CPU), stop=lambda: True)


def test_long_texts_are_read_to_a_bound() -> None:
    long = "a" * floor_features.CHARACTERS
    counts = floor_features.TfidfFeatures([long, long + " zzz"])._counts
    assert (counts[0] != counts[1]).nnz == 0

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from tests.data.plan_bench import subtask_plans
from tune_polar.data import sample_lexicon as lexicon
from tune_polar.data.column_request import DataRequest, column_specs
from tune_polar.data.columns import IntArray
from tune_polar.data.labels import MANIFESTATIONS, POLARIZATION, TYPES
from tune_polar.data.load import load_corpus
from tune_polar.data.plans import FoldPlan
from tune_polar.data.polar_writer import write_polar
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.source import parse_source
from tune_polar.data.table import Corpus, Split
from tune_polar.errors import DataError

TYPE_SHARES = dict(zip(TYPES, (0.118, 0.456, 0.040, 0.341, 0.174), strict=True))
MANIFESTATION_SHARES = dict(zip(MANIFESTATIONS, (0.607, 0.373, 0.101, 0.164, 0.159, 0.097), strict=True))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return sample_corpus()


def test_has_polar_shape_and_shares(corpus: Corpus) -> None:
    assert {name: len(split) for name, split in corpus.splits.items()} == {
        "train": 1000,
        "dev": 200,
        "test": 400,
    }
    for split in corpus.splits.values():
        polarized = split.values(POLARIZATION) == 1
        assert polarized.mean() == pytest.approx(0.4956, abs=0.005)
        for label, share in (TYPE_SHARES | MANIFESTATION_SHARES).items():
            assert split.values(label)[polarized].mean() == pytest.approx(share, abs=0.03), label
            assert not split.values(label)[~polarized].any()
        assert split.matrix(TYPES)[polarized].any(axis=1).all()
        assert split.matrix(MANIFESTATIONS)[polarized].any(axis=1).all()


@pytest.mark.parametrize("seed", range(5))
def test_every_label_fills_five_folds_from_1000_rows(seed: int) -> None:
    train = sample_corpus(seed, rows_dev=0, rows_test=0).train

    assert train.matrix([*TYPES, *MANIFESTATIONS]).sum(axis=0).min() >= 12


def test_texts_are_unique_and_of_polar_length(corpus: Corpus) -> None:
    texts = [text for split in corpus.splits.values() for text in split.texts]
    lengths = [len(text) for text in texts]

    assert len({unicodedata.normalize("NFKC", text).strip().casefold() for text in texts}) == len(texts)
    assert np.mean(lengths) == pytest.approx(34, abs=1.5)
    assert max(lengths) <= 89
    assert "{" not in "".join(texts)
    assert len({row_id for split in corpus.splits.values() for row_id in split.ids}) == len(texts)


def test_groups_alone_do_not_decide(corpus: Corpus) -> None:
    names = [group.name for groups in lexicon.GROUPS.values() for group in groups]
    polarized = corpus.train.values(POLARIZATION) == 1
    named = np.array([any(name in text for name in names) for text in corpus.train.texts])

    assert named[~polarized].mean() > 0.3
    assert named[polarized].mean() < 0.8


def test_equal_seeds_give_equal_corpora_and_train_stands_alone(corpus: Corpus) -> None:
    assert sample_corpus().fingerprint == corpus.fingerprint
    assert sample_corpus(1).fingerprint != corpus.fingerprint
    assert sample_corpus(rows_dev=7, rows_test=0).train.texts == corpus.train.texts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"rows_train": 0}, "train rows must be between 1 and 20000, got 0"),
        ({"rows_dev": -1}, "dev rows must be between 0 and 20000, got -1"),
        ({"rows_test": 10**9}, "test rows must be between 0 and 20000"),
    ],
)
def test_refuses_bad_sizes(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        sample_corpus(**arguments)


def test_written_as_polar_it_reads_back_the_same(corpus: Corpus, tmp_path: Path) -> None:
    paths = write_polar(corpus, tmp_path, "zho")

    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "train/zho.csv",
        "dev/zho.csv",
        "test/zho.csv",
    ]
    assert paths[0].read_bytes().count(b"\r\n") == 1001
    read = load_corpus(parse_source(str(tmp_path)), DataRequest(column_specs(labels=[POLARIZATION])))
    assert read.fingerprint == corpus.fingerprint
    assert read.splits["test"].texts == corpus.splits["test"].texts


def test_writing_refuses_foreign_labels_and_places_it_cannot_write(corpus: Corpus, tmp_path: Path) -> None:
    split = corpus.train
    foreign = Corpus("x", {"train": Split("train", split.ids, split.texts, {"hate": split.columns["other"]})})
    with pytest.raises(DataError, match=r"must be its columns, got \['hate'\]"):
        write_polar(foreign, tmp_path, "zho")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="must be writable"):
        write_polar(corpus, tmp_path / "file", "zho")


def out_of_fold(corpus: Corpus, plan: FoldPlan, gold: IntArray) -> IntArray:
    """Decisions of TF-IDF over character 1-3-grams with logistic regression, shape of ``gold``."""
    decisions = np.zeros_like(gold)
    for fold in range(plan.count):
        training, validation = plan.training_rows(fold), plan.validation_rows(fold)
        tfidf = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2)
        seen = tfidf.fit_transform([corpus.train.texts[row] for row in training])
        unseen = tfidf.transform([corpus.train.texts[row] for row in validation])
        for column in range(gold.shape[1]):
            model = LogisticRegression(C=10, max_iter=1000, class_weight="balanced")
            decisions[validation, column] = model.fit(seen, gold[training, column]).predict(unseen)
    return decisions


def test_polarization_is_about_as_hard_as_polar(corpus: Corpus) -> None:
    plan = subtask_plans("stratified", corpus, count=5, seed=0)["detector"]
    gold = corpus.train.matrix([POLARIZATION])

    score = f1_score(gold[:, 0], out_of_fold(corpus, plan, gold)[:, 0], average="macro")

    assert 0.72 < score < 0.88  # POLAR zho: 0.81


def test_manifestations_are_about_as_hard_as_polar(corpus: Corpus) -> None:
    plan = subtask_plans("paper", corpus, count=5, seed=0)["classifier"]
    gold = corpus.train.matrix(MANIFESTATIONS)
    rows = corpus.train.values(POLARIZATION) == 1

    score = f1_score(gold[rows], out_of_fold(corpus, plan, gold)[rows], average="macro")

    assert 0.40 < score < 0.65  # POLAR zho: 0.54

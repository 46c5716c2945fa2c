"""Real data sets, where they lie beside the checkout: every format, kind of column and plan on what people publish."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.data.plan_bench import SUBTASKS, rows_digest, subtask_plans
from tune_polar.data.column_request import DataRequest, EvaluationFile, column_specs
from tune_polar.data.corpus_checks import check_data
from tune_polar.data.findings import Finding
from tune_polar.data.infer import infer_columns
from tune_polar.data.labels import MANIFESTATIONS, POLARIZATION, PROXY_PRIORITY, TYPES
from tune_polar.data.load import load_corpus
from tune_polar.data.near_texts import NearTexts
from tune_polar.data.plans import corpus_for, make_plans
from tune_polar.data.repeated import first_with_text
from tune_polar.data.source import Source, parse_source
from tune_polar.data.table import Corpus

pytestmark = pytest.mark.shared

POLAR_SPECS = column_specs(labels=[POLARIZATION])


def polar(shared_dir: Path, language: str, order: str = "file") -> Corpus:
    source = Source(kind="polar", path=str(shared_dir / "data" / "polar"), language=language)
    return load_corpus(source, DataRequest(POLAR_SPECS, order=order))  # type: ignore[arg-type]


def test_every_published_language_loads(shared_dir: Path) -> None:
    languages = sorted(path.stem for path in (shared_dir / "data" / "polar" / "train").glob("*.csv"))
    corpora = {language: polar(shared_dir, language) for language in languages}

    assert len(corpora) == 22
    without = {name for name, corpus in corpora.items() if "stereotype" not in corpus.train.columns}
    assert without == {"ita", "mya", "pol", "rus"}
    zho = corpora["zho"]
    assert zho.dev is not None
    assert (len(zho.train), int(zho.train.values(POLARIZATION).sum()), len(zho.dev)) == (4280, 2121, 214)
    ordered = polar(shared_dir, "zho", "competition").train.values(POLARIZATION)
    assert ordered[:2121].all()
    assert not ordered[2121:].any()
    every = polar(shared_dir, "all")
    assert len(every.train) == sum(len(corpus.train) for corpus in corpora.values())
    assert every.train.columns["language"].names == tuple(languages)
    assert "stereotype" in every.train.missing


@pytest.mark.parametrize(
    ("order", "shared", "detector", "classifiers"),
    [
        ("file", "acb727de9c0ea456", "2d1e05da0adafa02", {"st2": "77d0d0a99bdf73ba", "st3": "dece91689dbf93a3"}),
        ("competition", "c9b0881bc9a30e4f", "c18259a5c1a61238", {"st2": "edb4f41ca5e04817", "st3": "58b0171dcf16abf5"}),
    ],
)
def test_folds_of_polar_stay_as_they_are(
    shared_dir: Path, order: str, shared: str, detector: str, classifiers: dict[str, str]
) -> None:
    corpus = polar(shared_dir, "zho", order)

    for subtask in SUBTASKS:
        plans = subtask_plans("stratified", corpus, subtask, count=5, seed=42)
        assert {(rows_digest(plan), plan.moved) for plan in plans.values()} == {(shared, 0)}
        papers = subtask_plans("paper", corpus, subtask, count=5, seed=42)
        assert rows_digest(papers["detector"]) == detector
        assert subtask == "st1" or rows_digest(papers["classifier"]) == classifiers[subtask]


@pytest.mark.parametrize(
    ("subtask", "published"), [("st2", [431, 418, 428, 414, 430]), ("st3", [426, 415, 427, 421, 432])]
)
def test_rebuilds_the_published_classifier_folds(shared_dir: Path, subtask: str, published: Sequence[int]) -> None:
    """The sizes are the denominators of the exact-match accuracies in the published fold logs."""
    plans = subtask_plans("paper", polar(shared_dir, "zho", "competition"), subtask, count=5, seed=42)

    assert [len(plans["classifier"].validation_rows(fold)) for fold in range(5)] == published
    assert [len(plans["detector"].validation_rows(fold)) for fold in range(5)] == [856] * 5


def test_finds_the_dev_text_that_stands_in_train(shared_dir: Path) -> None:
    def folds_made(corpus: Corpus) -> list[Finding]:
        subtask_plans("stratified", corpus)
        return []

    source = parse_source(str(shared_dir / "data" / "polar"))

    findings = check_data(source, DataRequest(POLAR_SPECS), take=folds_made)

    assert [(f.severity, f.code, Path(f.path).parent.name, f.row) for f in findings] == [
        ("warning", "text-in-two-splits", "dev", 95)
    ]
    assert "train/zho.csv, row 4099" in findings[0].message


def test_swahili_repetitions_stay_together(shared_dir: Path) -> None:
    corpus = polar(shared_dir, "swa")
    first = first_with_text(corpus.train.texts)
    assert np.count_nonzero(first != np.arange(len(first))) == 36

    plan = subtask_plans("stratified", corpus)["detector"]

    again = np.flatnonzero(first != np.arange(len(first)))
    assert (plan.validation[:, again] == plan.validation[:, first[again]]).all()
    assert 0 < plan.moved <= 72


def test_a_csv_file_of_polar_has_the_folds_of_the_folder(shared_dir: Path) -> None:
    train = shared_dir / "data" / "polar" / "train" / "zho.csv"
    specs = column_specs(labels=[POLARIZATION, *MANIFESTATIONS], strata=PROXY_PRIORITY)

    corpus = load_corpus(parse_source(str(train)), DataRequest(specs))

    assert rows_digest(subtask_plans("stratified", corpus)["detector"]) == "acb727de9c0ea456"
    assert list(corpus.train.columns) == [POLARIZATION, *MANIFESTATIONS, *PROXY_PRIORITY]
    assert set(PROXY_PRIORITY) == set(TYPES)


def test_mint_is_a_number_in_six_languages(shared_dir: Path) -> None:
    path = str(shared_dir / "data" / "mint" / "train.csv")
    assert infer_columns(path, ["label"]).numbers == {"label": (1.0, 5.0)}
    assert len(infer_columns(path, ["language"]).classes["language"]) == 6
    specs = column_specs(numbers={"intimacy": [1, 5]}, groups=["language"])
    source = parse_source(path, columns={"intimacy": "label"})

    corpus = load_corpus(source, DataRequest(specs))
    one = {"stages": {"regressor": {}}, "targets": {"regressor": ["intimacy"]}}
    left_out = make_plans("leave_groups_out", corpus, **one, by="language", held_out=2)["regressor"]
    held = make_plans("holdout", corpus, **one, share=0.2)["regressor"]

    assert len(corpus.train) == 9491
    assert corpus.train.values("intimacy").mean() == pytest.approx(2.09, abs=0.01)
    assert left_out.count == 15
    first = first_with_text(corpus.train.texts)
    again = np.flatnonzero(first != np.arange(len(first)))
    assert len(again) >= 20
    for plan in (left_out, held):
        for fold in range(plan.count):
            validated = set(first[plan.validation_rows(fold)].tolist())
            assert validated.isdisjoint(first[plan.training_rows(fold)].tolist())
    assert len(held.validation_rows(0)) == pytest.approx(0.2 * 9491, abs=30)
    findings = check_data(source, DataRequest(specs))
    assert [(f.severity, f.code, f.count) for f in findings] == [("warning", "duplicate-text", len(again))]


def test_ihc_is_given_folds_with_positives_and_other_sets(shared_dir: Path) -> None:
    data = shared_dir / "data"
    folder = str(data / "ihc")
    assert infer_columns(folder, ["class"]).words == {"class": ("not_hate", "implicit_hate")}
    specs = column_specs(
        labels=["hate"],
        texts={"positive": {"column": "implied_statement", "otherwise": "augmented"}},
        given_by="split",
    )
    columns = {"id": "ID", "text": "post", "hate": "class=implicit_hate", "augmented": "aug_sent1_of_post"}
    columns |= {"sbic.hate": "offensiveYN", "dynahate.text": "text", "dynahate.hate": "label=hate"}
    evaluate = {name: EvaluationFile(str(data / name / "dev.csv")) for name in ("sbic", "dynahate")}

    read = load_corpus(parse_source(folder, columns=columns), DataRequest(specs, evaluate=evaluate))
    corpus = corpus_for("given", read, column="split")
    plan = make_plans("given", corpus, stages={"hate": {}}, targets={"hate": ["hate"]}, column="split")["hate"]

    assert (len(read.train), int(read.train.values("hate").sum())) == (11199, 3280)
    assert len(read.train.ids[0]) == 18
    assert all(word.strip() for word in read.train.words("positive"))
    assert read.dev is not None
    assert (len(read.dev), int(read.dev.values("hate").sum()), read.dev.missing) == (3733, 1108, ("split",))
    assert int(read.splits["sbic"].values("hate").sum()) == 2564
    assert int(read.splits["dynahate"].values("hate").sum()) == 2187
    assert plan.count == 1
    assert all(corpus.train.words("positive"))
    assert plan.validation_rows(0).tolist() == list(range(11199, 14932))
    assert len(plan.training_rows(0)) + len(plan.idle_rows(0)) == 11199


def test_near_twins_of_ihc_are_those_of_its_words(shared_dir: Path) -> None:
    """118 posts of valid have four fifths of the words of one of train (shared/SYSTEMS.md), of texts of any length."""
    specs = column_specs(labels=["hate"])
    source = parse_source(str(shared_dir / "data" / "ihc"), columns={"text": "post", "hate": "class=implicit_hate"})

    corpus = load_corpus(source, DataRequest(specs))

    assert corpus.dev is not None
    posts, known = (
        [set(re.findall(r"\w+", text.lower())) for text in split.texts] for split in (corpus.dev, corpus.train)
    )
    for row, other in (found := dict(NearTexts(corpus.train.texts).twins(corpus.dev.texts))).items():
        assert len(posts[row] & known[other]) >= 0.8 * len(posts[row] | known[other])
    assert len(found) == 117

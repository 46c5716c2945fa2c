from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tune_polar.data.columns import label_column
from tune_polar.data.load import load_corpus
from tune_polar.data.plans import make_plans
from tune_polar.data.plans.extra import with_extra_rows
from tune_polar.data.plans.plan import FoldPlan
from tune_polar.data.polar_writer import write_polar
from tune_polar.data.request import DataRequest, column_specs
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.source import parse_source
from tune_polar.data.table import Corpus, Split
from tune_polar.errors import DataError, FoldPlanError

POLARIZED = {"stages": {"model": {}}, "targets": {"model": ["polarization"]}}
TRAIN = "id,text,hate\n" + "".join(f"r{row},text {row},{row % 2}\n" for row in range(20))


def load(tmp_path: Path, extra: str) -> Corpus:
    (tmp_path / "a.csv").write_text(TRAIN)
    (tmp_path / "extra.csv").write_text(extra)
    request = DataRequest(column_specs(labels=["hate"]), extra=str(tmp_path / "extra.csv"))
    return load_corpus(parse_source(str(tmp_path / "a.csv")), request)


def test_extra_rows_follow_those_of_train(tmp_path: Path) -> None:
    corpus = load(tmp_path, "source_id,text,hate\nr3,new,1\n,free,0\nr3,newer,1\n")

    assert corpus.own_rows == 20
    assert corpus.sources.tolist() == [3, -1, 3]
    assert corpus.train.ids[-3:] == ("extra-1", "extra-2", "extra-3")
    assert corpus.train.values("hate")[-3:].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            "source_id,text,hate\nr99,new,1\n",
            "row 2, column source_id: a source_id must be the id of a train row",
        ),
        ("source_id,text\nr1,new\n", "extra.csv, row 1, column hate: the file must have the column 'hate'"),
        ("id,source_id,text,hate\nr1,r1,new,1\n", "an id must stand in one file only, got 'r1'"),
    ],
)
def test_refuses_bad_extra_files(tmp_path: Path, extra: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, extra)


def test_extra_rows_train_where_their_source_trains_and_validate_nowhere(tmp_path: Path) -> None:
    corpus = load(tmp_path, "source_id,text,hate\nr3,new,1\n,free,0\n,TEXT 5,1\nr4,text 9,0\n")

    plan = make_plans("stratified", corpus, stages={"model": {}}, targets={"model": ["hate"]}, count=4, seed=0)["model"]

    assert plan.training.shape == (4, 24)
    assert not plan.validation[:, 20:].any()
    for fold in range(4):
        training = plan.training[fold]
        assert training[20] == training[3]
        assert training[21]
        assert training[22] == training[5]  # it says what row 5 says
        assert training[23] == (training[4] and training[9])


def corpus_of(extra: int) -> Corpus:
    rows = tuple(f"row {row}" for row in range(10 + extra))
    train = Split("train", rows, rows, {"hate": label_column([0, 1] * 5 + [1] * extra)})
    return Corpus("made", {"train": train}, np.arange(extra, dtype=np.int64) % 10)


def test_a_share_is_of_the_training_rows_and_shares_are_nested() -> None:
    corpus = corpus_of(40)
    validation = np.arange(10)[np.newaxis, :] < 2
    plan = FoldPlan("made", ~validation, validation)

    def extra_rows(share: float | None) -> set[int]:
        whole = with_extra_rows(plan, corpus, share)
        rows = whole.training_rows(0)
        assert share is None or len(rows) - 8 == round(share * len(rows))
        return set(rows[rows >= 10].tolist())

    assert extra_rows(0.0) == set()
    assert extra_rows(0.2) < extra_rows(0.5) < extra_rows(0.75) < extra_rows(None)
    assert len(extra_rows(None)) == 32  # the others were made from validated rows
    assert extra_rows(None) == set(with_extra_rows(plan, corpus, 0.99).training_rows(0).tolist()) - set(range(10))
    with pytest.raises(FoldPlanError, match="share of extra rows must be at least 0 and below 1, got 1"):
        with_extra_rows(plan, corpus, 1.0)


def test_a_source_that_takes_no_part_forbids_nothing() -> None:
    corpus = corpus_of(10)
    training, validation = np.zeros((1, 10), bool), np.zeros((1, 10), bool)
    training[0, :4], validation[0, 4:6] = True, True

    plan = with_extra_rows(FoldPlan("paper", training, validation), corpus, None)

    assert plan.training[0, 10:].tolist() == [True] * 4 + [False] * 2 + [True] * 4


def test_folds_are_the_same_with_and_without_extra_rows(tmp_path: Path) -> None:
    write_polar(sample_corpus(rows_dev=0, rows_test=0), tmp_path, "zho")
    (tmp_path / "extra.csv").write_text("text,polarization,language\nnew,1,zho\n")
    specs = column_specs(labels=["polarization"], groups=["language"])
    source = parse_source(str(tmp_path))

    plans = [
        make_plans("stratified", load_corpus(source, DataRequest(specs, extra=extra)), **POLARIZED)["model"]
        for extra in (None, str(tmp_path / "extra.csv"))
    ]

    assert (plans[0].validation == plans[1].validation[:, :1000]).all()
    assert plans[1].training[:, 1000].all()

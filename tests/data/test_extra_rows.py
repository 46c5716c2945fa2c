from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune_polar.data.column_request import DataRequest, ExtraRequest, column_specs
from tune_polar.data.columns import group_column, label_column
from tune_polar.data.load import load_corpus
from tune_polar.data.plans import corpus_for, make_plans
from tune_polar.data.plans.extra_rows import ExtraTies, ShareOfExtra, with_extra_rows
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.polar_writer import write_polar
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.samples import make_sample
from tune_polar.data.source import parse_source
from tune_polar.data.table import Corpus, Split
from tune_polar.errors import DataError, FoldPlanError

POLARIZED = {"stages": {"model": {}}, "targets": {"model": ["polarization"]}}
TRAIN = "id,text,hate\n" + "".join(f"r{row},text {row},{row % 2}\n" for row in range(20))


def load(tmp_path: Path, extra: str, by: str | None = None) -> Corpus:
    (tmp_path / "a.csv").write_text(TRAIN)
    (tmp_path / "extra.csv").write_text(extra)
    request = DataRequest(column_specs(labels=["hate"]), extra=ExtraRequest(str(tmp_path / "extra.csv"), by))
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
        ("source_id,text,hate\nr1,new,maybe\n", "row 2, column hate"),
    ],
)
def test_refuses_bad_extra_files(tmp_path: Path, extra: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, extra)


def test_how_they_were_made_is_a_column_of_theirs(tmp_path: Path) -> None:
    corpus = load(tmp_path, "source_id,text,hate,how\nr3,new,1,turned\n,free,0,written\n", "how")

    assert corpus.train.words("how") == [""] * 20 + ["turned", "written"]
    with pytest.raises(DataError, match=r"extra.csv, row 1, column way: the file must have the column 'way'"):
        load(tmp_path, "source_id,text,hate\nr3,new,1\n", "way")


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


def whole(plan: FoldPlan, corpus: Corpus) -> FoldPlan:
    return with_extra_rows(plan, corpus, ExtraTies.of(corpus))


def corpus_of(extra: int) -> Corpus:
    rows = tuple(f"row {row}" for row in range(10 + extra))
    columns = {
        "hate": label_column([0, 1] * 5 + [1] * extra),
        "made": group_column([""] * 10 + ["a", "b"] * (extra // 2)),
    }
    return Corpus("made", {"train": Split("train", rows, rows, columns)}, np.arange(extra, dtype=np.int64) % 10)


def test_a_share_is_of_the_training_rows_and_shares_are_nested() -> None:
    corpus = corpus_of(40)
    validation = np.arange(10)[np.newaxis, :] < 2
    plan = whole(FoldPlan("made", ~validation, validation), corpus)

    def extra_rows(share: float | None, only: str | None = None) -> set[int]:
        rows = ShareOfExtra(plan, corpus, share, "made", only).training_rows(0)
        assert (np.diff(rows) > 0).all()
        assert rows[:8].tolist() == list(range(2, 10))
        assert share is None or only is not None or len(rows) - 8 == round(share * len(rows))
        return set(rows[rows >= 10].tolist())

    assert extra_rows(0.0) == set()
    assert extra_rows(0.2) < extra_rows(0.5) < extra_rows(0.75) < extra_rows(None)
    assert len(extra_rows(None)) == 32  # the others were made from validated rows
    assert extra_rows(None) == set(plan.training_rows(0).tolist()) - set(range(10))
    assert {row % 2 for row in extra_rows(None, "b")} == {1}
    assert len(extra_rows(None, "b")) == 16
    assert len(extra_rows(0.2, "b")) == 2
    with pytest.raises(DataError, match=r"data.extra.only must be a value that 'made' .* one of \['a', 'b'\], got 'c'"):
        extra_rows(None, "c")
    with pytest.raises(FoldPlanError, match="share of extra rows must be at least 0 and below 1, got 1"):
        extra_rows(1.0)


def test_a_share_is_of_the_rows_that_are_learned_from() -> None:
    corpus = corpus_of(40)
    validation = np.arange(10)[np.newaxis, :] < 2
    plan = whole(FoldPlan("made", ~validation, validation), corpus)
    learned = np.arange(50) % 5 == 4  # rows 4 and 9 of those that train, and every fifth of the extra ones

    def rows(share: float | None) -> np.ndarray:
        return ShareOfExtra(plan, corpus, share, learned=learned).training_rows(0)

    taken = rows(0.5)
    assert taken[:8].tolist() == list(range(2, 10))
    assert int(learned[taken].sum()) == 4
    assert learned[taken[8:]].all()
    assert set(taken) < set(rows(0.75)) < set(rows(None)) == set(plan.training_rows(0).tolist())


def test_a_fold_that_holds_a_group_out_trains_on_no_extra_row_of_it() -> None:
    languages = ["deu"] * 8 + ["eng"] * 8 + ["kor"] * 8 + [""] * 2 + ["deu", "eng", "kor", "", "kor", "amh"]
    rows = tuple(f"row {row}" for row in range(len(languages)))
    columns = {"hate": label_column([0, 1] * 16), "language": group_column(languages)}
    # From no row, and at last from one of German: in Korean it tells of Korean all the same.
    corpus = Corpus("made", {"train": Split("train", rows, rows, columns)}, np.array([-1, -1, -1, -1, 0, -1]))

    plan = make_plans(
        "leave_groups_out",
        corpus,
        stages={"model": {}},
        targets={"model": ["hate"]},
        by="language",
        share=0.0,
    )["model"]

    held_out = [{languages[row] for row in plan.validation_rows(fold)} for fold in range(3)]
    assert held_out == [{"deu"}, {"eng"}, {"kor"}]
    assert plan.training[:, 26:].tolist() == [
        [False, True, True, True, False, True],
        [True, False, True, True, True, True],
        [True, True, False, True, False, True],
    ]


def test_a_source_that_takes_no_part_forbids_nothing() -> None:
    corpus = corpus_of(10)
    training, validation = np.zeros((1, 10), bool), np.zeros((1, 10), bool)
    training[0, :4], validation[0, 4:6] = True, True

    plan = whole(FoldPlan("paper", training, validation), corpus)

    assert plan.training[0, 10:].tolist() == [True] * 4 + [False] * 2 + [True] * 4


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("one two three four five six seven eight nine TEN!", "one two three four five six seven eight nine ten"),
        ("Those people: get out of here, and take your things!", "those people get out (of here) and take your things"),
        ("Get out!", "get out..."),  # too short to be near, yet the same but for its punctuation
        ("北码头，灯坏了", "北码头灯坏了！"),
        ("北码头的灯又坏了没有人来修理", "北码头的灯又坏了没有人来修"),  # no spaces: by pairs of characters
    ],
)
def test_a_row_near_to_a_validated_one_trains_where_that_is_trained_on(text: str, near: str) -> None:
    texts = (*(f"row {row}" for row in range(9)), text, near, "quite another thing than all of them")
    train = Split("train", tuple(f"{row}" for row in range(12)), texts, {"hate": label_column([0, 1] * 6)})
    corpus = Corpus("made", {"train": train}, np.array([-1, -1]))
    validation = np.eye(10, dtype=np.bool_)[:, :10]

    plan = whole(FoldPlan("made", ~validation, validation), corpus)

    assert plan.training[:, 10].tolist() == [True] * 9 + [False]
    assert plan.training[:, 11].all()


def test_what_other_splits_say_trains_nowhere() -> None:
    said = "a longer text of ten words that stands in dev"
    texts = (*(f"row {row}" for row in range(10)), said, f"{said} too", "go home", "another")
    train = Split("train", tuple(f"{row}" for row in range(14)), texts, {"hate": label_column([0, 1] * 7)})
    dev = Split("dev", ("d", "e"), (said.upper(), "Go home!"), {"hate": label_column([1, 0])})
    validation = np.eye(10, dtype=np.bool_)[:, :10]

    plan = whole(FoldPlan("made", ~validation, validation), Corpus("m", {"train": train, "dev": dev}, np.full(4, -1)))

    assert plan.training[:, 10:].any(axis=0).tolist() == [False, False, False, True]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_no_fold_trains_on_what_was_made_of_its_validated_rows(data: st.DataObject) -> None:
    rows, extra = 12, data.draw(st.integers(1, 12))
    words = st.lists(st.sampled_from("abcd"), min_size=1, max_size=5).map(" ".join)
    texts = data.draw(st.lists(words, min_size=rows + extra, max_size=rows + extra))
    sources = np.array(data.draw(st.lists(st.integers(-1, rows - 1), min_size=extra, max_size=extra)), dtype=np.int64)
    folds = np.array(data.draw(st.permutations([0, 1, 2] * 4)))
    share = data.draw(st.sampled_from([None, 0.0, 0.3, 0.5]))
    columns = {"hate": label_column([0, 1] * 6 + [1] * extra)}
    train = Split("train", tuple(map(str, range(rows + extra))), tuple(texts), columns)
    corpus = Corpus("made", {"train": train}, sources)
    validation = folds[np.newaxis, :] == np.arange(3)[:, np.newaxis]

    taken = ShareOfExtra(whole(FoldPlan("made", ~validation, validation), corpus), corpus, share)

    for fold in range(3):
        trained, validated = taken.training_rows(fold), taken.validation_rows(fold)
        assert (validated < rows).all()
        said = [set(texts[row].split()) for row in validated]
        for row in trained[trained >= rows].tolist():
            assert sources[row - rows] not in validated
            own = set(texts[row].split())
            assert texts[row] not in {texts[each] for each in validated}
            assert len(own) < 4 or all(len(own & other) < 0.8 * len(own | other) for other in said)


def test_the_sample_has_rows_of_each_kind_and_no_fold_learns_what_it_validates() -> None:
    corpus = make_sample("tongues")
    specs = column_specs(labels=["polarization"], groups=["language"])
    read = load_corpus(parse_source("sample"), DataRequest(specs, extra=ExtraRequest(by="strategy"), sample="tongues"))
    alone = load_corpus(parse_source("sample"), DataRequest(specs, sample="tongues"))

    assert read.fingerprint == corpus.fingerprint
    assert len(alone.train) == corpus.own_rows == 600
    made = np.array(corpus.train.words("strategy"))[600:]
    assert {name: int((made == name).sum()) for name in set(made.tolist())} == {
        "direct": 180,
        "paraphrase": 108,
        "contrastive": 72,
    }
    assert (corpus.sources[made == "direct"] == -1).all()
    from_rows = corpus.sources >= 0
    labels = corpus.train.values("polarization")
    same = labels[600:][from_rows] == labels[corpus.sources[from_rows]]
    assert (same == (made[from_rows] == "paraphrase")).all()

    plan = make_plans("stratified", corpus, **POLARIZED, count=5, seed=42)["model"]
    near = ExtraTies.of(corpus).near
    assert len(near) > 10
    for fold in range(5):
        trained, validated = set(plan.training_rows(fold).tolist()), set(plan.validation_rows(fold).tolist())
        assert not {600 + row for row, other in near.tolist() if other in validated} & trained
        assert not {600 + row for row, source in enumerate(corpus.sources.tolist()) if source in validated} & trained


def test_a_row_made_from_one_that_a_column_calls_test_is_left_out(tmp_path: Path) -> None:
    words = ["train"] * 10 + ["dev"] * 5 + ["test"] * 5
    rows = "".join(f"r{row},text {row},{row % 2},{word}\n" for row, word in enumerate(words))
    (tmp_path / "a.csv").write_text("id,text,hate,split\n" + rows)
    (tmp_path / "extra.csv").write_text("source_id,text,hate\nr3,new,1\nr18,other,1\nr16,more,0\nr4,newer,0\n")
    specs = column_specs(labels=["hate"], given_by="split")
    request = DataRequest(specs, extra=ExtraRequest(str(tmp_path / "extra.csv")))

    corpus = corpus_for("given", load_corpus(parse_source(str(tmp_path / "a.csv")), request), column="split")

    assert corpus.own_rows == 15
    assert corpus.train.texts[15:] == ("new", "newer")
    assert corpus.sources.tolist() == [3, 4]


def test_folds_are_the_same_with_and_without_extra_rows(tmp_path: Path) -> None:
    write_polar(sample_corpus(rows_dev=0, rows_test=0), tmp_path, "zho")
    (tmp_path / "extra.csv").write_text("text,polarization,language\nnew,1,zho\n")
    specs = column_specs(labels=["polarization"], groups=["language"])
    source = parse_source(str(tmp_path))

    plans = [
        make_plans("stratified", load_corpus(source, DataRequest(specs, extra=extra)), **POLARIZED)["model"]
        for extra in (None, ExtraRequest(str(tmp_path / "extra.csv")))
    ]

    assert (plans[0].validation == plans[1].validation[:, :1000]).all()
    assert plans[1].training[:, 1000].all()


def test_how_extra_rows_are_split_is_nobodys_where_a_dev_split_is_given(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(TRAIN)
    (tmp_path / "dev.csv").write_text("id,text,hate\nd1,dev one,1\nd2,dev two,0\n")
    (tmp_path / "extra.csv").write_text("id,source_id,text,hate,split\ne1,,new,1,train\ne2,r3,newer,1,dev\n")
    specs = column_specs(labels=["hate"], given_by="split")
    request = DataRequest(specs, extra=ExtraRequest(str(tmp_path / "extra.csv")))

    corpus = corpus_for("given", load_corpus(parse_source(str(tmp_path)), request), column="split")
    plan = make_plans("given", corpus, stages={"model": {}}, targets={"model": ["hate"]}, column="split")["model"]

    assert plan.validation_rows(0).tolist() == [20, 21]
    assert plan.training_rows(0).tolist() == [*range(20), 22, 23]

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tune_polar.data.sample import sample_corpus
from tune_polar.data.write_polar import write_polar
from tune_polar.errors import DataError, SpecError, TunePolarError
from tune_polar.spec.data_source import DataSource, data_source_from_json, parse_data_source
from tune_polar.spec.fold_plans import fold_plans
from tune_polar.spec.recipe_file import RecipeOptions, load_recipe


@pytest.fixture(scope="module")
def st3():
    return load_recipe("st3", RecipeOptions(encoder="tiny")).recipe


def parse(data: str, **options: object) -> DataSource:
    return parse_data_source(data, **{"language": None, "dev": None, "columns": {}, **options})


def test_the_word_sample_is_the_generated_corpus(st3):
    source = parse("sample")
    assert source == DataSource(kind="sample")
    assert source == parse("sample", language="zho")
    assert source.load(st3).fingerprint == sample_corpus(0).fingerprint


def test_a_folder_is_in_polars_layout(tmp_path, monkeypatch):
    (tmp_path / "polar").mkdir()
    monkeypatch.chdir(tmp_path)
    source = parse("polar", language="eng")
    assert source == DataSource(kind="polar", path=str(tmp_path / "polar"), language="eng")
    assert parse("polar").language == "zho"


def test_a_file_is_a_csv_file(tmp_path, monkeypatch):
    (tmp_path / "train.csv").write_text("id,text\n")
    monkeypatch.chdir(tmp_path)
    source = parse("train.csv", dev="dev.csv", columns={"text": "tweet"})
    assert source.kind == "csv"
    assert (source.path, source.dev) == (str(tmp_path / "train.csv"), str(tmp_path / "dev.csv"))
    assert source.columns == {"text": "tweet"}


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("sample", {"language": "eng"}, "--language, --dev and --column must be left out with --data sample"),
        ("sample", {"dev": "dev.csv"}, "must be left out with --data sample"),
        ("sample", {"columns": {"text": "t"}}, "must be left out with --data sample"),
        ("", {}, "--data must be `sample`, a folder or a CSV file that exists, got ''"),
        ("absent", {}, "--data must be `sample`, a folder or a CSV file that exists, got 'absent'"),
        ("nul\0", {}, r"must be `sample`, a folder or a CSV file that exists, got 'nul\\x00'"),
        ("x" * 5000, {}, "must be `sample`, a folder or a CSV file that exists"),
        ("file.csv/below", {}, "must be `sample`, a folder or a CSV file that exists"),
        ("folder", {"dev": "dev.csv"}, "--dev and --column must be left out where --data is a POLAR folder"),
        ("folder", {"columns": {"text": "t"}}, "--dev and --column must be left out where --data is a POLAR folder"),
        ("file.csv", {"language": "eng"}, "--language must be left out where --data is a CSV file, got 'eng'"),
    ],
)
def test_options_that_do_not_go_together(tmp_path, monkeypatch, data, options, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.csv").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=message):
        parse(data, **options)


@pytest.mark.parametrize(
    "source",
    [
        DataSource(kind="sample", seed=3),
        DataSource(kind="polar", path="/x", language="deu"),
        DataSource(kind="csv", path="/x.csv", dev="/y.csv", columns={"text": "tweet"}),
    ],
)
def test_a_manifest_keeps_a_source(source):
    assert data_source_from_json(json.loads(json.dumps(source.model_dump(mode="json")))) == source


@pytest.mark.parametrize("kept", [None, [], "sample", {}, {"kind": "web"}, {"kind": "sample", "url": "x"}, {"kind": 3}])
def test_what_is_no_source_in_a_manifest_is_refused(kept):
    with pytest.raises(DataError, match="a manifest's data source must name kind and path"):
        data_source_from_json(kept)


def test_competition_order_needs_a_polar_folder():
    recipe = load_recipe("st3-released", RecipeOptions(encoder="tiny")).recipe
    with pytest.raises(
        SpecError, match=r"folds\.order: competition must be used with a POLAR folder, got data 'sample'"
    ):
        DataSource(kind="sample").load(recipe)


def test_a_polar_folder_and_csv_files_hold_the_same_corpus(tmp_path, st3):
    corpus = sample_corpus(0)
    write_polar(corpus, tmp_path, "zho")
    loaded = parse(str(tmp_path)).load(st3)
    assert loaded.train.texts == corpus.train.texts
    np.testing.assert_array_equal(
        loaded.train.label_matrix(st3.task.labels), corpus.train.label_matrix(st3.task.labels)
    )


def test_columns_of_a_csv_file_may_have_other_names(tmp_path, recipe):
    rows = ["key;tweet;polarization;x;how"] + [f"{n};text {n};{n % 2};{n % 2};0" for n in range(8)]
    path = tmp_path / "train.csv"
    path.write_text("\n".join(rows).replace(";", ",") + "\n")
    corpus = parse(str(path), columns={"id": "key", "text": "tweet", "y/z": "how"}).load(recipe)
    assert corpus.train.ids[3] == "3"
    assert corpus.train.texts[3] == "text 3"
    assert corpus.train.labels["x"].tolist() == [0, 1] * 4
    assert corpus.train.labels["y/z"].tolist() == [0] * 8


def test_a_damaged_source_ends_in_an_error_with_a_remedy(recipe):
    with pytest.raises(TunePolarError) as caught:
        DataSource(kind="csv", path=str(Path("/absent.csv"))).load(recipe)
    assert caught.value.remedy


def test_searches_of_all_subtasks_share_their_folds():
    corpus = sample_corpus(0)
    plans = [
        fold_plans(load_recipe(name, RecipeOptions(encoder="tiny")).recipe, corpus) for name in ("st1", "st2", "st3")
    ]
    assert len({plan.hash for pair in plans for plan in pair}) == 1


def test_the_papers_plans_are_two():
    corpus = sample_corpus(0)
    detector, classifier = fold_plans(load_recipe("st3-released", RecipeOptions(encoder="tiny")).recipe, corpus)
    assert (detector.kind, classifier.kind) == ("paper_detector", "paper_classifier")
    alone, same = fold_plans(load_recipe("st1-released", RecipeOptions(encoder="tiny")).recipe, corpus)
    assert alone is same
    assert alone.hash == detector.hash


def test_a_corpus_without_the_recipes_labels_is_refused(recipe):
    with pytest.raises(DataError, match=r"must have the label columns"):
        fold_plans(recipe, sample_corpus(0))

"""From a search to a model: fit, predict, export --model, on real parts; and every bad input with one error."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from endings import heeding_signals

import tune_polar
from tests.e2e.conftest import Command, Searched, environment, run_in, script
from tests.e2e.own_data import OWN
from tests.e2e.rescored import shown
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.decide.tables import Table
from tune_polar.report.ensemble_yaml import read_ensemble
from tune_polar.store.store import open_store

pytestmark = pytest.mark.e2e

FEW = (
    *("--trials", "1", "--folds", "2", "--racing", "none", "--slots", "1", "--store", "store"),
    *("--set", "encoder.tiny.hidden=32", "--set", "model.optimizer.max_steps=8"),
)


def test_two_stages_and_a_gate(command: Command, tmp_path: Path, searched: Searched) -> None:
    store = searched.copied(tmp_path / "store")
    corpus = sample_corpus(0)
    dev = corpus.splits["dev"]
    pd.DataFrame({"id": dev.ids, "text": dev.texts}).to_csv(tmp_path / "dev.csv", index=False)
    command("predict", "store", "dev.csv", "-o", "first.csv")
    first = pd.read_csv(tmp_path / "first.csv", dtype={"id": str})
    assert first["id"].tolist() == list(dev.ids)
    assert [name for name in first if name.startswith("system.")] == list(first.columns[1:7])
    assert set(first["models.agreement"]) <= {0.0, 0.5, 1.0}

    # The probabilities of dev rows are the mean of what the folds' records hold.
    opened = open_store(store)
    best = searched.result["best"]
    records = [opened.stage(each.stages["classifier"]) for each in opened.folds() if each.configuration_id == best]
    stored = sum(record.table("dev") for record in records if record is not None) / len(records)
    probabilities = first[[name for name in first if name.endswith(".probability")]].to_numpy()
    assert abs(probabilities - stored).max() < 1e-5

    gone = sorted((store / "weights").iterdir())
    for path in gone:
        path.unlink()
    said = command("predict", "store", "dev.csv", code=2).stderr
    assert "weights of configuration" in said
    assert "tune-polar fit store" in said
    fitted = command("fit", "store")
    assert "to train: detector of f0-s42" in fitted.stderr
    command("predict", "store", "dev.csv", "-o", "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "first.csv").read_bytes()
    assert "Nothing is left to train" in command("fit", "store").stderr

    assert "no model of all rows" in command("predict", "store", "dev.csv", "--all-rows", code=2).stderr.replace(
        "must have a model of all rows, but none was trained", "no model of all rows"
    )
    command("fit", "store", "--all-rows")
    assert "Nothing is left to train" in command("fit", "store", "--all-rows").stderr
    one = command("predict", "store", "dev.csv", "--all-rows", "-q").stdout.splitlines()
    assert len(one) == len(dev) + 1
    assert "models.agreement" not in one[0]

    command("export", "store", "--model", "model")
    command("predict", "model", "dev.csv", "-o", "folder.csv", "-q")
    assert (tmp_path / "folder.csv").read_bytes() == (tmp_path / "first.csv").read_bytes()
    command("report", "store", "-o", "page.html")
    page, card = shown((tmp_path / "page.html").read_text("utf-8")), (tmp_path / "model/README.md").read_text("utf-8")
    (sentence,) = [line for line in card.splitlines() if line.startswith("The best score as measured is")]
    assert sentence in page, "the card has the page's figures"
    assert "| **on the next " in card
    every = "".join(
        path.read_text("utf-8") for path in (tmp_path / "model").rglob("*") if path.suffix in (".json", ".md")
    )
    assert not [text for text in (*dev.texts, *corpus.train.texts, str(tmp_path)) if text in every]
    decided = json.loads((tmp_path / "model/decision.json").read_text())
    assert {each["protocol"] for each in decided["scores"]} >= {"cross_fitted", "fold_tuned", "oracle", "inside_folds"}
    assert set(decided["settings"]) == {"vote", "manifestations"}

    assert "new or empty folder" in command("export", "store", "--model", "model", code=2).stderr
    assert "HF_HUB_OFFLINE" in command("export", "store", "--model", "other", "--push", "me/mine", code=2).stderr
    assert not (tmp_path / "other").exists()
    assert "OWNER/NAME" in command("export", "store", "--model", "other", "--push", "mine", code=2).stderr


def test_an_ensemble(command: Command, tmp_path: Path, searched: Searched) -> None:
    store = searched.copied(tmp_path / "store")
    dev = sample_corpus(0).splits["dev"]
    pd.DataFrame({"id": dev.ids, "text": dev.texts}).to_csv(tmp_path / "dev.csv", index=False)
    file = read_ensemble(store / "ensemble.yaml")
    assert len(file.members) == 2, "a search of two configurations"
    said = command("predict", "store", "dev.csv", "--ensemble", code=2).stderr
    assert "weights of the ensemble must be there" in said
    assert "tune-polar fit store --ensemble" in said
    assert "to train: detector of " in command("fit", "store", "--ensemble").stderr
    command("predict", "store", "dev.csv", "-o", "first.csv", "--ensemble")
    assert "Nothing is left to train" in command("fit", "store", "--ensemble").stderr

    # The probabilities of dev rows are the weighted means of what the members' records hold.
    opened, tables = open_store(store), {}
    for member in file.members:
        records = {each.fold: each.stages for each in opened.folds() if each.configuration_id == member.configuration}
        stages = {name: [opened.stage(records[cell.fold][name]) for cell in member.cells] for name in file.stages}
        tables[member.configuration] = {
            name: Table.of(each[0].predicts, [record.table("dev") for record in each if record is not None])
            for name, each in stages.items()
            if each[0] is not None
        }
    mean = file.tables(tables)
    first = pd.read_csv(tmp_path / "first.csv", dtype={"id": str})
    for name, stage in file.stages.items():
        columns = [f"{name}.{column}.probability" for column in stage.columns]
        assert abs(first[columns].to_numpy() - mean[name].ensemble).max() < 1e-5

    command("export", "store", "--model", "model", "--ensemble")
    command("predict", "model", "dev.csv", "-o", "folder.csv", "-q")
    assert (tmp_path / "folder.csv").read_bytes() == (tmp_path / "first.csv").read_bytes()
    command("report", "store", "-o", "page.html")
    page, card = shown((tmp_path / "page.html").read_text("utf-8")), (tmp_path / "model/README.md").read_text("utf-8")
    (sentence,) = [line for line in card.splitlines() if line.startswith("An ensemble ")]
    assert sentence in page, "the card has the page's figures"
    frame = tune_polar.open(store).predict(list(dev.texts), ensemble=store / "ensemble.yaml")
    assert abs(frame[columns].to_numpy() - first[columns].to_numpy()).max() < 1e-5

    (tmp_path / "other.yaml").write_text(
        (store / "ensemble.yaml").read_text().replace(file.members[0].configuration, "x")
    )
    assert (
        "the search has no configuration x" in command("fit", "store", "--ensemble-file", "other.yaml", code=2).stderr
    )
    for words, problem in (
        (["predict", "store", "dev.csv", "--ensemble", "--all-rows"], "--all-rows must go with one configuration"),
        (["predict", "model", "dev.csv", "--ensemble"], "must be left out with the folder of a model"),
        (["fit", "store", "--ensemble-file", "nowhere.yaml"], "nowhere.yaml"),
        (["fit", "store", "--ensemble", "--configuration", "published"], "must not be given together"),
    ):
        assert problem in command(*words, code=2).stderr


def test_a_fit_that_is_interrupted_goes_on(command: Command, tmp_path: Path, searched: Searched) -> None:
    store = searched.copied(tmp_path / "store")
    for path in (store / "weights").iterdir():
        path.unlink()
    words = [script(), "fit", "store", "--checkpoint-every", "1"]
    running = subprocess.Popen(
        words,
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeding_signals,
    )
    assert running.stderr is not None
    begun = ""
    while " on cpu …" not in begun and running.poll() is None:
        begun += running.stderr.readline()
    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=120)
    assert running.returncode == 130, begun + stderr
    assert "Interrupted by SIGINT: what is trained is recorded; type the same to go on." in stdout
    assert "Traceback" not in stderr
    before = {path.name: path.read_bytes() for path in (store / "weights").iterdir()}
    assert "to train: " in command("fit", "store").stderr, "nobody holds the store any more"
    assert all((store / "weights" / name).read_bytes() == content for name, content in before.items())
    assert "Nothing is left to train" in command("fit", "store").stderr
    assert not list((store / "checkpoints").glob("*"))


def searched_own(folder: Path, name: str, *more: str) -> Path:
    words = OWN[name].write(folder)
    run_in(folder, "search", OWN[name].recipe, *words, *FEW, *more, "-q")
    for path in folder.iterdir():
        if path.name != "store":  # the data are gone
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of classes with two seeds."""
    return searched_own(tmp_path_factory.mktemp("topics"), "topics", "--seeds", "2")


def test_classes_where_the_data_are_gone(topics: Path) -> None:
    (topics / "new.jsonl").write_text('{"tweet": "slow river"}\n{"tweet": "loud engine"}\n', encoding="utf-8")
    run_in(topics, "predict", "store", "new.jsonl", "-o", "new.parquet")
    table = pd.read_parquet(topics / "new.parquet")
    names = [f"{name}.probability" for name in ("art", "news", "sport")]
    assert list(table) == ["id", "topic", *names, "models.agreement"]
    assert table[names].sum(axis=1).tolist() == pytest.approx([1.0, 1.0], abs=1e-5)
    likeliest = table[names].idxmax(axis=1).str.removesuffix(".probability")
    assert table["topic"].tolist() == likeliest.tolist()
    assert set(table["models.agreement"]) <= {0.0, 0.25, 0.5, 0.75, 1.0}, "four cells"
    run_in(topics, "export", "store", "--model", "model")
    cells = sorted(path.name for path in (topics / "model/members").iterdir())
    assert cells == ["f0-s42", "f0-s43", "f1-s42", "f1-s43"]


def test_numbers(tmp_path: Path) -> None:
    folder = searched_own(tmp_path, "stars")
    (folder / "new.txt").write_text("slow river\n\nloud engine\n", encoding="utf-8")
    run_in(folder, "predict", "store", "new.txt", "-o", "new.jsonl.gz")
    table = pd.read_json(folder / "new.jsonl.gz", lines=True)
    assert list(table) == ["id", "stars", "stars.value", "models.spread"]
    assert table["id"].tolist() == [1, 3], "the lines' numbers"
    assert table["stars"].between(1, 5).all()


BAD: dict[str, tuple[dict[str, str | bytes], list[str], str]] = {
    "another column": ({"a.csv": "said\nhello\n"}, ["store", "a.csv"], "must have the column 'tweet'"),
    "empty file": ({"a.csv": ""}, ["store", "a.csv"], "got an empty file"),
    "header alone": ({"a.csv": "tweet\n"}, ["store", "a.csv"], "must have rows"),
    "text missing": ({"a.csv": "id,tweet\n1,a\n2,\n"}, ["store", "a.csv"], "row 3, column tweet: a text must not be"),
    "no file": ({}, ["store", "a.csv"], "must exist"),
    "no store": ({"a.csv": "tweet\na\n"}, ["nowhere", "a.csv"], "must hold manifest.json"),
    "a folder of something else": ({"m/model.json": "{}", "a.csv": "tweet\na\n"}, ["m", "a.csv"], "describe a model"),
    "over itself": ({"a.csv": "tweet\na\n"}, ["store", "a.csv", "-o", "a.csv"], "-o must be another file"),
    "no such format": ({"a.csv": "tweet\na\n"}, ["store", "a.csv", "-o", "a.xls"], "must go to a file named"),
    "no such folder": ({"a.csv": "tweet\na\n"}, ["store", "a.csv", "-o", "no/a.csv"], "must be a file that can be"),
    "no such configuration": ({"a.csv": "tweet\na\n"}, ["store", "a.csv", "--configuration", "x"], "Finished, best"),
    "no such device": ({"a.csv": "tweet\na\n"}, ["store", "a.csv", "--device", "cuda:77"], "--device must be auto or"),
    "no group": ({"a.csv": "tweet\na\n"}, ["store", "a.csv", "--column", "language=lang"], "columns that rows go by"),
    "bytes": ({"a.txt": b"\xff\xfe\x00\x01\xff"}, ["store", "a.txt"], "must be UTF-8"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_inputs_have_one_error(topics: Path, case: str) -> None:
    files, words, said = BAD[case]
    for name, content in files.items():
        (topics / name).parent.mkdir(exist_ok=True)
        (topics / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    done = run_in(topics, "predict", *words, code=2)
    assert said in done.stderr
    assert done.stderr.count("error:") == 1
    assert not done.stdout
    left = {path.name for path in topics.iterdir()} - {"store", "model", "new.jsonl", "new.parquet"}
    for name in left:
        shutil.rmtree(topics / name) if (topics / name).is_dir() else (topics / name).unlink()
    assert left == {name.partition("/")[0] for name in files}, "nothing half written"


def test_long_texts_and_ids_that_come_twice_are_no_error(topics: Path) -> None:
    long = "slow river " * 100_000
    pd.DataFrame({"id": ["a", "a"], "tweet": [long, "x"]}).to_csv(topics / "long.csv", index=False)
    done = run_in(topics, "predict", "store", "long.csv", "-o", "long.tsv")
    assert "the id 'a' comes more than once; every row is kept" in done.stderr
    assert len(pd.read_csv(topics / "long.tsv", sep="\t")) == 2
    for name in ("long.csv", "long.tsv"):
        (topics / name).unlink()


def test_weights_that_are_damaged_are_told(topics: Path, tmp_path: Path) -> None:
    shutil.copytree(topics / "store", tmp_path / "store")
    path = sorted((tmp_path / "store/weights").iterdir())[0]
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)
    (tmp_path / "a.csv").write_text("tweet\na\n")
    done = run_in(tmp_path, "predict", "store", "a.csv", code=2)
    assert "must be there and undamaged" in done.stderr
    assert path.read_bytes() == content, "predict only looks"


def test_nothing_finished(tmp_path: Path, topics: Path) -> None:
    shutil.copytree(topics / "store", tmp_path / "store")
    shutil.rmtree(tmp_path / "store/folds")
    (tmp_path / "a.csv").write_text("tweet\na\n")
    commands: list[Any] = [
        ("predict", "store", "a.csv"),
        ("fit", "store"),
        ("export", "store", "--model", "model"),
    ]
    for words in commands:
        assert "must have finished all its folds" in run_in(tmp_path, *words, code=2).stderr


GROUPED = """
recipe: grouped
data: {labels: [rude], groups: [language]}
stages: {model: {task: {type: binary, target: rude}}}
decide: {rude: {type: threshold, of: model, per: language}}
score: {of: rude}
"""


def test_settings_by_group(tmp_path: Path) -> None:
    (tmp_path / "grouped.yaml").write_text(GROUPED)
    rows = [
        {"id": row, "tweet": f"{'slow river' if row % 3 else 'loud engine'} {row}", "rude": int(row % 3 == 0)}
        for row in range(180)
    ]
    table = pd.DataFrame(rows).assign(lang=["eng", "deu"] * 90)
    table.to_csv(tmp_path / "train.csv", index=False)
    own = ["--data", "train.csv", "--text", "tweet", "--column", "language=lang"]
    run_in(tmp_path, "search", "grouped.yaml", *own, *FEW, "-q")
    new = pd.DataFrame({"tweet": ["slow river", "loud engine", "x"] * 3000, "lang": ["eng", "zho", ""] * 3000})
    new.to_csv(tmp_path / "new.csv", index=False)
    done = run_in(
        tmp_path, "predict", "store", "new.csv", "-o", "out.csv", "--text", "tweet", "--column", "language=lang"
    )
    assert done.stderr.count("no settings were chosen for it") == 1, "three parts, one sentence"
    assert "language '', 'zho'" in done.stderr
    out = pd.read_csv(tmp_path / "out.csv")
    assert len(out) == len(new)
    assert not (tmp_path / "store/models").exists(), "predict only looks"
    run_in(tmp_path, "export", "store", "--model", "model")
    decision = json.loads((tmp_path / "model/decision.json").read_text())["settings"]["rude"]
    own_thresholds = {name: each["at"]["rude"] for name, each in decision["groups"].items()}
    assert set(own_thresholds) == {"deu", "eng"}
    pooled = decision["pooled"]["at"]["rude"]
    at = [own_thresholds.get(name, pooled) for name in new["lang"]]
    reached = out["rude.probability"].to_numpy() >= [2 if each == "never" else each for each in at]
    assert out["rude"].tolist() == reached.astype(int).tolist()
    new.drop(columns="lang").to_csv(tmp_path / "none.csv", index=False)
    said = run_in(tmp_path, "predict", "model", "none.csv", "--text", "tweet", code=2).stderr
    assert "language" in said
    assert said.count("error:") == 1

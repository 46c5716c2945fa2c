"""A search that somebody begins with everything of their own goes on elsewhere by its store and the data alone."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.e2e.conftest import environment, result, run_in, script

pytestmark = pytest.mark.e2e

RECIPE = """\
recipe: mine
extends: classifier
changes: {model.optimizer.lr: 1e-3, data.evaluate: {more: data/more.csv}}
"""
SPACE = """\
space: rates
recipe: mine
parameters: {model.optimizer.lr: {type: float, low: 1e-4, high: 1e-2, log: true}}
"""
ENCODER = """\
import sys
from transformers import BertConfig, BertForMaskedLM, BertTokenizer
letters = "abcdefghijklmnopqrstuvwxyz0123456789"
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{each}" for each in letters)]
sizes = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
BertForMaskedLM(BertConfig(vocab_size=len(words), max_position_embeddings=40, **sizes)).save_pretrained(sys.argv[1])
BertTokenizer(vocab={word: number for number, word in enumerate(words)}).save_pretrained(sys.argv[1])
"""
WORDS = (
    *("search", "recipes/mine.yaml", "--space", "spaces/rates.yaml", "--encoder", "./encoder"),
    *("--data", "data/tweets.csv", "--text", "tweet", "--target", "hate", "--column", "hate=verdict=bad"),
    *("--id", "number", "--group", "author", "--dev", "data/dev.csv", "--test", "data/test.csv"),
    *("--set", "model.optimizer.max_steps=12", "--set", "encoder.max_length_tokens=24"),
    *("--trials", "3", "--folds", "3", "--racing", "none", "--slots", "1", "--checkpoint-every", "7"),
)


def write_tweets(path: Path, rows: int) -> None:
    about = [f"{'they are all liars' if row % 2 else 'my tea is cold'} {path.stem} {row}" for row in range(rows)]
    pd.DataFrame({"number": [f"{path.stem}{row}" for row in range(rows)], "tweet": about}).assign(
        verdict=["bad" if row % 2 else "fine" for row in range(rows)], author=[f"a{row // 3}" for row in range(rows)]
    ).to_csv(path, index=False)


def scores(said: dict[str, Any]) -> list[tuple[object, ...]]:
    """Everything that a number could differ in."""
    return [
        (each["id"], each["state"], each["score"], each["cell_scores"], each["decisions"])
        for each in said["configurations"]
    ]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with data and a store that a kill left behind, and what the same search says that nothing stopped."""
    folder = tmp_path_factory.mktemp("first machine")
    for name in ("data", "recipes", "spaces"):
        (folder / name).mkdir()
    for name, rows in (("tweets", 90), ("dev", 20), ("test", 25), ("more", 15)):
        write_tweets(folder / "data" / f"{name}.csv", rows)
    (folder / "recipes/mine.yaml").write_text(RECIPE, encoding="utf-8")
    (folder / "spaces/rates.yaml").write_text(SPACE, encoding="utf-8")
    subprocess.run([sys.executable, "-c", ENCODER, str(folder / "encoder")], check=True, env=environment(), timeout=120)
    whole = result(run_in(folder, *WORDS, "--store", "whole", "--json"))
    kill_after(2, folder, [*WORDS, "--store", "stopped"])
    (folder / "recipes/mine.yaml").unlink()
    (folder / "spaces/rates.yaml").unlink()
    return folder, whole


def kill_after(folds: int, folder: Path, words: list[str]) -> None:
    """As a power cut would, once so many folds are there."""
    with (folder / "log.txt").open("wb") as log:
        driver = subprocess.Popen([script(), *words], cwd=folder, env=environment(), stdout=log, stderr=log)
    until = time.monotonic() + 120
    while len(list(folder.glob("stopped/folds/*.json"))) < folds and driver.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    assert driver.poll() is None, (folder / "log.txt").read_text()
    driver.send_signal(signal.SIGKILL)
    driver.wait(timeout=60)


Begun = tuple[Path, dict[str, Any]]


def test_it_goes_on_where_its_data_lies_by_its_store_alone(begun: Begun, tmp_path: Path) -> None:
    folder, whole = begun
    shutil.copytree(folder / "stopped", tmp_path / "copy")
    again = result(run_in(tmp_path, "resume", "copy", "--json"))
    assert again["complete"]
    assert scores(again) == scores(whole)
    assert {"dev", "test", "more"} <= set(again["configurations"][0]["decisions"]["model"]["splits"])


def test_it_goes_on_elsewhere_by_its_store_and_the_place_of_its_data(begun: Begun, tmp_path: Path) -> None:
    folder, whole = begun
    shutil.copytree(folder / "stopped", tmp_path / "copied here" / "store")
    shutil.copytree(folder / "data", tmp_path / "texts")
    hidden = folder.with_name("hidden")
    (folder / "data").rename(hidden)
    try:
        refused = run_in(tmp_path, "resume", "copied here/store", code=2)
        assert "--data must be" in refused.stderr
        again = result(run_in(tmp_path, "resume", "copied here/store", "--data", "texts/tweets.csv", "--json"))
    finally:
        hidden.rename(folder / "data")
    assert again["complete"]
    assert scores(again) == scores(whole)


def test_it_goes_on_from_a_copy_without_names_and_places(begun: Begun, tmp_path: Path) -> None:
    folder, whole = begun
    run_in(folder, "merge", "stopped", "-o", str(tmp_path / "shared"), "--anonymous")
    assert "shared" in run_in(tmp_path, "status", "shared").stdout
    shutil.copytree(folder / "data", tmp_path / "texts")
    data = ("--data", "texts/tweets.csv")
    refused = run_in(tmp_path, "resume", "shared", *data, code=2).stderr
    assert "must be told where its rows of dev lie, for it was merged with --anonymous" in refused
    assert "Give them with --dev" in refused
    data = (*data, "--dev", "texts/dev.csv", "--test", "texts/test.csv")
    assert "file-1.csv" in run_in(tmp_path, "resume", "shared", *data, code=2).stderr
    (tmp_path / "texts/more.csv").rename(tmp_path / "file-1.csv")
    assert "./encoder-1" in run_in(tmp_path, "resume", "shared", *data, code=2).stderr
    shutil.copytree(folder / "encoder", tmp_path / "encoder-1")
    again = result(run_in(tmp_path, "resume", "shared", *data, "--json"))
    assert again["complete"]
    assert [each[1:] for each in scores(again)] == [each[1:] for each in scores(whole)], "only ids are others"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data.joinpath("dev.csv").unlink(), "dev"),
        (lambda data: write_tweets(data / "tweets.csv", 91), "the rows of train must be the same as when the search"),
        (
            lambda data: write_tweets(data / "test.csv", 9),
            "the texts of dev, test and evaluation sets must be the same",
        ),
        (
            lambda data: write_tweets(data / "more.csv", 9),
            "the texts of dev, test and evaluation sets must be the same",
        ),
    ],
)
def test_data_that_is_another_is_refused(
    begun: Begun, tmp_path: Path, change: Callable[[Path], object], says: str
) -> None:
    folder, _ = begun
    shutil.copytree(folder / "stopped", tmp_path / "store")
    shutil.copytree(folder / "data", tmp_path / "data")
    hidden = folder.with_name("hidden")
    (folder / "data").rename(hidden)
    change(tmp_path / "data")
    try:
        assert says in run_in(tmp_path, "resume", "store", "--data", "data/tweets.csv", code=2).stderr
    finally:
        hidden.rename(folder / "data")


def test_what_is_said_anew_holds(begun: Begun, tmp_path: Path) -> None:
    folder, _ = begun
    shutil.copytree(folder / "stopped", tmp_path / "store")
    wrong = run_in(tmp_path, "resume", "store", "--text", "twet", code=2).stderr
    assert "must have the column 'twet'" in wrong
    assert "did you mean 'tweet'?" in wrong
    assert "absent.csv" in run_in(tmp_path, "resume", "store", "--dev", "absent.csv", code=2).stderr

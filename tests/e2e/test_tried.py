"""A search that begins with the best points of an earlier one, and one that cannot."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.e2e.conftest import QUICK, Command, Searched, result
from tune_polar.evaluate.summary import summarise
from tune_polar.store.store import open_store

pytestmark = pytest.mark.e2e


def test_the_best_of_an_earlier_search_come_first(command: Command, searched: Searched, tmp_path: Path) -> None:
    earlier = searched.folder / "store"
    best = next(row for row in summarise(open_store(earlier), "scores").finished if row.configuration.number > 0)
    other = ("--set", "classifier.optimizer.max_steps=5", "--racing", "none", "--floors", "none")
    command("search", "st3", *QUICK, *other, "--try", str(earlier), "--store", "store")
    _, first = open_store(tmp_path / "store").configurations()
    assert first.origin == "tried first"
    trained = {key: value for key, value in best.configuration.point.items() if not key.startswith("decide.")}
    assert {key: first.point[key] for key in trained} == trained
    assert first.id != best.configuration.id, "what the new search's recipe says otherwise holds"
    found = result(command("resume", "store", "--trials", "3", "--json"))
    assert found["complete"]
    assert found["floors"]["tfidf"] == {"not_applicable": "--floors has left it out"}
    assert not (tmp_path / "store" / "floors").exists()


def test_a_floor_stands_beside_a_search(command: Command, searched: Searched) -> None:
    floor = searched.result["floors"]["tfidf"]
    assert 0 < floor["score"] < 1
    assert floor["rows"] == floor["of"]
    assert {each["configuration"] for each in floor["compared"]} <= {
        searched.result["reference"],
        searched.result["best"],
    }
    assert all(each["interval"][0] <= each["difference"] <= each["interval"][1] for each in floor["compared"])
    assert f"floor tfidf {floor['score']:.3f}" in command("status", str(searched.folder / "store")).stdout


def test_the_best_of_another_language_come_first(command: Command, shared_dir: Path, tmp_path: Path) -> None:
    polar = shared_dir / "data" / "polar"
    if not polar.is_dir():
        pytest.skip("needs the real data")
    for language in ("eng", "zho"):
        folder = tmp_path / language
        for split, rows in (("train", 160), ("dev", 40)):
            (folder / split).mkdir(parents=True)
            table = pd.read_csv(polar / split / f"{language}.csv", dtype=str, keep_default_na=False)
            table.head(rows).to_csv(folder / split / f"{language}.csv", index=False)
    short = ("--trials", "2", "--folds", "2", "--slots", "1", "--racing", "none", "--set", "encoder.tiny.hidden=32")
    short += ("--set", "detector.optimizer.max_steps=6")
    command("search", "st1", "--data", "eng", "--language", "eng", *short, "--store", "english")
    command("search", "st1", "--data", "zho", "--language", "zho", *short, "--try", "english", "--store", "chinese")
    english, chinese = (open_store(tmp_path / name).configurations() for name in ("english", "chinese"))
    assert chinese[1].origin == "tried first"
    trained = {key: value for key, value in english[1].point.items() if not key.startswith("decide.")}
    assert {key: chinese[1].point[key] for key in trained} == trained
    why = command("search", "zhegu", "--try", "chinese", code=2).stderr
    assert "--try must name a search of the same stages (regressor)" in " ".join(why.split())


def test_a_search_of_something_else_says_why(command: Command, searched: Searched) -> None:
    earlier = str(searched.folder / "store")
    refused = command("search", "st2", "--try", earlier, code=2)
    said = " ".join(refused.stderr.split())
    assert "--try must name a search with configurations in the search space st2" in said
    assert "gamma_negative.political: None" in said
    assert "nothing-here" in command("search", "st1", "--try", "nothing-here", code=2).stderr

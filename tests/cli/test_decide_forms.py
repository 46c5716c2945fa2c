"""`decide` on files as people have them: classes, numbers, groups; its JSON is what docs/decide.schema.json says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest

from tests.cli.test_decide_command import ODD, QUICK, predictions
from tune_polar.decide.metrics import metric_named
from tune_polar.decide.rows import Gold

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/decide.schema.json").read_text(encoding="utf-8"))
NAMES = ("ant", "bee", "cow")


def of_classes(models: int = 3, rows: int = 150) -> pd.DataFrame:
    """Later models are better; a language beside each text."""
    rng, parts = np.random.default_rng(2), []
    for split, count in (("oof", rows), ("test", 60)):
        codes = rng.integers(0, 3, count)
        for model in range(models):
            heat = rng.normal(size=(count, 3)) + (0.5 + model) * (codes[:, None] == np.arange(3))
            shares = np.exp(heat) / np.exp(heat).sum(axis=1, keepdims=True)
            about = {"model": f"m{model}", "split": split, "id": [f"{split}{n}" for n in range(count)]}
            fold = pd.array(np.arange(count) % 3 if split == "oof" else [None] * count, dtype="Int64")
            part = pd.DataFrame({**about, "fold": fold, "gold": [NAMES[code] for code in codes]})
            part["language"] = ["eng" if n % 3 else "deu" for n in range(count)]
            parts.append(part.assign(**{f"prob/{name}": shares[:, place] for place, name in enumerate(NAMES)}))
    return pd.concat(parts, ignore_index=True)


def of_numbers() -> pd.DataFrame:
    frame = of_classes().drop(columns=["gold", *(f"prob/{name}" for name in NAMES)])
    rng = np.random.default_rng(3)
    age = frame["id"].map({name: rng.uniform(1, 5) for name in frame["id"].unique()})
    noise = rng.normal(size=len(frame)) / frame["model"].map({"m0": 0.5, "m1": 1.0, "m2": 2.0})
    return frame.assign(**{"gold/age": age, "value/age": age + noise})


@pytest.fixture
def reported(run: Callable[..., Any], tmp_path: Path) -> Callable[..., tuple[dict[str, Any], str]]:
    """The report as data, which fits the schema, and as text; a page is written too."""

    def call(frame: pd.DataFrame, *words: str) -> tuple[dict[str, Any], str]:
        frame.to_csv(tmp_path / "p.csv", index=False)
        data = run("decide", "p.csv", *QUICK, *words, "--json")
        assert data.code == 0, data.err
        told = json.loads(data.out)
        jsonschema.validate(told, SCHEMA)
        shown = run("decide", "p.csv", *QUICK, *words, "-o", "page.html")
        assert shown.code == 0, shown.err
        return told, " ".join(shown.out.split())

    return call


def test_classes(reported: Callable[..., Any]) -> None:
    frame = of_classes()
    told, said = reported(frame, "--group", "language")
    (report,) = told["reports"]
    assert (report["kind"], report["labels"], report["metric"]) == ("class", list(NAMES), "macro_f1")
    assert [each["configuration"] for each in report["scores"]] == ["model=m2", "model=m1", "model=m0"]
    own = frame[(frame["model"] == "m2") & (frame["split"] == "oof")]
    codes = own["gold"].map(NAMES.index).to_numpy()[:, None]
    likeliest = own[[f"prob/{name}" for name in NAMES]].to_numpy().argmax(axis=1)[:, None]
    gold = Gold("class", codes, NAMES)
    assert report["selected"]["raw_best"] == metric_named("macro_f1").score(gold, likeliest)
    assert report["selected"]["measures"]["accuracy"]["oof"] == pytest.approx(float((codes == likeliest).mean()))
    assert [each["rows"] for each in report["selected"]["groups"]] == [50, 100]
    assert told["groups"] == {"not_applicable": "classes and numbers have no thresholds that groups could share or not"}
    assert "each row is given its likeliest class" in said
    assert "model=m2 is better than model=m0 on these rows" in said
    assert "An ensemble" in said


def test_numbers(reported: Callable[..., Any]) -> None:
    told, said = reported(of_numbers())
    (report,) = told["reports"]
    assert (report["kind"], report["metric"], report["rare_labels"]) == ("number", "pearson", [])
    assert report["scores"][0]["configuration"] == "model=m2"
    assert set(report["selected"]["measures"]) == {"pearson", "spearman", "mae", "rmse"}
    assert "language tells rows apart and no configurations" in " ".join(report["notes"])
    assert "numbers are taken as they are predicted" in said
    assert "95% interval" in said


@pytest.mark.parametrize("case", ODD)
def test_the_schema_holds_for_every_report_of_labels(run: Callable[..., Any], tmp_path: Path, case: str) -> None:
    ODD[case][0](predictions()).to_csv(tmp_path / "p.csv", index=False)
    jsonschema.validate(json.loads(run("decide", "p.csv", *QUICK, "--json").out), SCHEMA)


def test_the_schema_holds_for_groups(reported: Callable[..., Any]) -> None:
    frame = predictions()
    told, _ = reported(frame.assign(language=np.where(frame["id"].str[-1] < "5", "eng", "deu")), "--group", "language")
    assert {each["group"] for each in told["groups"]["rules"][0]["groups"]} == {"eng", "deu"}


def test_the_schema_refuses_what_it_does_not_name(reported: Callable[..., Any]) -> None:
    told, _ = reported(predictions())
    told["reports"][0]["more"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told, SCHEMA)


def test_rules_of_thresholds_are_refused_for_classes(run: Callable[..., Any], tmp_path: Path) -> None:
    of_classes().to_csv(tmp_path / "p.csv", index=False)
    ran = run("decide", "p.csv", "--rule", "max_f1")
    assert (ran.code, ran.out) == (2, "")
    assert "--rule must be left out of class gold, which has no thresholds, got max_f1" in " ".join(ran.err.split())

"""`tune-polar decide` on odd predictions: a report that says what does not apply, or one clear error."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tune_polar.api.consoles import VisibleConsole
from tune_polar.decide.prediction_files import read_predictions
from tune_polar.report.decide.comparisons import ranking_section
from tune_polar.report.decide.threshold_document import decide_document
from tune_polar.report.document import markdown
from tune_polar.stats.threshold_report import ReportSettings, threshold_report

Change = Callable[[pd.DataFrame], pd.DataFrame]
QUICK = ("--rounds", "100")
LABELS = ("racial/ethnic", "other")


def predictions(models: int = 2, rows: int = 120, folds: int = 3) -> pd.DataFrame:
    """Out-of-fold, dev and test rows of a few models."""
    rng = np.random.default_rng(0)
    parts = []
    for split, count in (("oof", rows), ("dev", 30), ("test", 60)):
        gold = (rng.random((count, 2)) < (0.4, 0.2)).astype(int)
        for model in range(models):
            logit = rng.normal(size=gold.shape) + 2 * gold - 1
            part = pd.DataFrame({"model": f"m{model}", "split": split, "id": [f"{split}{n}" for n in range(count)]})
            part["fold"] = pd.array(np.arange(count) % folds if split == "oof" else [pd.NA] * count, dtype="Int64")
            for place, label in enumerate(LABELS):
                part[f"gold/{label}"] = pd.array(gold[:, place], dtype="Int64")
                part[f"logit/{label}"] = logit[:, place]
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def call(frame: pd.DataFrame, name: str = "predictions.csv") -> str:
        frame.to_csv(tmp_path / name, index=False)
        return name

    return call


def in_oof(frame: pd.DataFrame, column: str, value: object) -> pd.DataFrame:
    frame.loc[frame["split"] == "oof", column] = value
    return frame


def lacks(frame: pd.DataFrame, model: str, fold: int) -> pd.DataFrame:
    return frame[~((frame["model"] == model) & (frame["fold"] == fold))]


def without_test_gold(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[frame["split"] == "test", [f"gold/{label}" for label in LABELS]] = pd.NA
    return frame


def absent_in_fold(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[frame["fold"] == 1, "gold/other"] = 0
    return frame


# change → what the report must say
ODD: dict[str, tuple[Change, str]] = {
    "all positive": (
        lambda f: in_oof(f, "gold/other", 1),
        r"other is positive in every out-of-fold row: everything is predicted",
    ),
    "none positive": (
        lambda f: in_oof(f, "gold/other", 0),
        r"other is positive in no out-of-fold row: nothing is predicted, its F1 counts as 0",
    ),
    "one fold missing": (lambda f: lacks(f, "m1", 2), r"model=m1 lacks fold 2: left out of BBC-CV"),
    "no gold in test": (without_test_gold, r"has no gold in test: scores there are not applicable"),
    "label absent in a fold": (absent_in_fold, r"every configuration has no positive row of other in fold 1"),
    "single configuration": (
        lambda f: f[f["model"] == "m0"],
        r"Differences between the top configurations Not applicable: there is only one complete configuration",
    ),
    "one fold": (
        lambda f: f[f["fold"].isna() | (f["fold"] == 0)],
        r"the out-of-fold rows have one fold: they are cut into 5 parts",
    ),
    "two folds": (lambda f: f.assign(fold=f["fold"] % 2), r"2 configurations, 2 labels, 2 folds"),
    "no dev, no test": (lambda f: f[f["split"] == "oof"], r"On the next 120 rows like these"),
    "few rows": (
        lambda f: f[~f["id"].isin([f"oof{n}" for n in range(20, 120)])],
        r"Correction for the choice \(BBC-CV\): not applicable, BBC-CV needs at least 30 rows",
    ),
    "one label": (
        lambda f: f.drop(columns=["gold/other", "logit/other"]),
        r"mean of the positive and the negative class's F1",
    ),
    "constant predictions": (
        lambda f: f.assign(**{"logit/other": 0.0}),
        r"rows like these it will score 0\.\d{3} to 0\.\d{3}",
    ),
    "markup in names": (
        lambda f: f.assign(model="[bold]" + f["model"]),
        r"Selected: model=\[bold\]m\d by rule",
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_predictions_are_reported_with_what_does_not_apply(
    run: Callable[..., Any], write: Callable[..., str], case: str
) -> None:
    change, says = ODD[case]
    name = write(change(predictions()))
    ran = run("decide", name, *QUICK)
    assert ran.code == 0, ran.err
    assert re.search(says, " ".join(ran.out.split())), ran.out
    as_json = run("decide", name, *QUICK, "--json")
    assert as_json.code == 0, as_json.err
    assert len(json.loads(as_json.out)["reports"]) == 1
    for ending in ("html", "md"):
        assert run("decide", name, *QUICK, "--out", f"report.{ending}").code == 0


BAD: dict[str, tuple[Change, str]] = {
    "NaN": (lambda f: in_oof(f, "logit/other", np.nan), r"logit/other must hold finite numbers, got an empty cell"),
    "infinite": (lambda f: in_oof(f, "logit/other", np.inf), r"logit/other must hold finite numbers, got inf in row 1"),
    "duplicate ids": (lambda f: pd.concat([f, f.iloc[[3]]]), r"an id must occur once .* got 'oof3' in split 'oof'"),
    "both scores": (lambda f: f.assign(**{"prob/other": 0.5}), r"either logit/<label> or prob/<label>.* got both"),
    "no oof": (lambda f: f[f["split"] != "oof"], r"at least one configuration must have every out-of-fold row"),
    "a fold missing in each": (
        lambda f: lacks(lacks(f, "m0", 0), "m1", 1),
        r"at least one configuration must have every out-of-fold row",
    ),
    "gold in half of test": (
        lambda f: f.assign(**{"gold/other": f["gold/other"].mask(f["id"] == "test7")}),
        r"gold/other must be 0 or 1, got an empty cell",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_predictions_give_one_clear_error(run: Callable[..., Any], write: Callable[..., str], case: str) -> None:
    change, says = BAD[case]
    ran = run("decide", write(change(predictions())), *QUICK)
    assert_refused(ran, says)


@pytest.mark.parametrize("name", ["test[b]", "t[/b]", ":dog: [red]"])
def test_a_split_is_called_what_it_is_called(run: Callable[..., Any], write: Callable[..., str], name: str) -> None:
    """No word of a table is read as markup or as an emoji, in its headings and cells."""
    frame = predictions()
    frame.loc[frame["split"] == "test", "split"] = name
    frame["model"] = frame["model"] + name
    ran = run("decide", write(frame), *QUICK)
    assert ran.code == 0, ran.err
    headings = [line for line in ran.out.splitlines() if " dev" in line and name in line]
    assert headings, ran.out
    assert f"m0{name}" in ran.out


def assert_refused(ran: Any, says: str) -> None:
    assert ran.code == 2, ran.out
    assert ran.out == ""
    assert re.search(says, " ".join(ran.err.split())), ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nothing.csv",), r"nothing\.csv: a table of predictions must exist"),
        (("empty.csv",), r"empty\.csv"),
        (("noise.csv.gz",), r"noise\.csv\.gz: a table of predictions must be a whole gzip file"),
        ((".",), r"must be a file, got a folder"),
        (("good.csv", "--rule", "best"), r"rule must be one of fixed, max_f1.* got 'best'"),
        (("good.csv", "--rounds", "3"), r"rounds must be at least 100, got 3"),
        (("good.csv", "--rounds", "many"), r"must be a whole number, got 'many'"),
        (("good.csv", "--seed", "-1"), r"--seed must be at least 0, got -1"),
        (("good.csv", "--new-rows", "0"), r"--new-rows must be at least 1, got 0"),
        (("good.csv", "--group", "language"), r"one of \['model'\], got 'language'"),
        (("good.csv", "--rounds", "100", "--out", "report.pdf"), r"ending in one of \.html, \.md, got 'report\.pdf'"),
        (("good.csv", "--rounds", "100", "--out", "nowhere/report.md"), r"must be written, but: No such file"),
        ((), r"(?i)missing argument"),
    ],
)
def test_bad_words(
    run: Callable[..., Any], write: Callable[..., str], tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    write(predictions(), "good.csv")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "noise.csv.gz").write_bytes(bytes(range(256)))
    before = sorted(path.name for path in tmp_path.iterdir())
    ran = run("decide", *words)
    assert ran.code == 2, ran.out
    assert re.search(says, " ".join((ran.err + ran.out).split())), ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_json_holds_every_number_and_repeats(run: Callable[..., Any], write: Callable[..., str]) -> None:
    name = write(predictions(), "a.csv")
    words = ("decide", name, *QUICK, "--rule", "max_f1", "--rule", "fixed", "--json", "--new-rows", "500")
    first, again = run(*words).out, run(*words).out
    assert first == again
    report = json.loads(first)["reports"][0]
    assert report["rules"] == ["max_f1", "fixed"]
    assert len(report["scores"]) == 4
    told = {(row["chosen"], row["scored_on"]) for row in report["scores"][0]["scored"]}
    assert told >= {
        *((rung, "oof") for rung in ("inside_folds", "fold_tuned", "cross_fitted", "plain")),
        *((rung, split) for rung in ("oracle", "fold_tuned", "plain") for split in ("dev", "test")),
    }
    selected = report["selected"]
    assert [each["level"] for each in selected["corrected"]["expectation"]] == [0.9, 0.95]
    assert selected["ahead"]["rows"] == 500
    assert [each["level"] for each in selected["ahead"]["prediction"]] == [0.9, 0.95]
    assert selected["ahead"]["runs"]["from"] == "configurations"
    assert [each["name"] for each in selected["splits"]] == ["dev", "test"]
    assert set(selected["per_label"]) == set(LABELS)
    assert report["comparisons"]["folds"]["pairs"][0]["sentence"].endswith(".")
    assert report["ranking"]["reference"] == "fold-tuned on test"


def test_files_of_the_same_labels_are_compared_as_groups(run: Callable[..., Any], write: Callable[..., str]) -> None:
    shifted = predictions()
    shifted["logit/other"] += 3
    names = write(predictions(), "eng.csv"), write(shifted, "deu.csv")
    ran = run("decide", *names, *QUICK, "--rule", "max_f1")
    assert "Thresholds per group, or pooled over groups" in ran.out
    assert "By rule max_f1 per-group thresholds are better by +" in ran.out
    groups = json.loads(run("decide", *names, *QUICK, "--rule", "max_f1", "--json").out)["groups"]
    assert [each["group"] for each in groups["rules"][0]["groups"]] == ["eng", "deu"]
    other = write(predictions().rename(columns=lambda name: name.replace("/other", "/religious")), "ita.csv")
    ran = run("decide", names[0], other, *QUICK)
    assert ran.code == 0
    assert "Not applicable: files given together must have the same labels" in " ".join(ran.out.split())


def test_the_group_column_tells_rows_apart(run: Callable[..., Any], write: Callable[..., str]) -> None:
    frame = predictions()
    frame["language"] = np.where(frame["id"].str[-1].isin(list("01234")), "eng", "deu")
    ran = run("decide", write(frame), *QUICK, "--group", "language", "--rule", "max_f1", "--json")
    data = json.loads(ran.out)
    assert data["reports"][0]["configurations"] == ["model=m0", "model=m1"]
    assert {each["group"] for each in data["groups"]["rules"][0]["groups"]} == {"eng", "deu"}


def test_files_are_whole_and_escaped(run: Callable[..., Any], write: Callable[..., str], tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>|x"
    frame = predictions()
    name = write(frame.assign(seed=frame["model"], model=hostile))  # told apart by their seeds
    assert run("decide", name, *QUICK, "--out", "report.html").code == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.rstrip().endswith("</html>")
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)
    assert run("decide", name, *QUICK, "--out", "report.md").code == 0
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "<script" not in text.replace("\\<script", "")
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) > 20
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_where_folds_and_rows_disagree_it_is_said_which_to_trust(
    run: Callable[..., Any], write: Callable[..., str]
) -> None:
    """A model that is better on two folds of three by much: many rows tell it, three folds do not."""
    frame = predictions(models=1, rows=900)
    better = frame.assign(model="m1")
    helped = (better["split"] == "oof") & (better["fold"] != 0)
    for label in LABELS:
        better.loc[helped, f"logit/{label}"] += 1.2 * (2 * better.loc[helped, f"gold/{label}"].astype(float) - 1)
    ran = run("decide", write(pd.concat([frame, better])), "--rounds", "1000", "--rule", "max_f1")
    said = " ".join(ran.out.split())
    assert "cannot be told apart with these folds" in said
    assert "model=m1 is better than model=m0 on these rows" in said
    assert "The two tests disagree on model=m1 against model=m0 (rows alone). Trust the folds where" in said
    alike = " ".join(run("decide", write(predictions()), *QUICK, "--rule", "max_f1").out.split())
    assert "Folds answer whether a difference would come again in another training" in alike
    assert "disagree" not in alike


@pytest.mark.parametrize("width", [100])
def test_no_number_is_cut_at_100_columns(
    run: Callable[..., Any], write: Callable[..., str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr("tune_polar.cli.decide_command.result_console", lambda: VisibleConsole(width=width))
    frame = predictions(models=5).assign(encoder="a-rather-long-encoder-name-of-a-hub/with-its-organisation")
    ran = run("decide", write(frame), *QUICK)
    assert ran.code == 0
    assert "…" not in ran.out
    assert max(len(line) for line in ran.out.splitlines()[1:]) <= width


def test_the_command_loads_neither_torch_nor_ray() -> None:
    program = (
        "import sys, tune_polar.cli.decide_command\n"
        "print(*sorted(set(sys.modules) & {'torch', 'ray', 'optuna', 'transformers'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""


@pytest.mark.shared
@pytest.mark.parametrize("name", ["st1/hau", "st2/hau", "st3/hau", "st3/zho"])
def test_released_predictions_give_a_report(run: Callable[..., Any], shared_dir: Path, name: str) -> None:
    ran = run("decide", str(shared_dir / "data" / "smash" / f"{name}.csv.gz"), *QUICK)
    assert ran.code == 0, ran.err
    assert "On the next " in ran.out
    assert ("On the next 1,644 rows like these" in ran.out) is name.endswith("hau")


def extreme(kind: str, rows: int) -> pd.DataFrame:
    """Tables at the ends of what a score can be: everything right, everything wrong, one positive, noise."""
    frame = predictions(models=3, rows=rows)
    gold = [frame[f"gold/{label}"].astype(int).to_numpy() for label in LABELS]
    if kind == "one positive":
        for label in LABELS:
            frame[f"gold/{label}"] = (frame["id"].str.endswith(("oof0", "oof1", "oof2"))).astype(int)
        return frame
    for label, said in zip(LABELS, gold, strict=True):
        sign = {"right": 9, "wrong": -9, "noise": 0}[kind]
        frame[f"logit/{label}"] = sign * (2 * said - 1) + 0.01 * frame[f"logit/{label}"]
    return frame


def intervals(about: Any, path: str = "") -> Iterator[tuple[str, float, float]]:
    """Every interval of a document, with the keys that lead to it."""
    if isinstance(about, dict):
        if {"low", "high"} <= about.keys():
            yield path, about["low"], about["high"]
        for key, value in about.items():
            yield from intervals(value, f"{path}/{key}")
    elif isinstance(about, list):
        for value in about:
            yield from intervals(value, path)


@pytest.mark.parametrize("kind", ["right", "wrong", "one positive", "noise"])
@pytest.mark.parametrize("rows", [9, 60])
def test_no_interval_leaves_the_range_of_its_metric(
    run: Callable[..., Any], write: Callable[..., str], tmp_path: Path, kind: str, rows: int
) -> None:
    write(extreme(kind, rows))
    ran = run("decide", "predictions.csv", "--rounds", "200", "--new-rows", "5", "--json", "-o", "page.html")
    assert ran.code == 0, ran.err
    found = list(intervals(json.loads(ran.out)))
    assert len(found) > 5
    for path, low, high in found:
        is_difference = any(word in path for word in ("comparisons", "pairs", "gain", "ensembles", "groups"))
        least, most = (-1, 1) if is_difference else (0, 1)
        assert least <= low <= high <= most, path
    shown = re.findall(
        r"(-?\d\.\d{3})[–-](-?\d\.\d{3})",
        (tmp_path / "page.html").read_text("utf-8")
        + run("decide", "predictions.csv", "--rounds", "200", "--new-rows", "5").out,
    )
    assert shown
    assert all(0 <= float(low) <= float(high) <= 1 for low, high in shown)


def test_one_labels_score_is_not_called_f1(run: Callable[..., Any], write: Callable[..., str]) -> None:
    """Of one label it is the mean of both classes' F1."""
    frame = predictions().drop(columns=["gold/other", "logit/other"])
    said = " ".join(run("decide", write(frame), *QUICK, "-o", "d.md").out.split())
    assert "Macro-F1 on out-of-fold rows" in said
    assert " F1 on out-of-fold rows" not in said.replace("Macro-F1", "")
    assert "F1 on out-of-fold rows" in run("decide", write(predictions()), *QUICK).out


def test_words_of_two_configurations(run: Callable[..., Any], write: Callable[..., str]) -> None:
    said = " ".join(run("decide", write(predictions()), *QUICK).out.split())
    assert "p adjusted for 1 pair (Holm)" in said
    assert "A text then passes through the models of 2 configurations in place of one." in said
    assert "passes a text" not in said
    about = json.loads(run("decide", write(predictions()), *QUICK, "--json").out)["reports"][0]["ensemble"]
    assert {about["pick"]["passes"], *(each["passes"] for each in about["ensembles"])} == {None}


def test_hindsight_that_loses_is_no_gain(tmp_path: Path) -> None:
    report = threshold_report(read_predictions(tmp_path / made(tmp_path)), ReportSettings(rounds=100))
    judgement = report.winner.judgement
    ladder = dict(judgement.splits["dev"])
    ladder["oracle"] = replace(ladder["oracle"], score=ladder["fold_tuned"].score - 0.02)
    winner = replace(report.winner, judgement=replace(judgement, splits={**judgement.splits, "dev": ladder}))
    said = markdown(decide_document(replace(report, winner=winner)))
    assert f"fold-tuned ones reach {ladder['fold_tuned'].score:.3f}: hindsight gains nothing." in said


def made(folder: Path) -> str:
    predictions().to_csv(folder / "predictions.csv", index=False)
    return "predictions.csv"


def test_protocols_that_pick_otherwise_are_listed(tmp_path: Path) -> None:
    report = threshold_report(read_predictions(tmp_path / made(tmp_path)), ReportSettings(rounds=100))
    ranking = report.ranking
    assert not isinstance(ranking, str)
    own = ranking.picks["cross-fitted"]
    picks = {name: own if name in ("cross-fitted", ranking.reference) else 1 - own for name in ranking.picks}
    turned = replace(ranking, picks=picks, kendall=-np.abs(ranking.kendall))
    section = ranking_section(replace(report, ranking=turned))
    (verdict,), (table,) = section.sentences, section.tables
    assert all("−" in row[-1] and "-" not in row[-1] for row in table.texts)
    names = [name for name, pick in picks.items() if pick != own]
    assert len(names) > 1
    assert verdict.startswith(f"{', '.join(names[:-1])} and {names[-1]} would have picked another")


def test_no_number_has_a_hyphen_for_a_minus(run: Callable[..., Any], tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    gold = rng.normal(size=90)
    rows = {"split": "oof", "fold": np.arange(90) % 3, "id": [f"r{n}" for n in range(90)], "gold/y": gold.round(3)}
    pd.DataFrame({**rows, "value/y": (-gold).round(3)}).to_csv(tmp_path / "n.csv", index=False)
    assert not re.search(r"(?<![\w-])-\d", run("decide", "n.csv", *QUICK).out)

"""Pairs from search to page, offline: six objectives on one data set, tested on another topic."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tests.e2e.conftest import Command
from tune_polar.data.samples import make_sample
from tune_polar.store.store import open_store

pytestmark = pytest.mark.e2e

FEW = (
    *("--seeds", "2", "--slots", "1", "--store", "store", "--quiet", "--set", "encoder.tiny.hidden=32"),
    *("--set", "hate.optimizer.max_steps=12", "--set", "hate.optimizer.eval_every_steps=12"),
)


def test_six_objectives_and_another_topic(command: Command, tmp_path: Path) -> None:
    command("ablate", "impsh", *FEW)
    store = open_store(str(tmp_path / "store"))
    folds, gold = list(store.folds()), make_sample("harbour").splits["orchard"].values("hate")
    assert len(folds) == 12
    scores = defaultdict(list)
    for fold in folds:
        stage = store.stage(fold.stages["hate"])
        assert stage is not None
        assert set(stage.splits) == {"validation", "orchard"}
        assert "extra/projection/orchard" in stage.arrays
        rows, called = gold[stage.rows("orchard")], stage.table("orchard")[:, 0] > 0.5
        scores[fold.configuration_id].append(f1_score(rows, called, average="macro"))
    page = unescape((tmp_path / "store" / "report.html").read_text(encoding="utf-8"))
    for asked in ("What does each run score, here and elsewhere?", "How do the vectors lie?", "sharedcon", "orchard"):
        assert asked in page
    # What each run scores on the other topic is what scikit-learn says of its stored predictions
    crossed = page[page.index("tested on it and elsewhere") :]
    crossed = re.sub(r"<[^>]+>", " ", crossed[: crossed.index("</table>")])
    shown = [float(number) for number in re.findall(r"(\d\.\d+) ±", crossed)]
    for configuration, each in scores.items():
        assert len(each) == 2
        assert any(abs(sum(each) / 2 - number) < 0.0051 for number in shown), configuration
    trained_on_the_other(command, tmp_path, scores, {fold.configuration_id for fold in folds})


def trained_on_the_other(command: Command, tmp_path: Path, scores: dict[str, list[float]], ids: set[str]) -> None:
    """One objective with the topics exchanged, and both searches side by side."""
    here = [word if word != "store" else "turned" for word in FEW]
    here += ["--set", "hate.measures=[projection,tsne,nearest]"]
    command("ablate", "impsh", "--only", "ce", "--set", "sample=orchard", *here)
    command("report", "turned", "--examples", "-o", "turned.html")
    page = unescape((tmp_path / "turned.html").read_text(encoding="utf-8"))
    assert "Nearest in training" in page
    assert "t-SNE of all sets together" in page
    told = json.loads(command("report", "store", "turned", "-o", "both.html", "--json").stdout)["crossed"]
    assert told["sets"] == ["harbour", "orchard"]
    assert told["unlike"] == []
    rows = {(row["search"], row["configuration"]): row for row in told["rows"]}
    assert {configuration for search, configuration in rows if search == "turned"} == {"as given", "ce"}
    assert {row["id"] for (search, _), row in rows.items() if search == "store"} == ids
    for (search, _), row in rows.items():
        own, other = ("harbour", "orchard") if search == "store" else ("orchard", "harbour")
        assert row["trained_on"] == own
        assert row["tested"][own]["held_out"]
        assert not row["tested"][other]["held_out"]
        assert len(row["tested"][other]["runs"]) == 2
        if search == "store":
            assert sorted(row["tested"][other]["runs"]) == pytest.approx(sorted(scores[row["id"]]))
            assert row["tested"][other]["sd"] == pytest.approx(np.std(scores[row["id"]], ddof=1))
    assert "Trained on × tested on: macro-F1" in command("report", "store", "turned", "-o", "both.html").stdout
    assert "Trained on × tested on: macro-F1" in unescape((tmp_path / "both.html").read_text(encoding="utf-8"))

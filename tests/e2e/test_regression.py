"""Numbers through everything: languages held out, racing, a stop, resume, merge, export, decide, predict, page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.e2e.conftest import Command, result
from tests.e2e.rescored import shown

pytestmark = pytest.mark.e2e

MINE = """\
recipe: mine
extends: zhegu
changes:
  folds.held_out: 1
  folds.draws: null
  folds.share: 0.001
  encoder.frozen_layers: 1
  encoder.tiny.hidden: 32
  regressor.optimizer.max_steps: 12
  regressor.optimizer.eval_every_steps: 6
  decide.level: {type: calibrate, of: regressor, per: language, low: 1, high: 5}
  score.of: level
"""
SPACE = """\
space: rates
recipe: ./mine.yaml
parameters:
  regressor.optimizer.lr: {type: float, low: 1e-9, high: 1e-2, log: true}
  decide.level.method: {type: categorical, choices: [isotonic, linear]}
"""
ROWS = 160


def write(folder: Path) -> pd.DataFrame:
    """Texts whose words say how warm they are, in three languages of which one is warmer."""
    rng = np.random.default_rng(0)
    language = np.array(["ab", "cd", "gh"])[np.arange(ROWS) % 3]
    warmth = np.clip(1 + 4 * rng.beta(1, 3, ROWS) + (language == "gh"), 1, 5).round(1)
    texts = [
        f"{'dear ' * int(2 * warm)}{of} {number}"
        for number, (warm, of) in enumerate(zip(warmth, language, strict=True))
    ]
    table = pd.DataFrame({"text": texts, "intimacy": warmth, "language": language})
    table.to_csv(folder / "rows.csv", index=False)
    (folder / "mine.yaml").write_text(MINE)
    (folder / "rates.yaml").write_text(SPACE)
    return table


def test_numbers_go_through_everything(command: Command, tmp_path: Path) -> None:
    table = write(tmp_path)
    few = ("--space", "./rates.yaml", "--slots", "1", "--store", "store", "--quiet")
    command("search", "./mine.yaml", "--data", "rows.csv", "--trials", "1", *few)
    ended = result(command("resume", "store", "--trials", "2", "--slots", "1", "--json"))
    assert ended["complete"]
    assert {each["state"] for each in ended["configurations"]} <= {"finished", "abandoned"}
    best = next(each for each in ended["configurations"] if each["id"] == ended["best"])
    assert best["decisions"]["level"]["out_of_fold"].keys() >= {"cross_fitted", "fold_tuned", "plain"}

    # Calibrated on no fold, numbers are as they were predicted, held in their range.
    command("merge", "store", "-o", "merged")
    assert result(command("status", "merged", "--json"))["configurations"] == ended["configurations"]
    command("export", "merged", "--csv", "tables")
    exported = pd.read_csv(tmp_path / "tables/predictions-regressor.csv")
    own = exported.query("configuration == @ended['best'] and split == 'oof'")
    r = stats.pearsonr(own["gold/intimacy"], own["value/intimacy"].clip(1, 5)).statistic
    assert best["decisions"]["level"]["out_of_fold"]["plain"]["score"] == pytest.approx(r, abs=1e-6)
    assert best["score"] == best["decisions"]["level"]["out_of_fold"]["cross_fitted"]["score"]

    # The same file, judged as somebody's own: its numbers as they are, by language.
    told = json.loads(command("decide", "tables/predictions-regressor.csv", "--json").stdout)
    (file,) = told["reports"]
    of_best = next(each for each in file["scores"] if each["configuration"] == f"configuration={ended['best']}")
    r = stats.pearsonr(own["gold/intimacy"], own["value/intimacy"]).statistic
    assert of_best["cross_fitted"] == pytest.approx(r, abs=1e-9)

    whole = (tmp_path / "store/report.html").read_text("utf-8")
    page = shown(whole)
    for asked in (
        "How far off are the numbers?",
        "Does it hold for every group?",
        "Does it carry over to unseen groups?",
    ):
        assert asked in page
    assert "mean over groups" in page
    assert "ab" in page
    assert '<section id="numbers"' in whole
    assert '<section id="thresholds"' not in whole

    # Texts to come: the same languages, one that nobody knows, and none.
    table.assign(language=[*table["language"][:-2], "xx", ""]).drop(columns="intimacy").to_csv(
        tmp_path / "new.csv", index=False
    )
    command("predict", "store", "new.csv", "-o", "predicted.csv")
    predicted = pd.read_csv(tmp_path / "predicted.csv")
    assert predicted["intimacy"].between(1, 5).all()
    assert len(predicted) == ROWS

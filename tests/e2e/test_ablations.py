"""Ablations by the command line: what is announced is trained, and what would be trained twice is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Command, result
from tune_polar.store.store import open_store

pytestmark = pytest.mark.e2e

MINE = """\
recipe: mine
data: {labels: [loud]}
encoder: {name: tiny, tiny: {hidden: 32}}
stages: {model: {task: {type: binary, target: loud}, optimizer: {max_steps: 4}}}
ablations:
  low: {title: low, changes: {model.optimizer.lr: 1e-4}}
  high: {title: high, changes: {model.optimizer.lr: 1e-2}}
  free: {title: free, changes: {model.head.dropout: 0.5}}
"""


def test_one_that_an_option_makes_a_repeat_is_left_out_and_the_search_is_complete(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(MINE)
    rows = [f"{'loud' if row % 2 else 'slow'} river {row},{row % 2}" for row in range(40)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,loud", *rows]))
    alike = ("--set", "model.optimizer.lr=1e-2")  # which reaches every ablation
    done = command(
        *("ablate", "./mine.yaml", "--data", "rows.csv", "--folds", "2", "--slots", "1", "--store", "store"),
        *(*alike, "--floors", "none"),
    )
    said = " ".join(done.stderr.split())
    assert "the ablation low is left out: it says what the recipe says" in said
    assert "the ablation high is left out: it says what the recipe says" in said
    assert [each.origin for each in open_store(tmp_path / "store").configurations()] == ["as given", "free"]
    told = result(command("status", "store", "--json"))
    assert (told["complete"], told["planned"]) == (True, 2)
    assert "tune-polar resume" not in done.stdout

"""The installed command tells trackers while it searches and when it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import QUICK, Command

pytestmark = pytest.mark.e2e


def test_a_search_is_tracked_and_goes_on_in_the_same_runs(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    tracked = ("--track", "tensorboard", "--track", "wandb", "--racing", "none")
    said = command("search", "st3", "--store", "s", *QUICK, "--trials", "1", *tracked).stderr
    assert "not sent" not in said
    assert "does not track" not in said
    assert len(runs(tmp_path)) == 3, "two folds and what they come to"
    command("resume", "s", "--trials", "2", "--slots", "1", *tracked)
    assert len(runs(tmp_path)) == 6
    stages = {path.parent.relative_to(tmp_path / "s/tensorboard") for path in (tmp_path / "s").rglob("events.out.*")}
    names = {"/".join(stage.parts[1:]) for stage in stages}
    assert names == {"", *(f"f{fold}-s42/{stage}" for fold in (0, 1) for stage in ("detector", "classifier"))}
    assert command("status", "s").stdout


def runs(folder: Path) -> list[str]:
    return [path.stem for path in folder.glob("wandb/offline-run-*/run-*.wandb")]

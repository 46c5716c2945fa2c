"""Every public name is documented with its parameters, and its example runs."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import tune_polar
from tests.api.examples import TRAINS, documented, run
from tests.store.made_store import MadeStore

WITHOUT = {"store", "status", "configurations"}  # that say it all in a line


@pytest.mark.parametrize("name", sorted(set(documented()) - set(TRAINS)))
def test_an_example_runs(
    name: str, made: Callable[[str], MadeStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = tmp_path / "searches" / "st3-20261122-101500"
    shutil.copytree(made("rich").folder, store)
    lines = run(name, {"tune_polar": tune_polar, "found": tune_polar.open(store)})
    assert (lines > 0) == (name not in WITHOUT)


@pytest.mark.parametrize("name", documented())
def test_all_parameters_and_errors_are_told(name: str) -> None:
    each = documented()[name]
    text = inspect.getdoc(each) or ""
    parameters = [] if inspect.isclass(each) else [p for p in inspect.signature(each).parameters if p != "self"]
    for parameter in parameters:
        assert f"{parameter}:" in text or f"{parameter}," in text, f"{name}: {parameter}"
    assert "Raises:" in text or name in ("store", "Search")

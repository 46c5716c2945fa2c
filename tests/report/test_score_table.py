"""The table of scores at a search's end: columns for what the score does not say itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from handmade_store import StoreBuilder
from rich.console import Console

from tune_polar.cli.ending import PARTS, print_scores


@pytest.mark.parametrize(("labels", "columns"), [((), []), (("a", "b"), ["detector", "gold-gated"])])
def test_a_detector_alone_has_no_parts(tmp_path: Path, labels: tuple[str, ...], columns: list[str]) -> None:
    builder = StoreBuilder(tmp_path / "store", labels=labels)
    builder.finish(builder.configuration("published"), 0.6)
    unfinished = builder.configuration(lr=0.02)
    builder.finish(unfinished, 0.6, folds=(0,))
    console = Console(record=True, width=200)
    print_scores(console, builder.summary())
    lines = console.export_text().splitlines()
    (heading,) = (line for line in lines if "score ± fold SD" in line)
    assert [name for name in PARTS if name in heading] == columns
    assert [name for name in PARTS if f"{name}: {PARTS[name]}." in lines] == columns
    assert any(unfinished.id[:8] in line for line in lines)

"""Configurations that racing gave up, on the page and at a search's end."""

from __future__ import annotations

from pathlib import Path

import pytest
from handmade_store import FOLDS, StoreBuilder
from rich.console import Console

from tune_polar.cli.ending import print_scores
from tune_polar.cli.result_json import result_json
from tune_polar.report.configuration_index import configuration_index
from tune_polar.report.configuration_scores import configuration_section
from tune_polar.report.cost import cost_section
from tune_polar.report.raced import saved_by_racing
from tune_polar.store.abandonment import Abandonment


@pytest.fixture
def raced(tmp_path: Path) -> StoreBuilder:
    builder = StoreBuilder(tmp_path / "store", changes={"racing": "model"})
    builder.finish(builder.configuration("published"), 0.6)
    for lr, within in ((0.01, None), (0.02, (1, "classifier", 1500))):
        stopped = builder.finish(builder.configuration(lr=lr), 0.1, folds=(0,))
        record = Abandonment(stopped.id, "model", (0,), within, 0.31234, 0.02, 0.1, "b" * 12, 0.5)
        builder.store.put_abandonment(record)
    return builder


def test_the_page_says_after_how_many_folds_and_why(raced: StoreBuilder) -> None:
    summary = raced.summary()
    index = configuration_index(summary)
    rows = configuration_section(summary, FOLDS, index).unscored
    assert [row.state for row in rows] == ["abandoned", "abandoned"]
    assert rows[0].reasons == (
        "Stopped after 1 fold by racing (model): expected 0.3123 ± 0.0200, the best so far was 0.5000.",
    )
    assert "and within fold 1 (classifier, step 1,500)" in rows[1].reasons[0]
    (saved,) = [fact.value for fact in cost_section(summary, index, FOLDS).facts if fact.term == "Saved by racing"]
    assert saved.startswith("4 fold trials of 2 configurations stopped early")
    assert "a chance of at most 19%" in saved  # 1 − 0.9²


def test_nothing_given_up_is_nothing_saved(tmp_path: Path) -> None:
    builder = StoreBuilder(tmp_path / "store")
    builder.finish(builder.configuration("published"), 0.6)
    assert saved_by_racing(builder.summary(), FOLDS).startswith("nothing:")


def test_the_end_of_a_search_and_its_json_say_so(raced: StoreBuilder) -> None:
    console = Console(record=True, width=200)
    print_scores(console, raced.summary())
    text = console.export_text()
    assert text.count("stopped ") >= 2
    assert "stopped early (--racing model): 4 fold trials of 2 configurations" in text
    rows = result_json(raced.summary(), None, None)["configurations"]
    assert [row["state"] for row in rows] == ["finished", "abandoned", "abandoned"]
    assert rows[1]["abandoned"]["predicted"] == 0.31234
    assert "score" not in rows[1]

"""Trained on × tested on, against a computation of each run by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.store.made_recipes import regression, two_stages
from tests.store.made_store import finished_store
from tune_polar.decide.metrics import metric_named
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.report.cross_table import CrossTable, cross_table
from tune_polar.report.document import Entry
from tune_polar.report.numbers import with_error
from tune_polar.report.page_context import PageContext


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SearchSummary:
    return finished_store(tmp_path_factory.mktemp("store") / "one", regression(seeds=(1, 2))).summary()


def named(summary: SearchSummary, data: str, fingerprint: str) -> PageContext:
    facts = replace(summary.facts, data_name=data, data_fingerprint=fingerprint)
    return PageContext(replace(summary, facts=facts))


def crossed(*searches: tuple[str, PageContext]) -> CrossTable:
    found = cross_table(searches)
    assert isinstance(found, CrossTable)
    return found


def test_each_run_by_itself_is_scored_on_each_set(made: SearchSummary) -> None:
    table = crossed(("first", named(made, "here", "a")), ("second", named(made, "there", "b")))
    assert table.sets[:2] == ("here", "there")
    assert {row.trained_on for row in table.rows} == {"here", "there"}
    row, page = table.rows[0], PageContext(made)
    best = page.scored[0][0]
    assert row.id == best.configuration.id
    assert best.predictions is not None
    gold, metric = made.gold.splits["later"].values("closeness"), metric_named(made.recipe.score.metric)
    expected = []
    for cell in best.predictions.cells:
        (stage,) = cell.stages.values()
        values = np.clip(stage.table("later"), 1, 5).reshape(-1, 1)
        expected.append(np.corrcoef(gold[stage.rows("later")], values[:, 0])[0, 1])
    assert metric.name == "pearson"
    np.testing.assert_allclose(row.tested["later"].scores, expected, rtol=1e-6)
    assert row.tested["later"].sd == pytest.approx(np.std(expected, ddof=1))
    assert row.tested["here"].is_own
    np.testing.assert_allclose(row.tested["here"].scores, page.scored[0][1].by_cell(made.cells))
    shown = table.table().rows[0]
    assert isinstance(shown, tuple)
    place = table.table().columns.index("later")
    assert shown[place] == Entry(with_error(row.tested["later"].mean, row.tested["later"].sd))
    assert "—" in shown  # of the set that the other search alone was trained on
    assert table.as_json()["rows"][0]["tested"]["later"]["runs"] == pytest.approx(expected)


def test_two_data_sets_of_one_name_are_told_apart(made: SearchSummary) -> None:
    table = crossed(("first", named(made, "train", "a")), ("second", named(made, "train", "b")))
    assert table.sets[:2] == ("train (first)", "train (second)")
    same = crossed(("first", named(made, "train", "a")), ("second", named(made, "train", "a")))
    assert same.sets[0] == "train"
    assert "Rows that were trained on other texts cannot be paired." in table.notes()[0]
    assert "cannot be paired" not in same.notes()[0], "both were trained on the same texts"


def test_sets_of_one_name_with_other_gold_are_told(made: SearchSummary) -> None:
    later = made.gold.splits["later"]
    turned = replace(
        later, columns={"closeness": replace(later.columns["closeness"], values=6 - later.values("closeness"))}
    )
    other = replace(made, gold=replace(made.gold, splits={**made.gold.splits, "later": turned}))
    table = crossed(("first", named(made, "here", "a")), ("second", named(other, "there", "b")))
    assert "later" in table.unlike
    assert "later" in " ".join(table.notes())
    assert crossed(("first", named(made, "here", "a")), ("second", named(made, "there", "b"))).unlike == ()


def test_why_there_is_no_table(made: SearchSummary, tmp_path: Path) -> None:
    other = finished_store(tmp_path / "other", two_stages()).summary()
    assert "different metrics, Pearson" in str(cross_table([("a", PageContext(made)), ("b", PageContext(other))]))
    none = replace(made, configurations=())
    assert cross_table([("a", PageContext(none))]) == "none of these searches has a score"

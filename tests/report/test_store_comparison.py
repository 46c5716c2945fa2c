"""Several searches side by side: their winners, and whether they can be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.report.outline import outline
from tests.store.made_recipes import TWO_STAGES, one_vote, recipe_of, two_stages
from tests.store.made_store import finished_store, made_store
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.recipe.recipe import Recipe
from tune_polar.report.document import Block, TextTable, Words
from tune_polar.report.index import name_of
from tune_polar.report.numbers import with_error
from tune_polar.report.page_context import PageContext
from tune_polar.report.rank_table import rank_table
from tune_polar.report.store_comparison import comparison, write_comparison
from tune_polar.stats.paired import fold_paired

LR = "sorter.optimizer.lr"


def search(folder: Path, skill: float, recipe: Recipe | None = None, **about: object) -> SearchSummary:
    made = made_store(folder, recipe or two_stages(), **about)  # type: ignore[arg-type]
    made.finish(made.configuration("published"), 0.2)
    made.finish(made.configuration({f"{tuple(made.recipe.stages)[-1]}.optimizer.lr": skill / 10}), skill)
    return made.summary()


def texts(blocks: Sequence[Block]) -> list[str]:
    return [text for block in blocks if isinstance(block, Words) for text in block.texts]


def test_several_searches_are_compared_by_their_winners(tmp_path: Path) -> None:
    summaries = [search(tmp_path / name, skill) for name, skill in (("one", 0.4), ("two", 0.8))]
    winners, _, apart, settings = comparison(summaries)
    (table, _) = winners[2]
    assert isinstance(table, TextTable)
    pages = [PageContext(each) for each in summaries]
    for row, page in zip(table.texts, pages, strict=True):
        scores = page.scored[0][1]
        error = float(np.std(scores.best.cell_scores, ddof=1))
        assert row[0] == page.summary.url.rpartition("/")[2]
        assert row[3:6] == ("2 of 3", "no. 1", with_error(scores.score, error))
        assert not isinstance(page.corrected, str)
        assert row[6].startswith(f"{page.shown(page.corrected.corrected)}, ")
    pair, not_corrected = texts(apart[2])
    cells = [page.scored[0][1].by_cell(page.cells.cells) for page in pages]
    paired = fold_paired(cells[0], cells[1], planned_folds=3)
    assert f"{100 * paired.difference:+.1f}".replace("-", "−") in pair
    assert "one: no. 1" in pair
    assert "owes part of its score to that choice" in not_corrected
    (differs,) = settings[2]
    assert isinstance(differs, TextTable)
    assert {row[0]: row[1:] for row in differs.texts}[LR] == ("0.04", "0.08")


def test_shared_configurations_are_ranked_in_each_search(tmp_path: Path) -> None:
    scores = {"one": (0.2, 0.8, 0.5), "two": (0.3, 0.6, 0.9)}
    pages = []
    for name, (published, *others) in scores.items():
        made = made_store(tmp_path / name, two_stages())
        made.finish(made.configuration("published"), published)
        for place, skill in enumerate(others):
            made.finish(made.configuration({LR: 0.01 * (place + 1)}), skill)
        pages.append((name, PageContext(made.summary())))
    table = rank_table(pages)
    assert isinstance(table, TextTable)
    assert table.columns == ("configuration", "mean rank", "one", "two")
    found = {row[0]: [cell.partition(" ")[0] for cell in row[1:]] for row in table.texts}
    measured = {name: {name_of(row): scores.score for row, scores in page.scored} for name, page in pages}
    for configuration, (mean, *ranks) in found.items():
        own = [1 + sum(other > values[configuration] for other in values.values()) for values in measured.values()]
        assert [float(rank) for rank in ranks] == own
        assert float(mean) == sum(own) / 2
    assert [float(row[1]) for row in table.texts] == sorted(float(row[1]) for row in table.texts)
    assert len(found) == 3
    assert "fewer than two" in str(rank_table(pages[:1]))
    section = comparison([page.summary for _, page in pages])[-1]
    assert (section[0], section[2]) == ("ranks", [table])


def test_the_page_is_written_whole(tmp_path: Path) -> None:
    summaries = [search(tmp_path / name, 0.5) for name in ("<b>one", "two")]
    page = write_comparison(summaries, tmp_path / "both.html").read_text(encoding="utf-8")
    elements = outline(page)
    assert [about["id"] for tag, about in elements if tag == "section"] == [
        "winners",
        "crossed",
        "apart",
        "settings",
        "ranks",
    ]
    assert "<b>one" not in page
    assert "2 searches compared" in page


def test_one_search_given_twice_is_told_apart_by_its_place(tmp_path: Path) -> None:
    summary = search(tmp_path / "one", 0.5)
    (table, *_) = comparison([summary, summary])[0][2]
    assert isinstance(table, TextTable)
    assert [row[0] for row in table.texts] == [f"{summary.url} (1)", f"{summary.url} (2)"]


def test_systems_that_decide_otherwise_are_compared_by_what_they_score(tmp_path: Path) -> None:
    """Two stages against one, over the same rows and columns."""
    whole = two_stages()
    sorter = {"task": {"type": "multilabel", "targets": ["x", "y/z"]}, "optimizer": {"lr": 1e-3}}
    alone = {**TWO_STAGES, "recipe": "alone", "stages": {"sorter": sorter}, "score": {"of": "kinds"}}
    alone["decide"] = {"kinds": TWO_STAGES["decide"]["kinds"]}
    corpus = finished_store(tmp_path / "first", whole, skills=(0.5,)).corpus
    summaries = [
        search(tmp_path / name, 0.5, recipe, corpus=corpus) for name, recipe in (("a", whole), ("b", recipe_of(alone)))
    ]
    pair, _ = texts(comparison(summaries)[2][2])
    assert pair.startswith(("a: no. 1", "b: no. 1"))


@pytest.mark.parametrize("what", ["data", "folds or seeds", "scores"])
def test_unlike_searches_are_not_paired(tmp_path: Path, what: str) -> None:
    one = search(tmp_path / "one", 0.5)
    if what == "data":
        two = replace(one, facts=replace(one.facts, data_fingerprint="x"))
    elif what == "scores":
        two = search(tmp_path / "two", 0.5, one_vote())
    else:
        two = search(tmp_path / "two", 0.5, two_stages(seeds=(42, 7)))
    winners, _, apart, *_ = comparison([one, two])
    (said,) = texts(apart[2])
    assert said == f"Not applicable: these searches have different {what}, so their cells cannot be paired."
    assert "do not read one row against another" in str(winners[2])


def test_a_search_without_a_winner_says_so(tmp_path: Path) -> None:
    empty = made_store(tmp_path / "empty", two_stages()).summary()
    winners, crossed, apart = comparison([empty, empty])
    (table, missing) = winners[2]
    assert isinstance(table, TextTable)
    assert {row[4] for row in table.texts} == {"none yet"}
    assert texts([missing]) == ["Not enough data: none of these searches has a configuration with all its folds."]
    assert texts(crossed[2]) == ["Not applicable: none of these searches has a score."]
    assert texts(apart[2]) == ["Not applicable: fewer than two of these searches have a winner."]


def test_one_cell_alone_says_nothing_of_noise(tmp_path: Path) -> None:
    values = {**TWO_STAGES, "folds": {"plan": "holdout", "share": 0.4}}
    summaries = [search(tmp_path / name, 0.5, recipe_of(values)) for name in ("one", "two")]
    assert texts(comparison(summaries)[2][2]) == ["Not applicable: one fold alone says nothing of noise."]

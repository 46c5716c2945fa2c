"""No page says that nothing was chosen on a set of which the recipe says that a value was (TP011)."""

from __future__ import annotations

import html
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.outline import Answer
from tests.store.made_recipes import NUMBER, recipe_of, regression, two_stages
from tests.store.made_store import finished_store
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.report.page import html_of
from tune_polar.report.page_context import PageContext
from tune_polar.report.store_comparison import comparison, crossed, write_comparison

SAID = "by scores on {name}, as the recipe says (TP011)."
LR = "model.optimizer.lr"


def doubt(split: str, name: str, value: str = f"{LR} = 0.002") -> str:
    return f"A value may have been chosen on {split} before the search: {value} {SAID.format(name=name)}"


def searched(folder: Path, **sets: tuple[str, ...]) -> SearchSummary:
    return finished_store(folder, recipe_of(NUMBER, seeds=(1, 2), chosen_on=sets), (0.5,)).summary()


@pytest.fixture
def chosen(tmp_path: Path) -> SearchSummary:
    return searched(tmp_path / "chosen", later=(LR,), made=(LR,), ihc=(LR,))


@pytest.mark.parametrize("name", ["runs", "elsewhere"])
def test_the_page_says_what_was_chosen_on_a_set(chosen: SearchSummary, tmp_path: Path, name: str) -> None:
    texts = Answer(PageContext(chosen), name).texts
    assert doubt("later", "later") in texts
    assert not any("never chosen on" in text for text in texts)
    assert any("this search chooses nothing on them" in text for text in texts)
    honest = Answer(PageContext(searched(tmp_path / "honest", ihc=(LR,))), name).texts
    assert not any("TP011" in text for text in honest)


def test_the_page_shows_all_of_it(chosen: SearchSummary) -> None:
    page = html.unescape(html_of(PageContext(chosen)))
    assert page.count(doubt("later", "later")) == 2, "of runs, and of other sets"
    assert "never chosen on" not in page


def test_the_page_of_several_stores_says_it_once_a_set(chosen: SearchSummary, tmp_path: Path) -> None:
    summaries = [chosen, searched(tmp_path / "other", later=(LR,))]
    table = crossed(summaries)
    assert not isinstance(table, str)
    assert set(table.as_json()["doubts"]) == {doubt("later", "later"), doubt("made", "made")} < set(table.notes())
    assert not any("take part in no choice" in note for note in table.notes())
    page = html.unescape(write_comparison(summaries, tmp_path / "page.html").read_text(encoding="utf-8"))
    assert [page.count(doubt(name, name)) for name in ("later", "made")] == [1, 1]
    assert "TP011" not in str(comparison([finished_store(tmp_path / "none", regression(), (0.5,)).summary()]))


def test_without_other_sets_it_is_said_of_the_winners(tmp_path: Path) -> None:
    own = finished_store(tmp_path / "own", two_stages(chosen_on={"made": ("sorter.optimizer.lr",)}), (0.5,)).summary()
    assert isinstance(crossed([own]), str)
    page = html.unescape(write_comparison([own], tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page.count(doubt("made", "made", "sorter.optimizer.lr = 0.001")) == 1


def test_nobody_chose_anything_on_the_embedded_sample(chosen: SearchSummary) -> None:
    sample = replace(chosen, facts=replace(chosen.facts, data_path=None))
    said = str(comparison([sample]))
    assert doubt("later", "later") in said
    assert "chosen on made" not in said


def test_other_rows_of_one_name_are_told_on_the_page_too(chosen: SearchSummary, tmp_path: Path) -> None:
    """A caption of several remarks shows them all."""
    other = searched(tmp_path / "other", later=(LR,))
    later = other.gold.splits["later"]
    turned = replace(
        later, columns={"closeness": replace(later.columns["closeness"], values=6 - later.values("closeness"))}
    )
    unlike = replace(other, gold=replace(other.gold, splits={**other.gold.splits, "later": turned}))
    page = write_comparison([chosen, unlike], tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Other rows or other gold under one name: later." in page

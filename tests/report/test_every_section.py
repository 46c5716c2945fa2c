"""Every section of every shape of store: an answer or a reason, never an error, and no word but the recipe's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.report.outline import Answer, outline
from tests.report.shapes import SHAPES
from tests.store.made_recipes import CLASSES, NUMBER, TWO_STAGES, recipe_of
from tests.store.made_store import finished_store, made_corpus
from tune_polar.report.document import Code, Words
from tune_polar.report.page import answers, html_of, left_out
from tune_polar.report.page_context import PageContext, PageOptions
from tune_polar.report.page_section import Section
from tune_polar.report.sections import SECTIONS
from tune_polar.report.store_comparison import comparison
from tune_polar.report.winner_recipe import winner_changes, winner_yaml

PageOf = Callable[[str], PageContext]
# Words of systems: they stand on a page only where a recipe's own names or a component's meaning bring them.
SYSTEMS = re.compile(r"detector|classifier|polari[sz]|gold.gated|end.to.end|γ", re.IGNORECASE)


@pytest.mark.parametrize("section", SECTIONS, ids=[section.name for section in SECTIONS])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_section_answers_or_says_why_not(page_of: PageOf, shape: str, section: Section) -> None:
    page = page_of(shape)
    found, reason = Answer(page, section.name), section.applies(page)
    assert found.blocks
    if reason is not None:
        assert found.blocks == [Words("missing", (reason.text,))]
        assert reason.text.startswith(("Not enough data: ", "Not applicable: "))
        assert reason.text.startswith("Not applicable: ") or reason.arises
    for table in found.tables:
        assert table.rows, table.caption
        assert {len(row.cells) for row in table.laid_out} == {len(table.columns)}, table.caption
        assert not any("nan" in text for row in table.texts for text in row), table.caption


@pytest.mark.parametrize("shape", SHAPES)
def test_every_page_is_whole_and_can_be_read(page_of: PageOf, shape: str) -> None:
    page = page_of(shape)
    text = html_of(PageContext(page.summary))
    elements = outline(text)
    sections = [about["id"] for tag, about in elements if tag == "section"]
    assert sections == [section.name for section, _ in answers(page)]
    assert len(sections) + len(left_out(page)) == len(SECTIONS)
    identifiers = [str(about["id"]) for _, about in elements if "id" in about]
    assert len(identifiers) == len(set(identifiers))
    assert [tag for tag, _ in elements].count("h1") == 1
    for number, (section, _) in enumerate(answers(page), start=1):
        assert f"{number}. {section.question}" in unescape(text)
    figures = [about for tag, about in elements if tag == "svg" and about.get("aria-hidden") != "true"]
    assert all(about["role"] == "img" for about in figures)
    assert all(set(str(about["aria-labelledby"]).split()) <= set(identifiers) for about in figures)
    scrolling = [about for _, about in elements if about.get("class") == "scroll"]
    assert all(about["tabindex"] == "0" and about["aria-label"] for about in scrolling)
    assert len(text) < 400_000


@pytest.mark.parametrize("shape", SHAPES)
def test_no_word_of_a_system_stands_on_a_page(page_of: PageOf, shape: str) -> None:
    summary = page_of(shape).summary
    shown = re.sub(r"<style.*?</style>|<script.*?</script>", "", html_of(PageContext(summary)), flags=re.DOTALL)
    said = [unescape(shown), winner_yaml(summary) or "", winner_changes(summary), str(comparison([summary, summary]))]
    found = {match.lower() for match in SYSTEMS.findall("\n".join(said).replace("tune-polar", ""))}
    # The Asymmetric Loss brings its γ−, SoftTriple its γ.
    assert found <= ({"γ"} if shape == "rich" else set())


def test_sections_come_with_what_a_recipe_has(page_of: PageOf) -> None:
    def names(shape: str) -> set[str]:
        return {section.name for section, _ in answers(page_of(shape))}

    always = {"use", "believe", "floors", "better", "why", "ensemble", "matters", "sensitive"}
    always |= {"training", "cost", "provenance"}
    assert names("regression") == always | {"numbers", "groups", "elsewhere", "runs"}
    assert names("three classes") == always | {"confusion"}
    assert names("five labels") == always | {"thresholds", "confusion"}
    assert names("a vote") == always | {"votes", "meanings", "confusion", "groups"}
    assert names("two stages") == always | {
        *("votes", "meanings", "thresholds", "pipeline", "confusion", "groups", "elsewhere", "runs"),
    }
    assert names("ablation") == names("no dev") - {"why", "matters", "sensitive", "ensemble"}
    assert names("binary") == always | {"thresholds", "confusion", "groups", "elsewhere", "runs"}
    assert names("without gold") == names("two stages"), "what has no gold is left out, the set with gold is there"
    assert names("classes by group") == always | {"confusion", "groups", "unseen", "elsewhere", "runs"}
    assert names("calibrated") == always | {"pipeline", "numbers", "groups"}
    assert names("languages held out") == always | {"numbers", "groups", "unseen"}
    assert names("per language") == always | {"thresholds", "pipeline", "confusion", "groups"}
    assert "elsewhere" not in names("two seeds"), "dev is no set of its own"
    assert "runs" in names("two seeds")


def test_what_does_not_arise_is_named_with_its_reason(page_of: PageOf) -> None:
    page = page_of("regression")
    footer = unescape(html_of(PageContext(page.summary))).rpartition("<footer>")[2]
    for section, reason in left_out(page):
        assert f"<bdi>{section.question}</bdi> <bdi>{reason}</bdi>" in footer
    reasons = {section.name: reason for section, reason in left_out(page)}
    assert reasons["votes"] == "Not applicable: no decision is a vote."
    assert reasons["thresholds"] == "Not applicable: no decision has thresholds."


@pytest.mark.parametrize("shape", SHAPES)
def test_example_texts_stand_there_only_where_asked_for(page_of: PageOf, shape: str) -> None:
    page = page_of(shape)
    summary = page.summary
    texts = {row_id: f"secret <b>{row_id}</b>" for row_id in summary.gold.train.ids}
    assert "secret" not in html_of(PageContext(summary))
    shown = html_of(PageContext(summary, PageOptions(texts=texts)))
    outline(shown)
    assert ("secret" in shown) == (page.outcome is not None)
    if page.outcome is not None:
        columns = {"two stages": 1 + 2, "three classes": 3, "regression": 1, "a vote": 1}.get(shape)
        assert columns is None or shown.count("secret &lt;b&gt;") == 3 * columns
        assert "Content warning" in shown
        assert "holds no texts" not in shown


@pytest.mark.parametrize("values", [TWO_STAGES, NUMBER, CLASSES], ids=["two stages", "regression", "three classes"])
def test_gold_of_test_moves_the_last_line_of_scores_alone(tmp_path: Path, values: Mapping[str, Any]) -> None:
    """Nothing is chosen on it, compared by it, or drawn of it elsewhere than where it is scored."""
    recipe = recipe_of({**values, "data": {**values["data"], "evaluate": {}}})
    corpus = made_corpus(recipe, test=30)
    other = made_corpus(recipe, test=30, seed=6).splits["test"]
    corpora = (corpus, replace(corpus, splits={**corpus.splits, "test": replace(other, ids=corpus.splits["test"].ids)}))
    made = [
        finished_store(tmp_path / str(n) / "store", recipe, (0.1, 0.25), corpus=each) for n, each in enumerate(corpora)
    ]
    for section in SECTIONS:
        one, two = (Answer(PageContext(each.summary()), section.name) for each in made)
        if section.name == "use":
            one.blocks, two.blocks = (
                [each for each in answer.blocks if not isinstance(each, Code)] for answer in (one, two)
            )
            ladders = [answer.table("The winner’s ") for answer in (one, two)]
            (last, one_line), (same, other_line) = (ladder.popitem() for ladder in ladders)
            assert last == same
            assert last.startswith("test")
            assert one_line != other_line
            assert not any(
                "test" in row["Scored on"] or "test" in row["Settings chosen on"] for row in ladders[0].values()
            )
            assert ladders[0] == ladders[1]
            assert one.texts == two.texts
            assert one.facts == two.facts
        elif section.name in ("elsewhere", "runs"):  # every run, and all together
            assert str(one.blocks) != str(two.blocks)
        elif section.name != "provenance":
            assert str(one.blocks) == str(two.blocks), section.name

"""Every section of every shape of store: an answer or a reason, never an error, and no word that is not the recipe's."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest

from tests.report.outline import Answer, outline
from tests.report.shapes import SHAPES
from tests.store.made_store import MadeStore
from tune_polar.report.context import PageContext, PageOptions
from tune_polar.report.document import Words
from tune_polar.report.page import answers, build_page, left_out
from tune_polar.report.section import Section
from tune_polar.report.sections import SECTIONS
from tune_polar.report.store_comparison import comparison
from tune_polar.report.winner import winner_changes, winner_yaml

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
    text = build_page(page.summary)
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
    shown = re.sub(r"<style.*?</style>|<script.*?</script>", "", build_page(summary), flags=re.DOTALL)
    said = [unescape(shown), winner_yaml(summary) or "", winner_changes(summary), str(comparison([summary, summary]))]
    found = {match.lower() for match in SYSTEMS.findall("\n".join(said).replace("tune-polar", ""))}
    # The Asymmetric Loss brings its γ−, SoftTriple its γ.
    assert found <= ({"γ"} if shape == "rich" else set())


def test_sections_come_with_what_a_recipe_has(page_of: PageOf) -> None:
    def names(shape: str) -> set[str]:
        return {section.name for section, _ in answers(page_of(shape))}

    always = {"use", "believe", "better", "matters", "sensitive", "training", "cost", "provenance"}
    assert names("regression") == always | {"numbers", "groups", "elsewhere"}
    assert names("three classes") == always | {"confusion"}
    assert names("five labels") == always | {"thresholds", "confusion"}
    assert names("a vote") == always | {"votes", "meanings", "confusion", "groups"}
    assert names("two stages") == always | {
        *("votes", "meanings", "thresholds", "pipeline", "confusion", "groups", "elsewhere"),
    }
    assert names("ablation") == names("no dev") - {"matters", "sensitive"}
    assert names("per language") == always | {"thresholds", "pipeline", "confusion", "groups"}
    assert "elsewhere" not in names("two seeds"), "dev is no set of its own"


def test_what_does_not_arise_is_named_with_its_reason(page_of: PageOf) -> None:
    page = page_of("regression")
    footer = unescape(build_page(page.summary)).rpartition("<footer>")[2]
    for section, reason in left_out(page):
        assert f"<bdi>{section.question}</bdi> <bdi>{reason}</bdi>" in footer
    reasons = {section.name: reason for section, reason in left_out(page)}
    assert reasons["votes"] == "Not applicable: no decision is a vote."
    assert reasons["thresholds"] == "Not applicable: no decision has thresholds."


def test_example_texts_stand_there_only_where_asked_for(made: Callable[[str], MadeStore], page_of: PageOf) -> None:
    for shape in ("two stages", "three classes", "regression", "a vote"):
        summary = page_of(shape).summary
        texts = {row_id: f"secret <b>{row_id}</b>" for row_id in summary.gold.train.ids}
        assert "secret" not in build_page(summary)
        page = build_page(summary, PageOptions(texts=texts))
        outline(page)
        columns = {"two stages": 1 + 2, "three classes": 3, "regression": 1, "a vote": 1}[shape]
        assert page.count("secret &lt;b&gt;") == 3 * columns
        assert "Content warning" in page
        assert "holds no texts" not in page

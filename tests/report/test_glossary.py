"""Words of statistics are explained where a page uses them, and only there."""

from __future__ import annotations

import re
from collections.abc import Callable

from tune_polar.report.document import Details, Document, DocumentSection, Figures, TextTable, prose
from tune_polar.report.glossary import TITLE, folded, glossary
from tune_polar.report.page import answers
from tune_polar.report.page_context import PageContext

PageOf = Callable[[str], PageContext]


def terms(*content: object) -> list[str]:
    found = glossary(content)
    return [] if found is None else [each.term for each in found.rows]


def test_a_term_is_explained_where_it_stands_in_whatever_block() -> None:
    assert terms(prose("Nothing of that kind.")) == []
    assert terms(prose("It is paired by fold."), TextTable("Holm-adjusted", ("a",), [("regret",)])) == [
        "paired",
        "Holm, p",
        "regret",
    ]
    assert terms(Details("more", (prose("an interval of the expectation"),))) == ["interval of the expectation"]
    assert terms(Document("t", (DocumentSection("s", remarks=("by max_f1",)),))) == ["max_f1"]
    assert terms(prose("by smoothed_max_f1")) == ["smoothed_max_f1"]


def test_drawings_are_not_read_but_their_notes_are() -> None:
    assert terms(Figures(("<svg>oracle</svg>",), "pooled")) == ["pooled"]


def test_the_page_of_a_search_explains_what_its_first_screen_says(page_of: PageOf) -> None:
    answered = [blocks for _, blocks in answers(page_of("rich"))]
    assert {"cross-fitted", "prediction interval", "interval of the expectation", "BBC-CV", "floor"} - set(
        terms(answered)
    ) <= {"floor"}
    (details,) = folded(glossary(answered))
    assert details.summary == TITLE
    assert folded(None) == ()


def test_an_explanation_is_a_sentence() -> None:
    everything = "out-of-fold cross-fitted oracle pooled prediction interval bootstrap paired Holm floor racing regret"
    found = glossary([everything])
    assert found is not None
    assert all(re.fullmatch(r"[A-Z1p].*\.", each.value) for each in found.rows)

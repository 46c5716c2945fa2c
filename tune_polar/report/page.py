"""One self-contained HTML file: style, script and figures inside, nothing fetched."""

from __future__ import annotations

from tune_polar.report.glossary import folded, glossary
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_file import rendered
from tune_polar.report.page_section import Answer, Section
from tune_polar.report.sections import SECTIONS


def answers(page: PageContext) -> list[tuple[Section, Answer]]:
    """All sections of questions that arise, in order."""
    return [(each, each.answer(page)) for each in SECTIONS if each.arises(page)]


def left_out(page: PageContext) -> list[tuple[Section, str]]:
    """The other sections, each with its reason."""
    reasons = ((each, each.applies(page)) for each in SECTIONS)
    return [(each, reason.text) for each, reason in reasons if reason is not None and not reason.arises]


def html_of(page: PageContext) -> str:
    """The page of a search as HTML; who writes something beside it reads the same context, computed once.

    Example:
        >>> html_of(PageContext(summary_for_page(open_store("searches/st3"))))
    """
    summary = page.summary
    title = f"{page.recipe.recipe} on {summary.facts.data_name}"
    answered = answers(page)
    return rendered(
        "page.html.jinja",
        scripted=True,
        page=page,
        answers=answered,
        left_out=left_out(page),
        words=folded(glossary(blocks for _, blocks in answered)),
        title=title,
    )

"""One self-contained HTML file: style, script and figures inside, nothing fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from tune_polar import __version__
from tune_polar.assets import shipped
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.report.context import PageContext, PageOptions
from tune_polar.report.page_file import page_environment, page_policy, write_whole
from tune_polar.report.section import Answer, Section
from tune_polar.report.sections import SECTIONS
from tune_polar.report.sections.provenance import store_address

TEMPLATE, STYLE, SCRIPT = "page.html.jinja", "page.css", "page.js"


@dataclass(frozen=True)
class Answered:
    """A section that has its place in the page."""

    section: Section
    blocks: Answer


def answers(page: PageContext) -> tuple[Answered, ...]:
    """All sections of questions that arise, in order."""
    return tuple(Answered(each, each.answer(page)) for each in SECTIONS if each.arises(page))


def left_out(page: PageContext) -> tuple[tuple[Section, str], ...]:
    """The other sections, each with its reason."""
    reasons = ((each, each.applies(page)) for each in SECTIONS)
    return tuple((each, reason.text) for each, reason in reasons if reason is not None and not reason.arises)


def build_page(summary: SearchSummary, options: PageOptions | None = None) -> str:
    """The page of a search as HTML.

    Example:
        >>> build_page(summary_for_page(open_store("searches/st3")))
    """
    page = PageContext(summary, options or PageOptions())
    folder = shipped("reports")
    style, script = ((folder / name).read_text(encoding="utf-8") for name in (STYLE, SCRIPT))
    return (
        page_environment(folder)
        .get_template(TEMPLATE)
        .render(
            page=page,
            answers=answers(page),
            left_out=left_out(page),
            title=f"{page.recipe.recipe} on {summary.facts.data_name}",
            version=__version__,
            # Ours, not data: the only two texts that are not escaped.
            style=Markup(style),
            script=Markup(script),
            policy=page_policy(style, script),
        )
    )


def write_page(summary: SearchSummary, path: Path, options: PageOptions | None = None) -> Path:
    """Build the page and write it to ``path``, whole or not at all; gives ``path``.

    Without options its records are linked where they lie beside it.

    Raises:
        StoreError: ``path`` cannot be written.
    """
    if options is None:
        options = PageOptions(store_address=store_address(summary.url, path))
    write_whole(path, build_page(summary, options))
    return path

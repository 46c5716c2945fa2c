"""One self-contained HTML file: style, script and figures inside, nothing fetched."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from tune_polar.assets import shipped
from tune_polar.report.context import PageOptions, page_context
from tune_polar.report.page_file import page_environment, page_policy, write_whole
from tune_polar.report.record_paths import store_address
from tune_polar.store.summary import SearchSummary

TEMPLATE, STYLE, SCRIPT = "page.html.jinja", "page.css", "page.js"


def build_page(summary: SearchSummary, options: PageOptions | None = None) -> str:
    """The page of a search as HTML.

    Raises:
        StoreError: the store's manifest does not describe a search.
    """
    folder = shipped("reports")
    style, script = ((folder / name).read_text(encoding="utf-8") for name in (STYLE, SCRIPT))
    return (
        page_environment(folder)
        .get_template(TEMPLATE)
        .render(
            page=page_context(summary, options),
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
        StoreError: the manifest does not describe a search, or ``path`` cannot be written.
    """
    if options is None:
        options = PageOptions(store_address=store_address(summary.url, path))
    write_whole(path, build_page(summary, options))
    return path

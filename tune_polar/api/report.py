"""The page of a search: written to a file, or shown in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from tune_polar.data.source import source_from_json
from tune_polar.errors import StoreError
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.report.page import build_page
from tune_polar.report.page_context import PageOptions
from tune_polar.report.sections.provenance import store_address
from tune_polar.search.recipe_data import read_corpus
from tune_polar.store.store import Store

SUFFIXES = (".html", ".htm")
HEIGHT = 800  # pixels, in a notebook


@dataclass(frozen=True)
class Page:
    """The page of a search: one HTML document that fetches nothing. A notebook shows it below the cell.

    Args:
        html: the document.
        path: where it was written; None: nowhere.
    """

    html: str
    path: Path | None = None

    def _repr_html_(self) -> str:
        """In a frame of its own: neither its style nor its script reaches the notebook."""
        style = f"width:100%;height:{HEIGHT}px;border:1px solid #ccc"
        return f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{escape(self.html)}"></iframe>'

    def __repr__(self) -> str:
        where = "" if self.path is None else f" at {self.path}"
        return f"<page of {len(self.html):,} characters{where}>"


def check_page_name(path: Path) -> None:
    """Refuse a name that no browser takes for a page.

    Raises:
        StoreError: it does not end so.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise StoreError(f"the page must be a file ending in .html, got {str(path)!r}", "Give for example page.html.")


def page_of(
    store: Store,
    summary: SearchSummary,
    path: Path | None = None,
    *,
    examples: bool = False,
    reload_seconds: int | None = None,
) -> str:
    """The page as HTML.

    Args:
        store: of the search.
        summary: read for a page.
        path: where it will lie, from which its records are linked; None: nowhere.
        examples: whether it shows texts decided most wrongly.
        reload_seconds: after which it reads itself anew; None: never.

    Raises:
        TunePolarError: the texts of the examples are not what or where they were.
    """
    address = None if path is None else store_address(summary.url, path)
    return build_page(summary, PageOptions(address, _texts(store, summary) if examples else None, reload_seconds))


def _texts(store: Store, summary: SearchSummary) -> dict[str, str]:
    """The training texts by row id, read from where the search read them.

    Raises:
        DataError: they are not there any more.
        StoreError: they are others than those searched.
    """
    about = store.manifest()["data"]
    corpus = read_corpus(summary.recipe, source_from_json(about["source"]), about.get("files", {}))
    if corpus.fingerprint != summary.facts.data_fingerprint:
        raise StoreError(
            f"the texts of --examples must be those of the search ({summary.facts.data_fingerprint[:12]}), got "
            f"{corpus.fingerprint[:12]}",
            "Restore the original files, or do without --examples.",
        )
    return dict(zip(corpus.train.ids, corpus.train.texts, strict=True))

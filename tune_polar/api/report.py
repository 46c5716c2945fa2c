"""The page of a search: written to a file, or shown in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from tune_polar.api.begin import recorded_source
from tune_polar.api.data_words import DataWords
from tune_polar.api.winner_files import narrowed_beside
from tune_polar.data.source import now_at
from tune_polar.errors import SpecError, StoreError
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.report.page_context import PageContext, PageOptions
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


def of_examples(words: DataWords, *, shown: bool) -> DataWords | None:
    """Where the texts of the examples lie now; None: none are shown, and no data are read.

    Raises:
        SpecError: something is said of the data, though none are shown.
    """
    if shown:
        return words
    said = {
        "--data": words.data,
        "--language": words.language,
        "--dev": words.dev,
        "--test": words.test,
        "--text": words.text,
        "--id": words.id,
        "--column": words.columns or None,
    }
    option = next((option for option, value in said.items() if value is not None), None)
    if option is not None:
        raise SpecError(
            f"{option} must go with --examples, got it alone", "Without texts no data are read: leave it out."
        )
    return None


def context_of(
    store: Store,
    summary: SearchSummary,
    path: Path | None = None,
    *,
    examples: DataWords | None = None,
    reload_seconds: int | None = None,
) -> PageContext:
    """What a page is made of.

    Args:
        store: of the search.
        summary: read for a page.
        path: where it will lie, from which its records are linked; None: nowhere.
        examples: where the texts lie, of which it shows those decided most wrongly; what it leaves open is as begun.
            None: it shows none.
        reload_seconds: after which it reads itself anew; None: never.

    Raises:
        TunePolarError: the texts of the examples are not what or where they were.
    """
    address = None if path is None else store_address(summary.url, path)
    texts = None if examples is None else _texts(store, summary, examples)
    narrowed = None if path is None else narrowed_beside(path).name
    return PageContext(summary, PageOptions(address, texts, reload_seconds, narrowed))


def _texts(store: Store, summary: SearchSummary, data: DataWords) -> dict[str, str]:
    """The training texts by row id, read from where they lie now.

    Raises:
        DataError: they are not there.
        StoreError: they are others than those searched.
    """
    manifest = store.manifest()
    was = recorded_source(manifest, store.url)
    source = data.taken_up(was)
    files = {file: now_at(was, source, address) for file, address in manifest["data"].get("files", {}).items()}
    corpus = read_corpus(summary.recipe, source, files)
    if corpus.fingerprint != summary.facts.data_fingerprint:
        raise StoreError(
            f"the texts of --examples must be those of the search ({summary.facts.data_fingerprint[:12]}), got "
            f"{corpus.fingerprint[:12]}",
            "Restore the original files, say with --data where they lie now, or do without --examples.",
        )
    return dict(zip(corpus.train.ids, corpus.train.texts, strict=True))

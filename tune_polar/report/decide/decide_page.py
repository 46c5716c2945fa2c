"""A threshold report as a file: one self-contained HTML page, or Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tune_polar.errors import StoreError
from tune_polar.report.document import Document, DocumentSection, Facts, markdown
from tune_polar.report.glossary import TITLE, glossary
from tune_polar.report.page_file import rendered, write_whole

# What the page of a search answers and predictions alone do not.
BEYOND = DocumentSection(
    "What this page cannot say",
    ("Predictions carry no settings, no training and no machines. The page of a search answers these as well:",),
    remarks=(
        "Settings to use, importance of parameters and sensitivity to them: not applicable, a prediction table names "
        "configurations but not what they were trained with.",
        "k × τ of a vote: not applicable, that needs each row’s neighbours.",
        "What a gate’s errors cost: not applicable, that needs its decisions on all rows.",
        "Learning curves, early stops, time and machines: not applicable, they are in a search’s records.",
    ),
)
FORMATS = (".html", ".md")


def write_decide_report(path: Path, documents: Sequence[Document], groups: DocumentSection | None) -> None:
    """Write the documents, then the comparison of groups, to ``path``, whole or not at all.

    Raises:
        StoreError: the name ends in neither .html nor .md, or ``path`` cannot be written.
    """
    if path.suffix not in FORMATS:
        raise StoreError(
            f"the report must be a file ending in one of {', '.join(FORMATS)}, got {str(path)!r}",
            "Call it for example thresholds.html.",
        )
    joined = [*documents, *([] if groups is None else [Document("Groups", (groups,))])]
    words = glossary(joined)
    ends = (BEYOND,) if words is None else (BEYOND, explained(words))
    joined[-1] = replace(joined[-1], sections=(*joined[-1].sections, *ends))
    content = decide_page(joined) if path.suffix == ".html" else "\n".join(markdown(each) for each in joined)
    write_whole(path, content)


def explained(words: Facts) -> DocumentSection:
    """Terms of a report with what they mean."""
    return DocumentSection(TITLE, remarks=tuple(f"{each.term}: {each.value}" for each in words.rows))


def decide_page(documents: Sequence[Document]) -> str:
    """One HTML page without script: nothing is fetched, everything from data is escaped."""
    return rendered("decide.html.jinja", documents=documents, title=documents[0].title)

"""A report as titles, sentences and tables of words, laid out later: on a terminal, as Markdown, as a page."""

from __future__ import annotations

from dataclasses import dataclass

_SPECIAL = str.maketrans({mark: f"\\{mark}" for mark in "\\|<>`*[]#"} | {"\n": " ", "\r": " "})


@dataclass(frozen=True)
class TextTable:
    """One table; the first column names the row, the others hold numbers or words."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = ()  # columns beside the first that hold words, hence start at the left


@dataclass(frozen=True)
class DocumentSection:
    """Sentences first, then tables, then remarks on them."""

    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[TextTable, ...] = ()
    remarks: tuple[str, ...] = ()  # short lines, as a list
    figure: str = ""  # inline SVG for a page; the tables say the same
    figure_note: str = ""


@dataclass(frozen=True)
class Document:
    """One report."""

    title: str
    sections: tuple[DocumentSection, ...]


def markdown(document: Document) -> str:
    """The document as GitHub-flavoured Markdown; every word from data is escaped."""
    lines = [f"# {_escaped(document.title)}"]
    for section in document.sections:
        lines += ["", f"## {_escaped(section.title)}"]
        for sentence in section.sentences:
            lines += ["", _escaped(sentence)]
        for table in section.tables:
            lines += ["", f"**{_escaped(table.caption)}**", "", *_markdown_table(table)]
        if section.remarks:
            lines += ["", *(f"- {_escaped(remark)}" for remark in section.remarks)]
    return "\n".join(lines) + "\n"


def _markdown_table(table: TextTable) -> list[str]:
    left = {0, *table.words}
    marks = ["---" if place in left else "---:" for place in range(len(table.columns))]
    rows = [[_escaped(cell) for cell in row] for row in (table.columns, *table.rows)]
    return [f"| {' | '.join(row)} |" for row in (rows[0], marks, *rows[1:])]


def _escaped(text: str) -> str:
    return text.translate(_SPECIAL)

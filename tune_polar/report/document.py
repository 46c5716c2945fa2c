"""A report as titles and blocks (sentences, tables, figures), laid out later: on a terminal, as Markdown, as a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

from markupsafe import Markup

_SPECIAL = str.maketrans({mark: f"\\{mark}" for mark in "\\|<>`*[]#~&"} | {"\n": " ", "\r": " "})
_OUTER_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # within a word it is no mark of Markdown's


@dataclass(frozen=True)
class Entry:
    """One place of a table that is more than its text."""

    text: str
    note: str = ""  # smaller, beside it
    kind: str = ""  # class of the style sheet: "strong", "code", "key" (a dotted key), "better" …
    title: str = ""  # shown on hovering
    href: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.note})" if self.note and self.text else self.text or self.note


Entries: TypeAlias = tuple[str | Entry, ...]


@dataclass(frozen=True)
class Row:
    """One row that is more than its entries."""

    cells: Entries
    place: int | None = None  # of its configuration, by which the page links figures and tables
    kind: str = ""  # class of the style sheet: "main", "reference"


@dataclass(frozen=True)
class TextTable:
    """One table; the column ``head`` names the row, the others hold numbers or words."""

    caption: str
    columns: tuple[str, ...]
    rows: Sequence[Entries | Row]
    words: tuple[int, ...] = ()  # columns beside the head that hold words, hence start at the left
    kind: str = "numbers"  # class of the style sheet
    head: int = 0
    layout: ClassVar = "table"

    @property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """Every entry as plain text, its note in brackets."""
        return tuple(tuple(map(str, row.cells)) for row in self.laid_out)

    @property
    def laid_out(self) -> tuple[Row, ...]:
        """Every row and entry with all it has."""
        rows = (row if isinstance(row, Row) else Row(row) for row in self.rows)
        return tuple(replace(row, cells=tuple(map(_entry, row.cells))) for row in rows)


def _entry(cell: str | Entry) -> Entry:
    return cell if isinstance(cell, Entry) else Entry(cell)


@dataclass(frozen=True)
class Words:
    """Text of one kind: prose (a paragraph each), bullets, a heading, a caption, a notice, or why there is nothing."""

    layout: str
    texts: tuple[str, ...]


def _words(layout: str) -> Callable[..., Words]:
    return lambda *texts: Words(layout, texts)


prose, bullets = _words("prose"), _words("bullets")  # each text a paragraph, each a short line
heading = _words("heading")  # of a part of a section
caption, notice = _words("caption"), _words("notice")  # quiet remarks; what must not be overlooked
missing = _words("missing")  # why there is nothing


@dataclass(frozen=True)
class Fact:
    """A term and its value; a ``code`` value is shown in the typewriter face."""

    term: str
    value: str
    is_code: bool = False
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """Terms with their values; as ``tiles`` headline numbers side by side."""

    rows: tuple[Fact, ...]
    layout: str = "facts"


@dataclass(frozen=True)
class Figures:
    """One figure across the whole width, or several as small panels; a table says the same."""

    svgs: tuple[str, ...]
    note: str = ""
    shades: tuple[tuple[int, str], ...] = ()  # shade of the style sheet and what it stands for, darkest first
    layout: str = "panels"  # or "figure"


def figure(svg: str, note: str = "", shades: tuple[tuple[int, str], ...] = ()) -> Figures:
    """One across the whole width."""
    return Figures((svg,), note, shades, "figure")


@dataclass(frozen=True)
class Code:
    """Text to be copied as it is; ``name`` is unique in the page."""

    name: str
    label: str
    text: str
    layout: ClassVar = "code"


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away."""

    summary: str
    blocks: tuple[Block, ...]
    kind: str = ""  # "warning": stays folded in print
    layout: ClassVar = "details"


Block: TypeAlias = TextTable | Words | Facts | Figures | Code | Details


def in_parts(parts: Iterable[tuple[str, Sequence[Block]]]) -> list[Block]:
    """Parts of a section, each under its title where there are several."""
    found = list(parts)
    return [block for title, blocks in found for block in ([heading(title)] if len(found) > 1 else []) + [*blocks]]


def titled(title: str, svg: Markup) -> Markup:
    """A small figure under its own title."""
    return Markup('<div class="small-multiple"><p class="panel-title"><bdi>{}</bdi></p>{}</div>').format(title, svg)


@dataclass(frozen=True)
class DocumentSection:
    """Sentences first, then a figure, tables, and remarks on them."""

    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[TextTable, ...] = ()
    remarks: tuple[str, ...] = ()  # short lines, as a list
    figure: str = ""  # inline SVG for a page; the tables say the same
    figure_note: str = ""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """In the order in which they are read."""
        before = [prose(*self.sentences)] if self.sentences else []
        drawn = [figure(self.figure, self.figure_note)] if self.figure else []
        return (*before, *drawn, *self.tables, *([bullets(*self.remarks)] if self.remarks else []))


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
    left = {table.head, *table.words}
    marks = ["---" if place in left else "---:" for place in range(len(table.columns))]
    rows = [[_in_markdown(str(cell), row.kind) for cell in row.cells] for row in table.laid_out]
    return [f"| {' | '.join(row)} |" for row in ([_escaped(each) for each in table.columns], marks, *rows)]


def _in_markdown(text: str, kind: str) -> str:
    return f"**{_escaped(text)}**" if kind == "main" and text else _escaped(text)


def _escaped(text: str) -> str:
    return _OUTER_UNDERSCORE.sub(r"\\_", text.translate(_SPECIAL))

"""A page as a reader meets it: its elements, and its sections' blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html.parser import HTMLParser

from tune_polar.report.document import Block, Details, Facts, Figures, TextTable, Words
from tune_polar.report.page_context import PageContext
from tune_polar.report.sections import SECTIONS

VOID = {"wbr", "meta", "link", "br", "hr", "img", "input"}
Element = tuple[str, dict[str, str | None]]


class _Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(page: str) -> list[Element]:
    """Elements with their attributes; fails where tags do not nest."""
    parser = _Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser.elements


class Answer:
    """What one section of a page says."""

    def __init__(self, page: PageContext, name: str) -> None:
        self.blocks = list(_unfolded(next(each for each in SECTIONS if each.name == name).answer(page)))

    @property
    def tables(self) -> list[TextTable]:
        return [each for each in self.blocks if isinstance(each, TextTable)]

    @property
    def texts(self) -> list[str]:
        """Sentences, headings and remarks, in their order."""
        return [text for each in self.blocks if isinstance(each, Words) for text in each.texts]

    @property
    def facts(self) -> dict[str, str]:
        return {fact.term: fact.value for each in self.blocks if isinstance(each, Facts) for fact in each.rows}

    @property
    def figures(self) -> list[str]:
        return [svg for each in self.blocks if isinstance(each, Figures) for svg in each.svgs]

    def table(self, start: str) -> dict[str, dict[str, str]]:
        """The table whose caption begins so: rows by their head, each by column."""
        (found,) = [each for each in self.tables if each.caption.startswith(start)]
        return {row[found.head]: dict(zip(found.columns, row, strict=True)) for row in found.texts}


def _unfolded(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Details):
            yield from _unfolded(block.blocks)

"""Documents, tables and lines of the report on the terminal; no word is read as markup."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from tune_polar.report.document import Document, DocumentSection, TextTable


def print_document(console: Console, document: Document) -> None:
    """Title and sections."""
    console.print(document.title, style="bold", soft_wrap=True)
    for section in document.sections:
        print_section(console, section)


def print_section(console: Console, section: DocumentSection) -> None:
    """Sentences, tables, remarks."""
    console.print(f"\n{section.title}", style="bold underline")
    for sentence in section.sentences:
        console.print(sentence)
    for table in section.tables:
        console.print()
        console.print(table.caption, style="italic")
        console.print(_rich(table))
    for remark in section.remarks:
        console.print(f"- {remark}")


def print_table(console: Console, table: TextTable, most_rows: int | None = None) -> None:
    """One table under its caption, which is not broken; ``most_rows`` of it, and how many more there are."""
    console.print(table.caption, style="italic", soft_wrap=True)
    console.print(_rich(table, most_rows))
    if most_rows is not None and len(table.rows) > most_rows:
        console.print(f"… and {len(table.rows) - most_rows} more")


def print_lines(console: Console, lines: Iterable[str], *, style: str | None = None) -> None:
    """A line each; none is broken."""
    for line in lines:
        console.print(line, style=style, soft_wrap=True)


def _rich(table: TextTable, most_rows: int | None = None) -> Table:
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for place, name in enumerate(table.columns):
        left = place == table.head or place in table.words
        # The name of a row gives way first where the terminal is narrow: a cut number would be another number.
        shown.add_column(name, justify="left" if left else "right", overflow="fold", no_wrap=not left)
    for row in table.texts[:most_rows]:
        shown.add_row(*row)
    return shown

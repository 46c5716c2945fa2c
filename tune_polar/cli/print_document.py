"""A document on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from tune_polar.report.document import Document, DocumentSection, TextTable


def print_document(console: Console, document: Document) -> None:
    """Title, sections, tables; no word is read as markup."""
    console.print(document.title, style="bold", markup=False, highlight=False, soft_wrap=True)
    for section in document.sections:
        print_section(console, section)


def print_section(console: Console, section: DocumentSection) -> None:
    """One section."""
    console.print(f"\n{section.title}", style="bold underline", markup=False, highlight=False)
    for sentence in section.sentences:
        console.print(sentence, markup=False, highlight=False)
    for table in section.tables:
        console.print()
        console.print(table.caption, style="italic", markup=False, highlight=False)
        console.print(_rich(table))
    for remark in section.remarks:
        console.print(f"- {remark}", markup=False, highlight=False)


def _rich(table: TextTable) -> Table:
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for place, name in enumerate(table.columns):
        left = place == 0 or place in table.words
        # The name of a row gives way first where the terminal is narrow: a cut number would be another number.
        shown.add_column(name, justify="left" if left else "right", overflow="fold", no_wrap=place > 0 and not left)
    for row in table.rows:
        shown.add_row(*(cell.replace("[", r"\[") for cell in row))
    return shown

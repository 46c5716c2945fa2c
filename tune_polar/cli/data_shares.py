"""What a data set holds, as a table: a row a label, class or number, a column a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.table import Table

from tune_polar.data.corpus_summary import SplitSummary, summarise
from tune_polar.data.table import Corpus

MOST_PARTS = 50  # of one column; authors or threads are counted

Conditions = Mapping[str, Mapping[str, int | str]]


def print_shares(console: Console, corpus: Corpus, under: Conditions) -> None:
    """Rows, lengths and shares. ``under``: for columns that some rows alone have, which rows these are.

    Label names are long, and a narrow or missing terminal would cut them were they columns.
    """
    summaries = summarise(corpus, under)
    table = Table(box=None, header_style="bold")
    table.add_column("column", no_wrap=True)
    for split, _ in summaries:
        table.add_column(split, justify="right")
    for name, *cells in _lines(corpus, [about for _, about in summaries]):
        table.add_row(name, *cells)
    console.print(table)
    partly = {said for name in under if name in corpus.train.columns for said in [_said(under[name])]}
    for said in sorted(partly):
        names = [name for name in under if name in corpus.train.columns and _said(under[name]) == said]
        console.print(f"shares of {', '.join(names)}: of the rows where {said}", soft_wrap=True)


def _lines(corpus: Corpus, splits: list[SplitSummary]) -> Iterator[tuple[str, ...]]:
    yield "rows", *(f"{about['rows']:,}" for about in splits)
    yield "characters, mean", *(f"{about['mean_characters']:.0f}" for about in splits)
    yield "characters, most", *(f"{about['longest_characters']:,}" for about in splits)
    for name, column in corpus.train.columns.items():
        if column.kind == "number":
            yield (
                f"{name}, mean",
                *(f"{about['means'][name]:.3g}" if name in about["means"] else "—" for about in splits),
            )
        elif column.kind == "group" and len(column.names) > MOST_PARTS:
            yield f"{name}, groups", f"{len(column.names):,}", *("" for _ in splits[1:])
        elif column.kind != "text":
            parts = [name] if column.kind == "label" else [f"{name} = {each}" for each in column.names]
            for part in parts:
                yield part, *(f"{about['shares'][part]:.1%}" if part in about["shares"] else "—" for about in splits)


def _said(conditions: Mapping[str, int | str]) -> str:
    return " and ".join(f"{name} is {value}" for name, value in conditions.items())

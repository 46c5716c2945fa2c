"""Texts that the winner decides most wrongly: only where asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tune_polar.decide.checks import FloatArray, IntArray
from tune_polar.decide.rows import Rows
from tune_polar.decide.tables import Table
from tune_polar.report.context import PageContext
from tune_polar.report.document import Details, Entry, TextTable
from tune_polar.report.numbers import fixed, listed, setting
from tune_polar.report.section import Answer, Reason, Section, finished

SHOWN_A_COLUMN = 3
NOT_FOUND = "(text not found)"
WARNING = "Content warning: these are texts of the data, and they may be hateful. Open to read them"


def applies(page: PageContext) -> Reason | None:
    """It does where texts were given."""
    if page.options.texts is None:
        return Reason("Not applicable: texts are shown only where asked for (--examples).", arises=False)
    return finished(page)


def build(page: PageContext) -> Answer:
    """Of every stage that the score rests on, the texts furthest from gold, folded away under a warning."""
    outcome = page.won
    stages = [stage for stage in page.recipe.stages if stage in outcome.graph.scored.stages]
    tables = (_table(page, each, outcome.evidence.rows[each], outcome.evidence.tables[each]) for each in stages)
    return [Details(WARNING, tuple(tables), kind="warning")]


def _table(page: PageContext, stage: str, rows: Rows, table: Table) -> TextTable:
    ids, texts, lines = page.summary.gold.train.ids, page.options.texts or {}, []
    for place, what, said, gold in _wrongest(rows, table):
        row_id = ids[int(rows.ids[place])]
        lines.append((row_id, Entry(texts.get(row_id, NOT_FOUND), kind="text"), what, said, gold))
    caption = f"{stage}: the texts whose out-of-fold prediction lies furthest from gold"
    return TextTable(caption, ("Id", "Text", "Error", "Predicted", "Gold"), lines, words=(1, 2, 4), kind="examples")


def _wrongest(rows: Rows, table: Table) -> Iterator[tuple[int, str, str, str]]:
    """Row, error, prediction and gold in words, column by column."""
    gold, judged = rows.gold, np.flatnonzero(rows.mask)
    if gold.kind == "class":
        yield from _wrong_classes(rows, table, judged) if table.kind != "neighbours" else ()
        return
    said = table.models[0].mean(axis=1, keepdims=True) if table.kind == "neighbours" else table.ensemble
    for column, name in enumerate(gold.names):
        truth = gold.values[:, column].astype(np.float64)
        for place in _furthest(judged, np.abs(truth - said[:, column])):
            value = float(said[place, column])
            if gold.kind == "number":
                what = f"{name} too {'high' if value > truth[place] else 'low'}"
                yield place, what, setting(value), setting(float(truth[place]))
            else:
                has = [each for each, found in zip(gold.names, gold.values[place], strict=True) if found]
                what = f"{'misses' if truth[place] else 'wrongly finds'} {name}"
                yield place, what, fixed(value, 2), listed(has) or "none"


def _wrong_classes(rows: Rows, table: Table, judged: IntArray) -> Iterator[tuple[int, str, str, str]]:
    names, shares = rows.gold.names, table.ensemble
    for code, name in enumerate(names):
        for place in _furthest(judged[rows.gold.values[judged, 0] == code], 1 - shares[:, code]):
            likeliest = names[int(shares[place].argmax())]
            what = f"doubts {name}" if likeliest == name else f"takes {name} for {likeliest}"
            yield place, what, fixed(float(shares[place, code]), 2), name


def _furthest(places: IntArray, miss: FloatArray) -> list[int]:
    return [int(place) for place in places[np.argsort(-miss[places], kind="stable")[:SHOWN_A_COLUMN]]]


SECTION = Section("examples", "Which texts does it get most wrong?", "Examples", applies, build)

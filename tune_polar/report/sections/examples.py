"""Texts that the winner decides most wrongly: only where asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tune_polar.decide.array_checks import FloatArray, IntArray
from tune_polar.decide.rows import Rows
from tune_polar.decide.tables import Table
from tune_polar.report.document import Details, Entries, Entry, TextTable
from tune_polar.report.numbers import fixed, listed, setting
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Reason, Section, finished
from tune_polar.store.records import EXTRA, VALIDATION

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
    ids, texts, lines = page.summary.gold.train.ids, page.options.texts or {}, list[Entries]()
    nearest = _nearest(page, stage)
    for place, what, said, gold in _wrongest(rows, table):
        row = int(rows.ids[place])
        line: Entries = (ids[row], Entry(texts.get(ids[row], NOT_FOUND), kind="text"), what, said, gold)
        around = (
            f"{fixed(cosine, 2)} {_gold_of(page, stage, near)}: {texts.get(ids[near], NOT_FOUND)}"
            for near, cosine in nearest.get(row, ())
        )
        lines.append((*line, Entry("\n".join(around) or "—", kind="lines")) if nearest else line)
    caption = f"{stage}: the texts whose out-of-fold prediction lies furthest from gold"
    columns = ("Id", "Text", "Error", "Predicted", "Gold")
    if nearest:
        caption += ", and the training texts whose vectors are nearest (cosine, gold)"
        return TextTable(caption, (*columns, "Nearest in training"), lines, words=(1, 2, 4, 5), kind="examples")
    return TextTable(caption, columns, lines, words=(1, 2, 4), kind="examples")


def _nearest(page: PageContext, stage: str) -> dict[int, list[tuple[int, float]]]:
    """Training rows nearest to each held-out one, with their cosines, where the stage measures them: by row."""
    predictions = None if page.best is None else page.best.predictions
    found: dict[int, list[tuple[int, float]]] = {}
    for cell in () if predictions is None else predictions.cells:
        arrays = cell.stages[stage].arrays
        asked, nearest, cosines = (
            arrays.get(f"{EXTRA}/{name}/{VALIDATION}") for name in ("asked", "nearest", "cosine")
        )
        if asked is None or nearest is None or cosines is None or nearest.shape != cosines.shape:
            continue
        if nearest.ndim != 2 or not ((nearest >= 0) & (nearest < len(page.summary.gold.train))).all():
            continue  # of a store that somebody has changed
        for row, near, likeness in zip(asked.tolist(), nearest.tolist(), cosines.tolist(), strict=False):
            found.setdefault(row, list(zip(near, likeness, strict=True)))
    return found


def _gold_of(page: PageContext, stage: str, row: int) -> str:
    name, train = page.recipe.stages[stage].columns[0], page.summary.gold.train
    column = train.columns[name]
    code = int(train.values(name)[row])
    return column.names[code] if column.names else ("no", "yes")[code]


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

"""Every run's own score, here and on other sets: how far seeds scatter, and what carries over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.metrics import Metric
from tune_polar.evaluate.cells_elsewhere import cell_scores_elsewhere
from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.report.cross_table import most_shown, sets_of
from tune_polar.report.document import Block, TextTable, caption
from tune_polar.report.numbers import fixed, spread, with_error
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Reason, Section, finished
from tune_polar.report.words import chosen_notes, metric_words, seen_mark, seen_notes
from tune_polar.stats.intervals import signed, unit_of

CELLS_SHOWN = 10


def applies(page: PageContext) -> Reason | None:
    """It does where a fold is trained with several seeds, or other sets have gold."""
    if page.cells.seeds == 1 and not sets_of(page):
        return Reason("Not applicable: each fold is trained with one seed, and no other set has gold.", arises=False)
    return finished(page)


def build(page: PageContext) -> Answer:
    """The seed table, the cross table, and the differences of both."""
    rows = most_shown(page)
    found: list[Block] = [_by_cell(page, rows)] if page.cells.seeds > 1 else []
    elsewhere = cross_scores(rows, sets_of(page)) if sets_of(page) else {}
    mean = ", mean ± standard deviation" if len(page.cells.cells) > 1 else ""
    mean += " (the score pools all rows)" if page.cells.folds > 1 else ""
    if elsewhere:
        scored = (page.summary.facts.data_name, *sets_of(page))
        found.append(_crossed(page, rows, elsewhere))
        found.append(
            caption(
                f"Each {page.cells.one}’s model by itself{mean}; "
                "settings were chosen on out-of-fold rows. Other sets are scored, and this search chooses nothing on "
                "them: do not choose a row of this table by them.",
                *chosen_notes((page.summary, name, row) for row in rows for name in scored),
                *seen_notes(rows),
            )
        )
        found += _differences(page, rows, elsewhere)
    return found


def cross_scores(rows: Sequence[ConfigurationSummary], sets: Sequence[str]) -> dict[str, dict[str, FloatArray]]:
    """Score of each cell on each set, by configuration, then by set."""
    found = {}
    for row in rows:
        if row.outcome is not None:
            scores = cell_scores_elsewhere(row.outcome)
            found[row.configuration.id] = {name: scores[name] for name in sets if name in scores}
    return found


def _by_cell(page: PageContext, rows: Sequence[ConfigurationSummary]) -> TextTable:
    cells = page.summary.cells[:CELLS_SHOWN]
    lines = []
    for row in rows:
        scores = row.scores
        if scores is None:
            continue
        each = scores.by_cell(page.summary.cells)
        there = each[~np.isnan(each)].tolist()
        shown = ("—" if np.isnan(value) else page.shown(value) for value in each[:CELLS_SHOWN].tolist())
        lines.append((page.index.name(row), *shown, page.shown(float(np.mean(there))) + seen_mark(row), _sd(there)))
    columns = ("configuration", *map(page.cells.name, cells), "mean", "SD")
    return TextTable(f"{metric_words(page.metric.name)} of each {page.cells.one}", columns, lines)


def _crossed(
    page: PageContext, rows: Sequence[ConfigurationSummary], elsewhere: Mapping[str, Mapping[str, FloatArray]]
) -> TextTable:
    sets, lines = sets_of(page), []
    for row in rows:
        if row.scores is not None and row.configuration.id in elsewhere:
            there = elsewhere[row.configuration.id]
            own = row.scores.by_cell(page.summary.cells)
            words = [_mean(own) + seen_mark(row), *(_mean(there[name]) if name in there else "—" for name in sets)]
            lines.append((page.index.name(row), *words))
    title = f"Trained on {page.summary.facts.data_name}, tested on it and elsewhere: {metric_words(page.metric.name)}"
    return TextTable(title, ("configuration", "held-out rows", *sets), lines)


def _differences(
    page: PageContext, rows: Sequence[ConfigurationSummary], elsewhere: Mapping[str, Mapping[str, FloatArray]]
) -> list[Block]:
    reference = page.reference
    if reference is None or reference.configuration.id not in elsewhere or len(page.summary.cells) < 2:
        return []
    base, sets, lines = elsewhere[reference.configuration.id], sets_of(page), []
    for row in rows:
        own = page.difference(row)
        if row is reference or own is None:
            continue
        there = elsewhere.get(row.configuration.id, {})
        known = {name for name in sets if name in there and name in base and len(there[name]) == len(base[name])}
        words = (_paired(there[name] - base[name], page.metric) if name in known else "—" for name in sets)
        lines.append((page.index.name(row), own.text, *words))
    if not lines:
        return []
    unit = unit_of(page.metric).strip() or "the metric’s own unit"
    title = f"Difference to {page.index.name(reference)}, paired {page.cells.one} by {page.cells.one}, in {unit}"
    note = "Mean ± its standard error. A difference below about twice its error cannot be told from none."
    if page.cells.folds > 1:
        note = (
            "Mean ± its standard error as if folds were independent. They share training rows, so it is too small: the "
            "corrected intervals stand under “Is it really better?”."
        )
    return [TextTable(title, ("configuration", "held-out rows", *sets), lines), caption(note)]


def _mean(scores: FloatArray) -> str:
    there = scores[~np.isnan(scores)].tolist()
    return with_error(float(np.mean(there)), spread(there)) if there else "—"


def _sd(scores: Sequence[float]) -> str:
    found = spread(scores)
    return "—" if found is None else fixed(found, 3)


def _paired(deltas: FloatArray, metric: Metric) -> str:
    mean, sd = signed(float(deltas.mean()), metric), spread(deltas.tolist())
    return mean if sd is None else f"{mean} ± {signed(sd / len(deltas) ** 0.5, metric).removeprefix('+')}"


SECTION = Section("runs", "What does each run score, here and elsewhere?", "Runs and sets", applies, build)

"""What the decisions do one after the other, and what a gate's errors cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BoolArray
from tune_polar.decide.chooser import Chooser
from tune_polar.decide.graph import Node
from tune_polar.decide.judgement import Judgement
from tune_polar.decide.rows import Gold
from tune_polar.evaluate.outcome import Outcome
from tune_polar.report.document import Block, Entry, TextTable, figure, heading, missing, prose
from tune_polar.report.drawing.figures import Strip, strip_plot
from tune_polar.report.numbers import count, fixed
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, has
from tune_polar.report.words import (
    begun,
    chosen_on,
    decision_words,
    gap_words,
    metric_words,
    per_column_words,
    seen_mark,
    seen_notes,
)
from tune_polar.stats.intervals import signed

KIND = "gate"


@dataclass(frozen=True, eq=False)
class _Gated:
    """One gate with what it lets through, row by row of all that it is judged on."""

    gate: Judgement
    of: Judgement
    by: Judgement
    inside: BoolArray  # (rows of the gate,) whether ``of`` is judged on the row too
    kept: BoolArray  # (rows of ``of``,) whether the gate is judged on the row too


@dataclass(frozen=True)
class _Column:
    name: str
    alone: float
    behind: float
    lost: int  # right ones that the gate rejects
    positives: int
    false: int  # on rows that ``of`` is not judged on

    @property
    def change(self) -> str:
        return f"{self.alone:.2f} → {self.behind:.2f}"


def build(page: PageContext) -> Answer:
    """The decisions as a table, then each gate."""
    outcome = page.won
    blocks: list[Block] = [_decisions(page, outcome)]
    for place, node in enumerate(outcome.graph.nodes.values()):
        if node.kind == KIND:
            of, by = (each if isinstance(each, str) else each.name for each in (*node.of, *node.by))
            blocks.append(heading(f"What {by} costs {of}"))
            lacking = [name for name in (node.name, of, by) if name not in outcome.decisions]
            if lacking:
                why = outcome.judged.unjudged.get(lacking[0], "it is a stage without a decision")
                blocks.append(missing(f"Not applicable: {lacking[0]} cannot be scored, {why}."))
            else:
                blocks += _gate(page, _gated(outcome, node, of, by), f"passed-on-{place}")
    return blocks


def _decisions(page: PageContext, outcome: Outcome) -> TextTable:
    """Beside the reference's where that was read."""
    compared, rows = (page.best, None if page.reference is page.best else page.reference), []
    shown = [(row, row.outcome) for row in compared if row is not None and row.outcome is not None]
    for name, decision in page.recipe.decide.items():
        judged = outcome.decisions.get(name)
        metric = "" if judged is None else metric_words(judged.metric.name)
        why = Entry("not scored", outcome.judged.unjudged.get(name, ""))
        said = (
            page.shown(each.decisions[name].cross_fitted.score) + seen_mark(row, name)
            if name in each.decisions
            else why
            for row, each in shown
        )
        rows.append((name, decision_words(decision), page.rows_of(name), metric, *said))
    caption = ". ".join(
        (
            "The decisions in their order, each cross-fitted by itself",
            *(note.removesuffix(".") for note in seen_notes(row for row, _ in shown)),
        )
    )
    columns = ("Decision", "What it is", "Judged on", "Measured by", "Winner", begun(page.reference_word))
    return TextTable(caption, columns[: 4 + len(shown)], rows, words=(1, 2, 3))


def _gated(outcome: Outcome, node: Node, of: str, by: str) -> _Gated:
    chooser, (source, *_), judged = Chooser(outcome.evidence, outcome.metric), node.of, outcome.decisions
    whole, part = chooser.rows(node), chooser.rows(source)
    order = np.argsort(whole.seed, kind="stable")  # as judgements have their rows
    gate, inner = whole.mask[order], part.mask[order]
    return _Gated(judged[node.name], judged[of], judged[by], inner[gate], gate[inner])


def _gate(page: PageContext, found: _Gated, name: str) -> list[Block]:
    gate, of, by, metric = found.gate, found.of, found.by, found.gate.metric
    alone, behind = of.cross_fitted.score, gate.cross_fitted.score
    on, over, comparable = page.rows_of(of.name), page.rows_of(gate.name), of.metric is metric
    costs = f": what {by.name} rejects or lets through wrongly costs {gap_words(metric.gain(alone, behind), metric)}"
    sentences = [
        _rejected(page, by),
        f"On {on} {of.name} alone scores {page.shown(alone)}{seen_mark(page.best, of.name)}; as {gate.name}, behind "
        f"{by.name} and on {over}, {page.shown(behind)}{seen_mark(page.best, gate.name)}{costs if comparable else ''}.",
    ]
    if not comparable:
        return [prose(*sentences), _keeper(page, by)]
    columns = sorted(_columns(found), key=lambda each: metric.gain(each.behind, each.alone))
    worst, least = columns[0], columns[-1]
    if len(columns) > 1:
        most, fewest = (signed(each.behind - each.alone, metric) for each in (worst, least))
        gains = metric.gain(least.behind, least.alone) > 0
        sentences.append(f"{worst.name} loses most ({most}), {least.name} {'gains' if gains else 'least'} ({fewest}).")
    title = f"{per_column_words(metric, gate.rows.gold.kind)} of each column of {of.name}, alone and behind {by.name}"
    description = f"{worst.name} loses most: {worst.change}. The table after this figure has all."
    strips = [
        Strip(one.name, one.change, (one.alone,), one.behind, point_names=(f"{one.name}, alone: {one.alone:.2f}",))
        for one in columns
    ]
    note = f"● {of.name} alone, on {on}. Upright bar: {gate.name}, {over}, behind {by.name}."
    drawn = figure(strip_plot(name, title, description.replace(" → ", " to "), strips), note)
    return [prose(*sentences), _keeper(page, by), drawn, _columns_table(page, found, columns)]


def _rejected(page: PageContext, by: Judgement) -> str:
    truth, through = _yes(by)
    wrong, lost = np.count_nonzero(through & ~truth), np.count_nonzero(~through & truth)
    return (
        f"{by.name} rejects {np.count_nonzero(~through):,} of {count(len(through), 'row')}{page.cells.counted}, "
        f"{lost:,} of them wrongly, and lets {wrong:,} through that it should reject."
    )


def _yes(by: Judgement) -> tuple[BoolArray, BoolArray]:
    """Gold and decisions of a yes-or-no question, (rows,) each."""
    gold, decided = by.rows.gold.values[:, 0], by.cross_fitted.decided[:, 0]
    return gold.astype(np.bool_), decided.astype(np.bool_)


def _keeper(page: PageContext, by: Judgement) -> TextTable:
    (truth, through), name, rows = _yes(by), by.rows.gold.names[0], []
    for value, own in ((1, truth), (0, ~truth)):
        right = float(np.mean(through[own] == truth[own])) if own.any() else 0.0
        counts = (f"{np.count_nonzero(part & own):,}" for part in (through, ~through))
        rows.append((f"{name} = {value}", *counts, f"{100 * right:.0f}%"))
    caption = (
        f"The decisions of {by.name} on out-of-fold rows{page.cells.counted}, settings chosen on "
        f"{chosen_on('cross_fitted', page.cells)}"
    )
    return TextTable(caption, ("gold", "let through", "rejected", "right"), rows)


def _columns(found: _Gated) -> list[_Column]:
    gate, of, inside = found.gate, found.of.cross_fitted, found.inside
    truth = gate.rows.gold
    gold, behind = _each(truth, truth.values), _each(truth, gate.cross_fitted.decided)
    alone = np.zeros_like(behind)
    alone[inside] = _each(truth, of.decided)[found.kept]
    lost = np.count_nonzero(gold & inside[:, None] & alone & ~behind, axis=0)
    positives, false = np.count_nonzero(gold[inside], axis=0), np.count_nonzero((behind & ~gold)[~inside], axis=0)
    scored = (of.per_column, gate.cross_fitted.per_column, lost, positives, false)
    return [_Column(*each) for each in zip(truth.names, *(part.tolist() for part in scored), strict=True)]


def _each(gold: Gold, values: NDArray[Any]) -> BoolArray:
    """Yes and no of each label, or of each class; (rows, names)."""
    return np.asarray(values == np.arange(len(gold.names)) if gold.kind == "class" else values, dtype=np.bool_)


def _columns_table(page: PageContext, found: _Gated, columns: list[_Column]) -> TextTable:
    metric = found.gate.metric
    what = per_column_words(metric, found.gate.rows.gold.kind)
    others = () if found.inside.all() else (f"false ones beside the {page.rows_of(found.of.name)}",)
    rows = [
        (
            *(each.name, fixed(each.alone, 2), fixed(each.behind, 2), signed(each.behind - each.alone, metric)),
            *(f"{each.lost:,} of {each.positives:,}", *(f"{each.false:,}" for _ in others)),
        )
        for each in columns
    ]
    marks = (seen_mark(page.best, each.name) for each in (found.of, found.gate))
    heads = (
        f"{what} alone{next(marks)}",
        f"{what} behind {found.by.name}{next(marks)}",
        "difference",
        "right ones lost to the gate",
        *others,
    )
    caption = (
        f"Column by column, worst loss first. Same settings in both, chosen on "
        f"{chosen_on('cross_fitted', page.cells)}; counts are of out-of-fold rows{page.cells.counted}"
    )
    return TextTable(caption, ("column", *heads), rows)


APPLIES = has(lambda page: len(page.recipe.decide) > 1, "there is one decision alone")
SECTION = Section("pipeline", "Did the pipeline hold?", "Pipeline", APPLIES, build)

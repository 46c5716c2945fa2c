"""F1, precision and recall of every column over its threshold, folds as thin lines, and each rule's choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.decide.choose_thresholds import usual_rules
from tune_polar.decide.chooser import Chooser
from tune_polar.decide.confusion_scores import Confusion
from tune_polar.decide.decision_engine import judge
from tune_polar.decide.degenerate import fold_threshold_findings
from tune_polar.decide.graph import Graph, Node
from tune_polar.decide.groups import GroupSettings
from tune_polar.decide.judgement import Judgement
from tune_polar.decide.kinds import Setting, Thresholds
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Rows
from tune_polar.decide.threshold_rules import cuts_at
from tune_polar.evaluate.outcome import Outcome
from tune_polar.evaluate.threshold_checks import degenerate_thresholds
from tune_polar.recipe.cells import Cell
from tune_polar.report.document import Details, Figures, Row, TextTable, bullets, heading, in_parts, prose, titled
from tune_polar.report.drawing.panel import UNIT_AXIS, Panel
from tune_polar.report.ladder import decision_tables, gap_sentences, settings_of, shown_threshold, threshold_range
from tune_polar.report.numbers import fixed, listed
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, decides
from tune_polar.report.words import F1, gap_words, metric_words, per_column_words, seen_mark
from tune_polar.stats.intervals import signed

KIND = "threshold"
GRID: FloatArray = np.arange(1, 100, 2) / 100
PANELS_AT_MOST = 24  # the table has all columns
UNSTEADY = 0.15  # a threshold that moves by more between folds
AXIS = UNIT_AXIS.named("threshold")


@dataclass(frozen=True, eq=False)
class _Choice:
    """One rule's; thresholds of groups are those for all others."""

    rule: str
    judgement: Judgement

    @property
    def deployed(self) -> list[float]:
        """A threshold a column, chosen on all out-of-fold rows of all seeds: what a final system uses."""
        setting = self.judgement.deployed[self.judgement.name]
        (found,) = _thresholds([setting.pooled if isinstance(setting, GroupSettings) else setting]).tolist()
        return [float(each) for each in found]

    @property
    def by_part(self) -> FloatArray:
        """(parts, columns) each chosen on the others."""
        return _thresholds(settings_of(self.judgement.cross_fitted, self.judgement))


def _thresholds(settings: Sequence[Setting]) -> FloatArray:
    """(settings, columns)."""
    return np.stack([each.values for each in settings if isinstance(each, Thresholds)])


def build(page: PageContext) -> Answer:
    """Curves, rules and groups of every decision by thresholds, then what is degenerate."""
    found = enumerate(page.decisions(KIND))
    blocks = in_parts((f"Thresholds of {each.name}", _decision(page, page.won, each, place)) for place, each in found)
    degenerate = list(degenerate_thresholds(page.won, page.summary.gold))
    if not degenerate:
        return [*blocks, prose("No threshold used here is degenerate (TP003).")]
    return [*blocks, heading("Degenerate thresholds (TP003)"), bullets(*(f"{each}." for each in degenerate))]


def _decision(page: PageContext, outcome: Outcome, judgement: Judgement, place: int) -> Answer:
    node, names = outcome.graph.nodes[judgement.name], judgement.rows.gold.names
    own = str(outcome.best.changes.get(f"{node.name}.rule", outcome.graph.setting(f"{node.name}.rule")))
    rows, shares = _rows(outcome, node, judgement)
    usual = usual_rules("both_classes" if len(names) == 1 else "positive")
    choices = [_Choice(own, judgement), *_choices(outcome, node, [rule for rule in usual if rule != own])]
    used = choices[0]
    moves = np.argsort(-np.ptp(used.by_part, axis=0), kind="stable")[:PANELS_AT_MOST]
    drawn = _Curves(page, rows, shares, choices)
    panels = tuple(_panel(f"threshold-{place}-{n}", n, drawn) for n in sorted(moves.tolist()))
    parts = judgement.cross_fitted.parts if page.cells.folds > 1 else ()  # fifths of the rows are no folds
    unsteady = fold_threshold_findings(used.by_part[: len(parts)], folds=parts, labels=names)
    return [
        prose(*_sentences(page, choices), *gap_sentences(page, judgement, used.rule)),
        Figures(panels, _note(drawn, len(names))),
        *([bullets(*(f"Unsteady between folds: {each.message}." for each in unsteady))] if unsteady else []),
        Details("Every rule’s choice, column by column", (_rules_table(page, choices, names),)),
        *_groups_table(page, judgement, node),
        *decision_tables(page, outcome, judgement),
    ]


def _rows(outcome: Outcome, node: Node, judgement: Judgement) -> tuple[Rows, FloatArray]:
    """The out-of-fold rows that the decision is judged on, and the probabilities that it reads, (rows, columns)."""
    chooser = Chooser(outcome.evidence, outcome.metric)
    rows, table = chooser.rows(node), chooser.inputs(node, judgement.deployed).tables[0]
    return rows.take(rows.mask), table.ensemble[rows.mask]


def _choices(outcome: Outcome, node: Node, rules: Sequence[str]) -> list[_Choice]:
    """What each rule chooses for this decision alone."""
    steps, evidence = {each.name: outcome.graph.steps[each.name] for each in node.below}, outcome.evidence
    alone, metric = Graph.of(steps, score=node.name, stages=outcome.graph.stages), outcome.decisions[node.name].metric
    graphs = {rule: alone.changed({f"{node.name}.rule": rule}) for rule in rules}
    return [_Choice(rule, judge(g, evidence.tables, evidence.rows, metric).scored) for rule, g in graphs.items()]


@dataclass(frozen=True, eq=False)
class _Curves:
    """What is drawn of a decision, column by column."""

    page: PageContext
    rows: Rows
    shares: FloatArray  # (rows, columns)
    choices: Sequence[_Choice]  # the first is used

    @property
    def judgement(self) -> Judgement:
        """By the rule that is used."""
        return self.choices[0].judgement

    @property
    def what(self) -> str:
        """What the thick line is: a column's part of the score."""
        return per_column_words(self.judgement.metric, self.rows.gold.kind)

    def heights(self, column: int, at: FloatArray, own: BoolArray | None = None) -> FloatArray:
        """The column's part of the score at some thresholds; ``own``: of which rows."""
        return _part_of(self.judgement.metric, self.what)(self.cuts(column, at, own))

    def cuts(self, column: int, at: FloatArray, own: BoolArray | None = None) -> Confusion:
        """Counts at some thresholds."""
        gold, shares = self.rows.gold.values[:, column], self.shares[:, column]
        gold, shares = (gold, shares) if own is None else (gold[own], shares[own])
        return cuts_at(gold, shares, at).confusion()


def _part_of(metric: Metric, what: str) -> Callable[[Confusion], FloatArray]:
    return Confusion.positive_f1 if what == F1 or metric.of_counts is None else metric.of_counts


def _note(drawn: _Curves, columns: int) -> str:
    page, used = drawn.page, drawn.choices[0]
    thin = f"thin: {drawn.what} of each {page.cells.one}; " if len(used.judgement.cells) > 1 else ""
    note = (
        f"Thick: {drawn.what} on all out-of-fold rows ({page.rows_of(used.judgement.name)}); {thin}long dashes: "
        f"precision; dots: recall. ◆ the threshold used ({used.rule}); upright lines: what the other rules choose, "
        "named on hovering and in the table."
    )
    more = f" Drawn: the {PANELS_AT_MOST} columns whose thresholds move most."
    return note + (more if columns > PANELS_AT_MOST else "")


def _sentences(page: PageContext, choices: list[_Choice]) -> tuple[str, ...]:
    used, metric = choices[0], choices[0].judgement.metric
    names = used.judgement.rows.gold.names
    score = {each.rule: each.judgement.cross_fitted.score for each in choices}
    ranked = sorted(score, key=lambda rule: metric.gain(0.0, score[rule]))
    mark = seen_mark(page.best, used.judgement.name)
    unsteady = [names[place] for place in np.flatnonzero(np.ptp(used.by_part, axis=0) > UNSTEADY)]
    parts = _parts(page)
    gap = metric.gain(used.judgement.ladder["inside_folds"].score, score[used.rule])
    better = gap_words(metric.gain(score[ranked[0]], score[used.rule]), metric)
    return (
        f"Cross-fitted {metric_words(metric.name)} by rule: "
        f"{listed([f'{rule} {page.shown(score[rule])}{mark}' for rule in ranked])}. The rule used is {used.rule}"
        + ("." if score[ranked[0]] == score[used.rule] else f"; {ranked[0]} is better by {better} here.")
        + f" Choosing by {used.rule} {_inside(page)} would promise "
        + (f"{gap_words(gap, metric)} more." if gap > 0 else "no more."),
        f"Between {parts} the threshold of {listed(unsteady)} moves by more than {UNSTEADY:g}: a final system’s own "
        "choice is as uncertain."
        if unsteady
        else f"Chosen on the other {parts}, no threshold moves by more than {UNSTEADY:g} between {parts}.",
    )


def _parts(page: PageContext) -> str:
    """What thresholds are chosen on the others of."""
    return "folds" if page.cells.folds > 1 else "fifths of the rows"


def _inside(page: PageContext) -> str:
    return "inside the very fold that is scored" if page.cells.folds > 1 else "on the very rows that are scored"


def _panel(name: str, column: int, drawn: _Curves) -> Markup:
    rows, used, what = drawn.rows, drawn.choices[0], drawn.what
    label, at, crossed = rows.gold.names[column], used.deployed[column], used.judgement.cross_fitted.per_column[column]
    panel = Panel(
        name,
        f"{label}: {what}, precision and recall over the threshold",
        f"By {used.rule} the threshold is {shown_threshold(at)}, cross-fitted {what} {crossed:.2f}. The table after "
        "these figures has every rule’s choice.",
        AXIS,
        UNIT_AXIS,
    )
    cells = used.judgement.cells
    for part, seed in cells if len(cells) > 1 else ():
        own = (rows.part == part) & (rows.seed == seed)
        panel.line(_points(drawn.heights(column, GRID, own)), "thin", drawn.page.cells.name(Cell(part, seed)))
    counts = drawn.cuts(column, GRID)
    panel.line(_points(counts.precision()), "precision", "precision")
    panel.line(_points(counts.recall()), "recall", "recall")
    panel.line(_points(drawn.heights(column, GRID)), "f1", what)
    for choice in reversed(drawn.choices):  # the one used lies on top
        value = choice.deployed[column]
        if value <= 1:
            kind = "rule used" if choice is used else "rule"
            panel.upright(value, kind, f"{choice.rule}: {shown_threshold(value)}")
    if at <= 1:
        height = float(drawn.heights(column, np.array([at]))[0])
        panel.mark("diamond", at, height, "pt win", title=f"{used.rule}: {shown_threshold(at)}")
    return titled(label, panel.svg())


def _points(values: FloatArray) -> list[tuple[float, float]]:
    return list(zip(GRID.tolist(), values.tolist(), strict=True))


def _rules_table(page: PageContext, choices: list[_Choice], names: Sequence[str]) -> TextTable:
    lines, metric, gold = [], choices[0].judgement.metric, choices[0].judgement.rows.gold
    for column, name in enumerate(names):
        for choice in choices:
            ladder, own = choice.judgement.ladder, threshold_range(choice.by_part[:, column].tolist())
            inside, crossed = (float(ladder[rung].per_column[column]) for rung in ("inside_folds", "cross_fitted"))
            scored = (fixed(crossed, 2), signed(metric.gain(inside, crossed), metric))
            chosen = (name, choice.rule, shown_threshold(choice.deployed[column]), own)
            lines.append(Row((*chosen, *scored), kind="main" if choice is choices[0] else ""))
    several, part = page.cells.folds > 1, per_column_words(metric, gold.kind)
    looks = "inside the scored fold looks" if several else "on the scored rows themselves looks"
    below = "a rule chooses badly on the few rows of one fold" if several else "a rule does not look for the score"
    caption = (
        f"Thresholds on all out-of-fold rows, their range between {_parts(page)}, the column’s part of the "
        f"cross-fitted {metric_words(metric.name)}, and how much better choosing {looks}; below 0 where {below}"
    )
    gap = f"{'Inside folds' if several else 'On these rows'} − cross-fitted"
    columns = ("Column", "Rule", "Threshold", "Folds" if several else "Fifths", part, gap)
    return TextTable(caption, columns, lines, words=(1,))


def _groups_table(page: PageContext, judgement: Judgement, node: Node) -> Answer:
    setting = judgement.deployed.get(node.name)
    if not isinstance(setting, GroupSettings) or node.per is None:
        return []
    names = page.summary.gold.train.columns[node.per].names
    own = [*((names[code], each) for code, each in setting.own.items()), ("others", setting.pooled)]
    rows = [(name, *map(shown_threshold, each.values.tolist())) for name, each in own if isinstance(each, Thresholds)]
    caption = (
        f"Thresholds for each {node.per}, chosen on all its out-of-fold rows; others: chosen on the rows of all, for "
        "groups with too few"
    )
    return [TextTable(caption, (node.per, *judgement.rows.gold.names), rows)]


APPLIES = decides(KIND, "no decision has thresholds")
SECTION = Section("thresholds", "Which thresholds, and how sure are they?", "Thresholds", APPLIES, build)

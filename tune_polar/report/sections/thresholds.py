"""F1, precision and recall of every column over its threshold, folds as thin lines, and each rule's choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.choose_thresholds import usual_rules
from tune_polar.decide.chooser import Chooser
from tune_polar.decide.decision_engine import judge
from tune_polar.decide.degenerate import fold_threshold_findings
from tune_polar.decide.graph import Graph, Node
from tune_polar.decide.groups import GroupSettings
from tune_polar.decide.judgement import Judgement, Rung
from tune_polar.decide.kinds import Thresholds
from tune_polar.decide.rows import Rows
from tune_polar.decide.threshold_rules import cuts_at
from tune_polar.evaluate.outcome import Outcome
from tune_polar.evaluate.threshold_checks import degenerate_thresholds
from tune_polar.report.document import Details, Figures, Row, TextTable, bullets, heading, in_parts, prose, titled
from tune_polar.report.drawing.panel import UNIT_AXIS, Panel
from tune_polar.report.ladder import decision_tables, gap_sentences, settings_of, shown_threshold, threshold_range
from tune_polar.report.numbers import fixed, listed
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, decides
from tune_polar.report.words import gap_words, metric_words, per_column_words
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

    def values(self, rung: Rung) -> FloatArray:
        """(parts, columns) each chosen on the others; chosen on all out-of-fold rows there is one part."""
        found = settings_of(self.judgement.ladder[rung], self.judgement)
        return np.stack([each.values for each in found if isinstance(each, Thresholds)])

    @property
    def pooled(self) -> list[float]:
        """A threshold a column, chosen on all out-of-fold rows."""
        found: list[float] = self.values("fold_tuned")[0].tolist()
        return found

    @property
    def by_part(self) -> FloatArray:
        """(parts, columns) each chosen on the others."""
        return self.values("cross_fitted")


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
    choices = _choices(outcome, node, [own, *usual_rules("both_classes" if len(names) == 1 else "positive")])
    used = choices[0]
    note = (
        f"Thick: F1 on all out-of-fold rows ({page.rows_of(node.name)}); thin: F1 of each fold; long dashes: "
        f"precision; dots: recall. ◆ the threshold used ({used.rule}); upright lines: what the other rules choose, "
        "named on hovering and in the table."
    )
    moves = np.argsort(-np.ptp(used.by_part, axis=0), kind="stable")[:PANELS_AT_MOST]
    note += f" Drawn: the {PANELS_AT_MOST} columns whose thresholds move most." if len(names) > PANELS_AT_MOST else ""
    panels = tuple(_panel(f"threshold-{place}-{n}", n, rows, shares, choices) for n in sorted(moves.tolist()))
    parts = judgement.cross_fitted.parts if page.cells.folds > 1 else ()  # fifths of the rows are no folds
    unsteady = fold_threshold_findings(used.by_part[: len(parts)], folds=parts, labels=names)
    return [
        prose(*_sentences(page, choices), *gap_sentences(page, judgement, used.rule)),
        Figures(panels, note),
        *([bullets(*(f"Unsteady between folds: {each.message}." for each in unsteady))] if unsteady else []),
        Details("Every rule’s choice, column by column", (_rules_table(choices, names),)),
        *_groups_table(page, judgement, node),
        *decision_tables(page, outcome, judgement),
    ]


def _rows(outcome: Outcome, node: Node, judgement: Judgement) -> tuple[Rows, FloatArray]:
    """The out-of-fold rows that the decision is judged on, and the probabilities that it reads, (rows, columns)."""
    chooser = Chooser(outcome.evidence, outcome.metric)
    rows, table = chooser.rows(node), chooser.inputs(node, judgement.deployed).tables[0]
    return rows.take(rows.mask), table.ensemble[rows.mask]


def _choices(outcome: Outcome, node: Node, rules: Sequence[str]) -> list[_Choice]:
    """What each rule chooses for this decision alone; the first as it is used."""
    steps, evidence = {each.name: outcome.graph.steps[each.name] for each in node.below}, outcome.evidence
    alone, metric = Graph.of(steps, score=node.name, stages=outcome.graph.stages), outcome.decisions[node.name].metric
    graphs = {rule: alone.changed({f"{node.name}.rule": rule}) for rule in rules}
    return [_Choice(rule, judge(g, evidence.tables, evidence.rows, metric).scored) for rule, g in graphs.items()]


def _sentences(page: PageContext, choices: list[_Choice]) -> tuple[str, ...]:
    used, metric = choices[0], choices[0].judgement.metric
    names = used.judgement.rows.gold.names
    score = {each.rule: each.judgement.cross_fitted.score for each in choices}
    ranked = sorted(score, key=lambda rule: metric.gain(0.0, score[rule]))
    unsteady = [names[place] for place in np.flatnonzero(np.ptp(used.by_part, axis=0) > UNSTEADY)]
    parts = "folds" if page.cells.folds > 1 else "fifths of the rows"
    gap = metric.gain(used.judgement.ladder["inside_folds"].score, score[used.rule])
    better = gap_words(metric.gain(score[ranked[0]], score[used.rule]), metric)
    return (
        f"Cross-fitted {metric_words(metric.name)} by rule: "
        f"{listed([f'{rule} {page.shown(score[rule])}' for rule in ranked])}. The rule used is {used.rule}"
        + ("." if score[ranked[0]] == score[used.rule] else f"; {ranked[0]} is better by {better} here.")
        + f" Choosing by {used.rule} inside the very fold that is scored would promise {gap_words(gap, metric)} more.",
        f"Between {parts} the threshold of {listed(unsteady)} moves by more than {UNSTEADY:g}: a final system’s own "
        "choice is as uncertain."
        if unsteady
        else f"Chosen on the other {parts}, no threshold moves by more than {UNSTEADY:g} between {parts}.",
    )


def _panel(name: str, column: int, rows: Rows, probability: FloatArray, choices: list[_Choice]) -> Markup:
    label, gold, shares, used = rows.gold.names[column], rows.gold.values[:, column], probability[:, column], choices[0]
    at, crossed = used.pooled[column], used.judgement.cross_fitted.per_column[column]
    panel = Panel(
        name,
        f"{label}: F1, precision and recall over the threshold",
        f"By {used.rule} the threshold is {shown_threshold(at)}, cross-fitted {crossed:.2f}. The table after these "
        "figures has every rule’s choice.",
        AXIS,
        UNIT_AXIS,
    )
    for part in rows.parts:
        own = rows.part == part
        panel.line(_points(cuts_at(gold[own], shares[own], GRID).positive_f1()), "thin", f"fold {part}")
    cuts = cuts_at(gold, shares, GRID)
    counts = cuts.confusion()
    panel.line(_points(counts.precision()), "precision", "precision")
    panel.line(_points(counts.recall()), "recall", "recall")
    panel.line(_points(cuts.positive_f1()), "f1", "F1")
    for choice in reversed(choices):  # the one used lies on top
        value = choice.pooled[column]
        if value <= 1:
            kind = "rule used" if choice is used else "rule"
            panel.upright(value, kind, f"{choice.rule}: {shown_threshold(value)}")
    if at <= 1:
        f1 = float(cuts_at(gold, shares, np.array([at])).positive_f1()[0])
        panel.mark("diamond", at, f1, "pt win", title=f"{used.rule}: {shown_threshold(at)}")
    return titled(label, panel.svg())


def _points(values: FloatArray) -> list[tuple[float, float]]:
    return list(zip(GRID.tolist(), values.tolist(), strict=True))


def _rules_table(choices: list[_Choice], names: Sequence[str]) -> TextTable:
    lines, metric = [], choices[0].judgement.metric
    for column, name in enumerate(names):
        for choice in choices:
            ladder, own = choice.judgement.ladder, threshold_range(choice.by_part[:, column].tolist())
            inside, crossed = (float(ladder[rung].per_column[column]) for rung in ("inside_folds", "cross_fitted"))
            scored = (fixed(crossed, 2), signed(metric.gain(inside, crossed), metric))
            chosen = (name, choice.rule, shown_threshold(choice.pooled[column]), own)
            lines.append(Row((*chosen, *scored), kind="main" if choice is choices[0] else ""))
    caption = (
        "Thresholds on all out-of-fold rows, their range between folds, the column’s part of the cross-fitted "
        f"{metric_words(metric.name)}, and how much better choosing inside the scored fold looks; below 0 where a rule "
        "chooses badly on the few rows of one fold"
    )
    columns = ("Column", "Rule", "Threshold", "Folds", per_column_words(metric), "Inside folds − cross-fitted")
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

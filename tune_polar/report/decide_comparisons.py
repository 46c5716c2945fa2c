"""Differences between configurations, whether other scorings pick another one, and thresholds per group, in words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from tune_polar.report.document import DocumentSection, TextTable
from tune_polar.report.drawing.figures import Strip, strip_plot
from tune_polar.report.numbers import count, spread, with_error
from tune_polar.stats.comparison import ComparisonMatrix
from tune_polar.stats.grouped_rows import GroupReport
from tune_polar.stats.intervals import Interval, points
from tune_polar.stats.threshold_report import ThresholdReport

UNITS = {
    "folds": "paired by fold (Nadeau and Bengio)",
    "rows": "paired by row (bootstrap)",
}


def comparison_section(report: ThresholdReport) -> DocumentSection:
    """Matrix of the top configurations, and a sentence for each pair with the first."""
    title = "Differences between the top configurations"
    if isinstance(report.by_folds, str) or isinstance(report.by_rows, str):
        return DocumentSection(title, (f"Not applicable: {report.by_folds}.",))
    sentences: list[str] = []
    for matrix in (report.by_folds, report.by_rows):
        first = matrix.names[0]
        sentences += [each.sentence for each in matrix.pairs if first in (each.first, each.second)]
    skipped = [
        f"{one} and {other}: not applicable by folds, their folds differ"
        for one, other in report.by_folds.not_applicable
    ]
    tables = tuple(_matrix(matrix, unit) for unit, matrix in (("folds", report.by_folds), ("rows", report.by_rows)))
    figure, note = _strips(report, report.by_folds.names)
    return DocumentSection(title, (f"All by rule {report.winner.rule}.",), tables, (*sentences, *skipped), figure, note)


def _strips(report: ThresholdReport, names: Sequence[str]) -> tuple[str, str]:
    """The top configurations' folds as points."""
    strips = []
    for each in report.by(report.winner.rule):
        if each.name in names:
            scores = tuple(each.fold_scores.tolist())
            value = with_error(each.cross_fitted, spread(scores))
            strips.append(Strip(each.name, value, scores, float(np.mean(scores)), is_reference=each is report.winner))
    figure = strip_plot(
        f"strips-{hashlib.sha256(str(report.path).encode()).hexdigest()[:8]}",
        "Scores of the top configurations, fold by fold",
        f"{count(len(strips), 'configuration')}, best first; the tables name every difference.",
        strips,
    )
    return figure, (
        "Points are folds, the upright bar is their mean; the number is the score pooled over all folds ± the standard "
        "deviation between folds. Squares and the dashed line: the selected configuration."
    )


def _matrix(matrix: ComparisonMatrix, unit: str) -> TextTable:
    """Row minus column in points, with the Holm-adjusted p; the upper triangle."""
    rows = []
    for place, name in enumerate(matrix.names):
        cells = []
        for other in matrix.names[1:]:
            pair = matrix.pair(name, other) if matrix.names.index(other) > place else None
            cells.append("" if pair is None else f"{points(pair.paired.difference)} p={pair.adjusted_p:.2g}")
        rows.append((f"{place + 1} {name}", *cells))
    caption = f"Row minus column, F1 points, {UNITS[unit]}; p adjusted for {len(matrix.pairs)} pairs (Holm)"
    return TextTable(caption, ("", *(f"− {place + 1}" for place in range(1, len(matrix.names)))), tuple(rows))


def ranking_section(report: ThresholdReport) -> DocumentSection:
    """Which configuration each protocol would have picked, and what that costs."""
    title = "Would another way of choosing have picked another winner?"
    ranking = report.ranking
    if isinstance(ranking, str):
        return DocumentSection(title, (f"Not applicable: {ranking}.",))
    scored = [each.name for each in report.scored if each.rule == report.winner.rule]
    reference = ranking.scorings.index(ranking.reference)
    picks = {name: scored[pick] for name, pick in ranking.picks.items()}
    others = [name for name, pick in picks.items() if pick != picks["cross-fitted"] and name != ranking.reference]
    verdict = (
        f"{', '.join(others)} would have picked another configuration than cross-fitting."
        if others
        else "All of them pick the same configuration."
    )
    rows = tuple(
        (
            name,
            picks[name],
            points(ranking.regret[name]),
            "n/a" if np.isnan(ranking.kendall[place, reference]) else f"{ranking.kendall[place, reference]:.2f}",
        )
        for place, name in enumerate(ranking.scorings)
    )
    table = TextTable(
        f"By rule {report.winner.rule}; regret in F1 points against the best by {ranking.reference}",
        ("scored by", "picks", "regret", f"Kendall's τ with {ranking.reference}"),
        rows,
        words=(1,),
    )
    return DocumentSection(title, (verdict,), (table,))


def group_section(report: GroupReport | str) -> DocumentSection:
    """Per-group thresholds against pooled ones, or why they cannot be compared."""
    title = "Thresholds per group, or pooled over groups"
    if isinstance(report, str):
        return DocumentSection(title, (f"Not applicable: {report}.",))
    best = max(report.rules, key=lambda rule: max(rule.own, rule.pooled))
    verdict = (
        f"the {best.interval.level:.0%} interval of the gain, {points(best.interval.low)} to "
        f"{points(best.interval.high)} points, includes zero: these rows do not tell which is better"
        if 0.0 in best.interval
        else f"{'per-group' if best.gain > 0 else 'pooled'} thresholds are better by {points(abs(best.gain))} points "
        f"({best.interval.level:.0%} interval of the gain {points(best.interval.low)} to {points(best.interval.high)})"
    )
    level = f"{best.interval.level:.0%} interval"
    rules = TextTable(
        f"Mean over groups, cross-fitted, {report.configuration}",
        ("rule", "pooled", "per group", "gain, points", level),
        tuple(
            (each.rule, _three(each.pooled), _three(each.own), points(each.gain), _points_span(each.interval))
            for each in report.rules
        ),
    )
    groups = TextTable(
        f"Each group by rule {best.rule}",
        ("group", "rows", "pooled", "per group", "gain, points", level),
        tuple(
            (
                each.group,
                f"{each.rows:,}",
                _three(each.pooled),
                _three(each.own),
                points(each.gain),
                _points_span(each.interval),
            )
            for each in best.groups
        ),
    )
    return DocumentSection(title, (f"By rule {best.rule} {verdict}.",), (rules, groups))


def _points_span(interval: Interval) -> str:
    return f"{points(interval.low)} to {points(interval.high)}"


def _three(value: float) -> str:
    return f"{value:.3f}"

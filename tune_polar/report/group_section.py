"""Thresholds per group (a language) against pooled ones, in words and tables."""

from __future__ import annotations

from tune_polar.report.decide_document import three
from tune_polar.report.document import DocumentSection, TextTable
from tune_polar.stats.grouped_rows import GroupReport
from tune_polar.stats.intervals import Interval, points


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
            (each.rule, three(each.pooled), three(each.own), points(each.gain), _points_span(each.interval))
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
                three(each.pooled),
                three(each.own),
                points(each.gain),
                _points_span(each.interval),
            )
            for each in best.groups
        ),
    )
    return DocumentSection(title, (f"By rule {best.rule} {verdict}.",), (rules, groups))


def _points_span(interval: Interval) -> str:
    return f"{points(interval.low)} to {points(interval.high)}"

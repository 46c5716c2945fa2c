"""Differences between configurations, whether other scorings pick another one, and thresholds per group, in words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tune_polar.decide.judgement import Judgement
from tune_polar.report.choice_words import choice_sentences
from tune_polar.report.document import DocumentSection, TextTable
from tune_polar.report.drawing.figures import Strip, strip_plot
from tune_polar.report.numbers import count, fixed, listed, spread, with_error
from tune_polar.stats.group_thresholds import GroupGain, GroupThresholds
from tune_polar.stats.grouped_rows import GroupReport
from tune_polar.stats.intervals import points, signed
from tune_polar.stats.plain_report import PlainReport
from tune_polar.stats.threshold_report import ThresholdReport
from tune_polar.stats.told_apart import Comparison, ComparisonMatrix

QUESTIONS = (
    "Folds answer whether a difference would come again in another training: each fold has models of its own, but "
    "there are few. Rows answer whether these trained models differ on more rows like these; another training is not "
    "among what varies there."
)


def comparison_section(report: ThresholdReport) -> DocumentSection:
    """Matrix of the top configurations, and a sentence for each pair with the first."""
    found = compared_section(
        report.by_folds, report.by_rows, f"All by rule {report.winner.rule}.", winners_judgements(report)
    )
    if isinstance(report.by_folds, str):
        return found
    figure, note = _strips(report, report.by_folds.names)
    return replace(found, figure=figure, figure_note=note)


def winners_judgements(report: ThresholdReport | PlainReport) -> dict[str, Judgement]:
    """By configuration, all by the winner's rule."""
    return {each.name: each.judgement for each in report.scored if each.rule == report.winner.rule}


def compared_section(
    by_folds: ComparisonMatrix | str, by_rows: ComparisonMatrix | str, about: str, judgements: Mapping[str, Judgement]
) -> DocumentSection:
    """The same of any report, without a figure; ``about``: what all of them have in common."""
    title = "Differences between the top configurations"
    if isinstance(by_folds, str) or isinstance(by_rows, str):
        return DocumentSection(title, (f"Not applicable: {by_folds}.",))
    matrices = {"paired by fold (Nadeau and Bengio)": by_folds, "paired by row (bootstrap)": by_rows}
    told = [each.sentence for of in matrices.values() for each in of.pairs if of.names[0] in (each.first, each.second)]
    skipped = [
        f"{one} and {other}: not applicable by folds, their folds differ" for one, other in by_folds.not_applicable
    ]
    tables = tuple(_matrix(matrix, how) for how, matrix in matrices.items())
    sentences = (f"{about} {QUESTIONS}", *choice_sentences(by_folds, judgements), *_disagreements(by_folds, by_rows))
    return DocumentSection(title, sentences, tables, (*told, *skipped))


def _disagreements(by_folds: ComparisonMatrix, by_rows: ComparisonMatrix) -> tuple[str, ...]:
    """Pairs with the first that one test tells apart and the other does not, and which to trust for what."""
    first, found = by_folds.names[0], []
    for name in by_folds.names[1:]:
        folds, rows = by_folds.pair(first, name), by_rows.pair(first, name)
        if folds is not None and rows is not None and folds.differs != rows.differs:
            found.append(f"{name} ({'folds' if folds.differs else 'rows'} alone)")
    if not found:
        return ()
    return (
        f"The two tests disagree on {first} against {listed(found)}. Trust the folds where a configuration is to be "
        "trained again, the rows where these very models are to be used.",
    )


def _strips(report: ThresholdReport, names: Sequence[str]) -> tuple[str, str]:
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


def _matrix(matrix: ComparisonMatrix, how: str) -> TextTable:
    """Row minus column, with the Holm-adjusted p; the upper triangle."""
    names, rows = matrix.names, []
    for place, name in enumerate(names):
        pairs = [matrix.pair(name, other) if other in names[place + 1 :] else None for other in names[1:]]
        cells = ("" if each is None else f"{_difference(each)} p={each.adjusted_p:.2g}" for each in pairs)
        rows.append((f"{place + 1} {name}", *cells))
    unit = matrix.pairs[0].metric.unit if matrix.pairs else ""
    caption = (
        f"Row minus column{', ' if unit else ''}{unit}, {how}; p adjusted for {count(len(matrix.pairs), 'pair')} (Holm)"
    )
    return TextTable(caption, ("", *(f"− {place + 1}" for place in range(1, len(names)))), rows)


def _difference(pair: Comparison) -> str:
    return signed(pair.paired.difference, pair.metric)


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
        f"{listed(others)} would have picked another configuration than cross-fitting."
        if others
        else "All of them pick the same configuration."
    )
    kendall = ranking.kendall[:, reference].tolist()
    rows = [
        (name, picks[name], points(ranking.regret[name]), "n/a" if np.isnan(tau) else fixed(tau, 2))
        for name, tau in zip(ranking.scorings, kendall, strict=True)
    ]
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
    level = f"{best.interval.level:.0%} interval"
    verdict = (
        f"the {level} of the gain, {points(best.interval.low)} to {points(best.interval.high)} points, includes zero: "
        "these rows do not tell which is better"
        if 0.0 in best.interval
        else f"{'per-group' if best.gain > 0 else 'pooled'} thresholds are better by {points(abs(best.gain))} points "
        f"({level} of the gain {points(best.interval.low)} to {points(best.interval.high)})"
    )
    heads, caption = (
        ("pooled", "per group", "gain, points", level),
        f"Mean over groups, cross-fitted, {report.configuration}",
    )
    rules = [(each.rule, *_gain(each)) for each in report.rules]
    groups = [(each.group, f"{each.rows:,}", *_gain(each)) for each in best.groups]
    tables = (
        TextTable(caption, ("rule", *heads), rules),
        TextTable(f"Each group by rule {best.rule}", ("group", "rows", *heads), groups),
    )
    return DocumentSection(title, (f"By rule {best.rule} {verdict}.",), tables)


def _gain(found: GroupThresholds | GroupGain) -> tuple[str, ...]:
    ends = f"{points(found.interval.low)} to {points(found.interval.high)}"
    return (f"{found.pooled:.3f}", f"{found.own:.3f}", points(found.gain), ends)

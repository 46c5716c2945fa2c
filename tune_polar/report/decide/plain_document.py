"""A report of classes or numbers in words and tables."""

from __future__ import annotations

from functools import partial

from tune_polar.decide.predictions import OOF
from tune_polar.report.decide.comparisons import compared_section, winners_judgements
from tune_polar.report.decide.threshold_document import alarm_sections, ensembles_in_words, rare_in_words
from tune_polar.report.document import Document, DocumentSection, Row, TextTable
from tune_polar.report.expected_score import ahead_sentences, span
from tune_polar.report.numbers import count, fixed, listed
from tune_polar.report.pooled_correlation import pooling_sentences
from tune_polar.report.words import metric_words
from tune_polar.stats.group_scores import LEVEL
from tune_polar.stats.intervals import signed, unit_of
from tune_polar.stats.plain_report import PlainReport
from tune_polar.stats.scored_configuration import among_words

DECIDED = {"class": "each row is given its likeliest class", "number": "numbers are taken as they are predicted"}
_three = partial(fixed, decimals=3)


def plain_document(report: PlainReport) -> Document:
    """One file's report."""
    sections = (
        *alarm_sections(report.splits_ahead),
        _read(report),
        _selected(report),
        _configurations(report),
        *_columns(report),
        *_groups(report),
    )
    more = () if report.kind == "number" else (rare_in_words(report.rare),)
    compared = compared_section(
        report.by_folds, report.by_rows, f"By {metric_words(report.metric.name)}.", winners_judgements(report)
    )
    return Document(
        f"Report of predicted {'classes' if report.kind == 'class' else 'numbers'}: {report.path}",
        (*sections, *more, compared, ensembles_in_words(report.ensembles)),
    )


def _read(report: PlainReport) -> DocumentSection:
    splits = [
        f"{count(each.rows, 'row')} in {each.name}{'' if each.has_gold else ' (no gold)'}" for each in report.splits
    ]
    what = count(len(report.labels), *(("class", "classes") if report.kind == "class" else ("number", "numbers")))
    read = (
        f"{count(len(report.configurations), 'configuration')}, {what}, {count(len(report.folds), 'fold')}; "
        f"{listed(splits)}."
    )
    smaller = "" if report.metric.larger_is_better else ", where smaller is better"
    scores = f"Scores are {metric_words(report.metric.name)}{smaller}: {DECIDED[report.kind]}."
    return DocumentSection("Read", (read, scores), remarks=report.notes)


def _selected(report: PlainReport) -> DocumentSection:
    winner, corrected, metric = report.winner, report.corrected, report.metric
    sentences = [
        f"Selected: {winner.name}, the best of {count(len(report.scored), 'complete configuration')}, "
        f"{_three(winner.cross_fitted)} on out-of-fold rows."
    ]
    if isinstance(corrected, str):
        sentences.append(f"Correction for the choice (BBC-CV): not applicable, {corrected}.")
    else:
        if not isinstance(report.new_rows, str):
            sentences += ahead_sentences(report.new_rows, _three, "tune-polar decide")
        worth = f"{signed(corrected.optimism, metric)}{unit_of(metric)}"
        sentences.append(
            f"Choosing it among {among_words(winner, report.scored)} was worth {worth} (BBC-CV), taken off in that."
        )
    splits = [OOF, *winner.judgement.splits]
    rows = [
        (metric_words(name), *(_three(found[split]) if split in found else "" for split in splits))
        for name, found in report.measures.items()
    ]
    return DocumentSection(
        "Selected configuration", tuple(sentences), (TextTable("Every measure of it", ("", *splits), rows),)
    )


def _configurations(report: PlainReport) -> DocumentSection:
    splits = list(report.winner.judgement.splits)
    rows = []
    for each in report.scored:
        ladders = each.judgement.splits
        on = [_three(ladders[split]["fold_tuned"].score) if split in ladders else "" for split in splits]
        rows.append((each.name, _three(each.cross_fitted), *on))
    table = TextTable(metric_words(report.metric.name), ("configuration", OOF, *splits), rows)
    return DocumentSection("Configurations, best first", tables=(table,))


def _columns(report: PlainReport) -> tuple[DocumentSection, ...]:
    """Class by class, or number by number where there are several."""
    if len(report.labels) < 2:
        return ()
    judgement = report.winner.judgement
    per_split = [judgement.cross_fitted, *(ladder["fold_tuned"] for ladder in judgement.splits.values())]
    gold = judgement.rows.gold
    rows = []
    for place, label in enumerate(report.labels):
        own = [str(int((gold.values[:, 0] == place).sum()))] if report.kind == "class" else []
        rows.append((label, *own, *(_three(float(each.per_column[place])) for each in per_split)))
    heads = ("class", "rows") if report.kind == "class" else ("number",)
    table = TextTable(f"Parts of {metric_words(report.metric.name)}", (*heads, OOF, *judgement.splits), rows)
    return (DocumentSection("Classes" if report.kind == "class" else "Numbers", tables=(table,)),)


def _groups(report: PlainReport) -> tuple[DocumentSection, ...]:
    if not report.groups:
        return ()
    rows: list[Row | tuple[str, ...]] = [
        (each.group, f"{each.rows:,}", _three(each.score), span(each.interval, _three)) for each in report.groups
    ]
    if report.pooling is not None:
        told = (
            ("mean over groups", "", report.pooling.macro),
            ("all pooled", f"{report.pooling.pooled.rows:,}", report.pooling.pooled),
        )
        rows += [Row((name, n, _three(of.value), span(of.interval, _three)), kind="main") for name, n, of in told]
    heads = ("group", "rows", OOF, f"{LEVEL:.0%} interval")
    table = TextTable(f"{metric_words(report.metric.name)} of {report.winner.name}", heads, rows)
    sentences = (
        () if report.pooling is None else tuple(pooling_sentences(report.pooling, report.metric, "group", _three))
    )
    return (DocumentSection("Groups", sentences, tables=(table,)),)

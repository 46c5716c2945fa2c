"""A threshold report in words and tables."""

from __future__ import annotations

import numpy as np

from tune_polar.decide.judged import Rung, Scored
from tune_polar.decide.predictions import OOF
from tune_polar.report.decide_comparisons import comparison_section, ranking_section
from tune_polar.report.document import Document, DocumentSection, TextTable
from tune_polar.report.ladder import shown_threshold
from tune_polar.report.numbers import count, listed
from tune_polar.report.words import RUNGS
from tune_polar.stats.intervals import Interval, points
from tune_polar.stats.scored_configuration import thresholds_of
from tune_polar.stats.threshold_report import LEVELS, ThresholdReport

MEASURE = {
    "labels": "mean over labels of the positive class's F1",
    "binary": "macro-F1 of one label: mean of the positive and the negative class's F1",
}
# Ways of choosing on out-of-fold rows, and where thresholds were chosen.
OOF_RUNGS: tuple[tuple[Rung, str], ...] = (
    ("inside_folds", "each fold's own rows, then averaged"),
    ("fold_tuned", "all these rows"),
    ("cross_fitted", "the other folds"),
    ("plain", "nowhere: 0.5"),
)
ON_SPLITS: tuple[Rung, ...] = ("oracle", "fold_tuned")
WIDEST = 8  # columns of a table that a terminal shows


def decide_document(report: ThresholdReport) -> Document:
    """One file's report."""
    return Document(
        f"Threshold report: {report.path}",
        (
            _read(report),
            _selected(report),
            _rules(report),
            _labels(report),
            _findings(report),
            comparison_section(report),
            ranking_section(report),
        ),
    )


def three(value: float) -> str:
    """A score with three decimals."""
    return f"{value:.3f}"


def span(interval: Interval) -> str:
    """``0.473–0.512``."""
    return f"{interval.low:.3f}–{interval.high:.3f}"


def _read(report: ThresholdReport) -> DocumentSection:
    splits = [
        f"{count(each.rows, 'row')} in {each.name}{'' if each.has_gold else ' (no gold)'}" for each in report.splits
    ]
    return DocumentSection(
        "Read",
        (
            f"{count(len(report.configurations), 'configuration')}, {count(len(report.labels), 'label')}, "
            f"{count(len(report.folds), 'fold')}; {listed(splits)}.",
            f"Scores are the {MEASURE[report.gold.kind]}.",
        ),
        remarks=report.notes,
    )


def _selected(report: ThresholdReport) -> DocumentSection:
    winner, candidates = report.winner, len(report.scored)
    complete = len({each.name for each in report.scored})
    sentences = [
        f"Selected: {winner.name} by rule {winner.rule}, the best cross-fitted score of "
        f"{count(candidates, 'candidate')} ({count(complete, 'complete configuration')} × "
        f"{count(len(report.rules), 'rule')})."
    ]
    levels = " and ".join(f"{level:.0%}" for level in LEVELS)
    rows = [("raw best", three(winner.cross_fitted), "", OOF, "the other folds")]
    if isinstance(report.corrected, str):
        sentences.append(f"Correction for the choice (BBC-CV): not applicable, {report.corrected}.")
    else:
        spans = " ".join(f"{span(report.corrected.interval_at(level))}" for level in LEVELS)
        rows.append(("corrected (BBC-CV)", three(report.corrected.corrected), spans, OOF, "the other folds"))
        sentences.append(
            f"To report: {three(report.corrected.corrected)}, {LEVELS[0]:.0%} interval "
            f"{span(report.corrected.interval_at(LEVELS[0]))}. Choosing it was worth "
            f"{points(report.corrected.optimism)} points, which are taken off."
        )
    if not isinstance(report.new_rows, str):
        spans = " ".join(span(report.new_rows.interval(level)) for level in LEVELS)
        rows.append((f"new set of {report.new_rows.rows:,} rows", "", spans, "new rows", "all out-of-fold rows"))
    ladder = winner.judgement.ladder
    rows += [
        (RUNGS[rung], three(ladder[rung].score), "", OOF, chosen)
        for rung, chosen in OOF_RUNGS
        if rung != "cross_fitted"
    ]
    for split in report.labelled:
        oracle, applied = (winner.on(split, rung) for rung in ON_SPLITS)
        if oracle is not None and applied is not None:
            rows.append((f"oracle on {split}", three(oracle.score), "", split, f"{split} gold itself"))
            rows.append((f"fold-tuned on {split}", three(applied.score), "", split, "all out-of-fold rows"))
            sentences.append(
                f"Thresholds chosen on {split} gold itself promise {three(oracle.score)} there, fold-tuned ones "
                f"reach {three(applied.score)}: {points(oracle.score - applied.score)} points of hindsight."
            )
    table = TextTable(
        "The selected configuration's score, by where its thresholds were chosen",
        ("", "score", f"{levels} interval", "scored on", "thresholds chosen on"),
        tuple(rows),
        words=(2, 3, 4),
    )
    remark = (
        "The interval for a new set covers what one more training run scores on that many rows like these; "
        "it is wider than that of the corrected score, which speaks of the expectation alone."
    )
    return DocumentSection(
        "Selected configuration", tuple(sentences), (table,), () if isinstance(report.new_rows, str) else (remark,)
    )


def _rules(report: ThresholdReport) -> DocumentSection:
    shown: list[tuple[str, Rung, str]] = [(RUNGS[rung], rung, OOF) for rung, _ in OOF_RUNGS if rung != "plain"]
    shown += [(f"{split} {RUNGS[rung]}", rung, split) for split in report.labelled for rung in ON_SPLITS]
    rows = tuple(
        (each.rule, *(_score(each.on(split, rung)) for _, rung, split in shown))
        for each in report.of(report.winner.name)
    )
    table = TextTable(f"Macro-F1 of {report.winner.name}", ("rule", *(head for head, _, _ in shown)), rows)
    return DocumentSection("Rules side by side, by where thresholds were chosen", tables=(table,))


def _score(scored: Scored | None) -> str:
    return "n/a" if scored is None else three(scored.score)


def _labels(report: ThresholdReport) -> DocumentSection:
    winner = report.winner
    ladder = winner.judgement.ladder
    pooled, by_fold = (thresholds_of(ladder[rung]) for rung in ("fold_tuned", "cross_fitted"))
    columns = ["label", "positive", "threshold", "folds'", RUNGS["cross_fitted"], f"{LEVELS[0]:.0%} interval"]
    columns += [RUNGS["fold_tuned"], RUNGS["inside_folds"]]
    others = [(split, rung) for split in report.labelled for rung in ON_SPLITS]
    columns += [f"{split} {RUNGS[rung]}" for split, rung in others]
    rows = []
    for place, label in enumerate(report.labels):
        ends = (float(by_fold[:, place].min()), float(by_fold[:, place].max()))
        own = [
            label,
            str(int(np.count_nonzero(report.gold.values[:, place]))),
            shown_threshold(float(pooled[0, place])),
            "–".join(dict.fromkeys(map(shown_threshold, ends))),
            three(float(ladder["cross_fitted"].per_column[place])),
            span(report.bootstrap.per_class_intervals[place]),
            *(three(float(ladder[rung].per_column[place])) for rung in ("fold_tuned", "inside_folds")),
        ]
        found = [winner.on(split, rung) for split, rung in others]
        rows.append((*own, *("n/a" if each is None else three(float(each.per_column[place])) for each in found)))
    half = min(len(columns), WIDEST)
    tables = [TextTable("F1 on out-of-fold rows", tuple(columns[:half]), tuple(row[:half] for row in rows))]
    if half < len(columns):
        tables.append(
            TextTable(
                "F1 on further splits: chosen on their own gold (oracle), and on all out-of-fold rows (fold-tuned)",
                (columns[0], *columns[half:]),
                tuple((row[0], *row[half:]) for row in rows),
            )
        )
    remark = f"Intervals resample rows within each pattern of gold labels, {report.bootstrap.rounds:,} rounds."
    return DocumentSection(f"Labels, by rule {winner.rule}", (), tuple(tables), (remark,))


def _findings(report: ThresholdReport) -> DocumentSection:
    found = [(rule, finding) for rule, findings in report.findings for finding in findings]
    clean = [rule for rule, findings in report.findings if not findings]
    sentences = (f"No finding for {listed(clean)}.",) if clean else ()
    return DocumentSection(
        "Degenerate thresholds (TP003)",
        sentences,
        remarks=tuple(f"{finding.code} {rule}: {finding.message}" for rule, finding in found),
    )
